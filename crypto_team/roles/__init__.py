"""One module per role: its contract and its tools."""
