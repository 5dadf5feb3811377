"""The command line: parse, call one tool, print."""
