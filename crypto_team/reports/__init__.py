"""Reports and pictures rendered from evidence."""
