"""Splits, selection, calibration, walk-forward, metrics and significance."""
