"""Features: the formula language, its operators, the matrix, and the causality audit."""
