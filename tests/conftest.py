"""What the end of a test run says besides counting tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hypothesis import settings

if TYPE_CHECKING:
    import pytest

# Tests of single layers compute with PyTorch on their own; MKL reads this once, at the process's first product.
os.environ.setdefault("MKL_CBWR", "COMPATIBLE")

# The same examples in every run; whoever fuzzes asks for new ones.
settings.register_profile("repeatable", derandomize=True, database=None)
if "FUZZ_EXAMPLES" not in os.environ:
    settings.load_profile("repeatable")

BANK = "test_the_answer_is_that_of_independent_sources"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many cases of the conformance bank ran, passed, and have no function yet."""
    reports = {name: terminalreporter.getreports(name) for name in ("passed", "failed", "skipped")}
    counts = {name: [item for item in found if BANK in item.nodeid] for name, found in reports.items()}
    passed, failed = len(counts["passed"]), len(counts["failed"])
    absent = sum("no function" in str(item.longrepr) for item in counts["skipped"])
    other = len(counts["skipped"]) - absent
    if passed or failed or other or absent:
        terminalreporter.write_line(
            f"conformance bank: {passed + failed} cases ran, {passed} passed, {absent} have no function yet, "
            f"{other} test a convention that is not ours"
        )
