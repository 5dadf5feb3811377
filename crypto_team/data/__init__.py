"""Market data: importing, canonical frames, quality, synthetic markets of known truth."""
