"""Scores of one user by what she did a moment ago: a bundle's models, without a warehouse."""
