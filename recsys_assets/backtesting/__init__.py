"""The time machine: what would have been published at an instant of the past, and how good it was."""
