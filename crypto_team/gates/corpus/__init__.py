"""Known-bad and known-good work, built on simulated markets of known truth: what the gates are measured on."""
