"""From the warehouse to an immutable bundle, and the one atomic step that puts it in use."""
