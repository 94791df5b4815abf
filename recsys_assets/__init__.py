"""A recommender system as Dagster assets: events in, explained and measured lists out."""

__version__ = "0.1.0"
