"""A team of LLM agents develops trading strategies for crypto, and gates recompute every number it reports."""

__version__ = "0.1.0"
