"""Candidate sources: each learns from one history and lists items for its users; then one merged list a user."""
