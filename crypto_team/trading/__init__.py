"""Signals, costs, sizing and simulation: pure functions."""
