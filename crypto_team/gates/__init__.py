"""Checks over evidence, the policy, and the gates between roles."""
