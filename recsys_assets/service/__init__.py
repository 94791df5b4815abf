"""The HTTP service: what is posted is on the disk before it is answered, and counts in the user's next list."""
