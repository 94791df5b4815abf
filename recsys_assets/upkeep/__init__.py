"""Keeping a home sound: is everything that should be there, and is it what it was."""
