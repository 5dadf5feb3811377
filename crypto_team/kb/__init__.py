"""The knowledge base: files, locks, git, ids, the evidence store, ledgers and handoffs."""
