"""What the end of a test run says besides counting tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

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
