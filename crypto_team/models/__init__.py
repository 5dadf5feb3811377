"""Learners behind one protocol, saved in their own safe formats."""
