"""A file of Python features before it is run: the libraries that it imports, and what Python makes of its text."""

from __future__ import annotations

import ast
import marshal
import sys
from importlib.util import MAGIC_NUMBER
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CODE = "feature_code.py"


def imported_libraries(source: str) -> list[str]:
    """Return the libraries that a file imports, to be loaded once and not for every frame."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [item.name for item in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module)
    # Our own kernels choose the folder of their cache when they are loaded: that has to be the job's.
    known = {*sys.stdlib_module_names, "crypto_team"}
    return [name for name in dict.fromkeys(found) if name.partition(".")[0] not in known]


def compiled(source: str) -> bytes:
    """Return the compiled file as Python stores it, so that not every process compiles it; empty where none can."""
    try:
        code = compile(source.encode(), CODE, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return b""
    return MAGIC_NUMBER + (1).to_bytes(12, "little") + marshal.dumps(code)


def keep_compiled(source: Path, code: bytes) -> None:
    """Put compiled code where Python looks for that of a file, marked as not to be compared with it."""
    # Beside the file: a prefix for caches that may be set for this process does not hold for jobs.
    place = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
    place.parent.mkdir()
    place.write_bytes(code)
