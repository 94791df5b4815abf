"""Experiments on a finished build: train its ranker otherwise, and judge it on validation as the gate does."""
