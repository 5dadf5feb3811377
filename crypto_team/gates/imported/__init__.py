"""Evidence from elsewhere: reading it without trust, and turning it into a case that the checks can judge."""
