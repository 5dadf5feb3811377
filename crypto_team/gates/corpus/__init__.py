"""Work of known truth that the gates are measured on: what has to be refused, and what must not be."""
