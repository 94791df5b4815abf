"""The thin Dagster layer: an asset reads, calls one pure function, writes, and returns metadata."""
