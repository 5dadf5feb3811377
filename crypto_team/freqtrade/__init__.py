"""Freqtrade as the engine: export a strategy, run it in a child process, read the results."""
