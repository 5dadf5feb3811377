"""The table of tools, their one answer shape, and the session they run in."""
