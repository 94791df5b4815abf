"""Rating prediction: baselines, a random forest and a neural network, judged by their errors at the test cutoff."""
