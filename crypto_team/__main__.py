"""`python -m crypto_team` is the command `crypto-team`."""

from __future__ import annotations

from crypto_team.cli.main import run

if __name__ == "__main__":
    run()
