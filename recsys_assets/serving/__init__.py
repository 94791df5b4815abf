"""Readers of the published bundle."""
