"""Who is told when computing has to wait for a compiler: whoever owns the terminal says so, anybody may compile."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[float, str], None]


class Watcher:
    """Passes reports on to whoever asked for them last; share done in [0, 1] and what is being done."""

    def __init__(self) -> None:
        self._told: Report | None = None

    def tell(self, report: Report) -> None:
        """Send what comes from now on to somebody."""
        self._told = report

    def __call__(self, share: float, text: str) -> None:
        """Report."""
        if self._told is not None:
            self._told(share, text)


COMPILING = Watcher()
