# SPDX-License-Identifier: GPL-3.0-or-later
"""What a strategy reads beside candles and code: noted, also where a library in C opens the file."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas.io.parquet
import pyarrow.feather
import pyarrow.parquet

if TYPE_CHECKING:
    from collections.abc import Callable

_UNTOLD = frozenset({".py", ".pyc", ".feather", ".so"})
_IN_C = (
    (pandas.io.parquet.PyArrowImpl, "read", 1),  # type: ignore[attr-defined]  # its stubs leave it out
    (pyarrow.parquet.ParquetFile, "__init__", 1),
    (pyarrow.parquet.ParquetDataset, "__init__", 1),
    (pyarrow.parquet, "read_table", 0),
    (pyarrow.feather, "read_table", 0),
)
"""Functions that open files unseen by Python, with the place of the path among their arguments."""


def note_files(folder: Path, opened: set[str]) -> None:
    """Remember what is opened below the folder from now on; what the guard refuses it notes itself."""
    root = str(folder.resolve() / "user_data") + "/"

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | bytes | Path):
            path = str(Path(str(arguments[0])).resolve()) if not isinstance(arguments[0], bytes) else ""
            if path.startswith(root) and Path(path).suffix not in _UNTOLD:
                opened.add(path[len(root) :])

    sys.addaudithook(watch)
    for owner, name, place in _IN_C:
        setattr(owner, name, _seen(getattr(owner, name), place))


def _seen(function: Callable[..., Any], place: int) -> Callable[..., Any]:
    """Open the file in Python first, so that the guard and the notes see it."""

    @functools.wraps(function)
    def seen(*arguments: Any, **named: Any) -> Any:
        path = arguments[place] if len(arguments) > place else None
        if isinstance(path, str | Path) and Path(path).suffix:
            Path(path).open("rb").close()
        return function(*arguments, **named)

    return seen
