"""The ranker: training frame, training, live scores; then lists by rules, with reasons."""
