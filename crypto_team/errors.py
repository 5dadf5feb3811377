"""Every foreseen error, drawn as a tree; each leaf knows the exit code that the command line documents.

::

    CryptoTeamError                1   something about the input or the workspace is wrong
    ├── InputError                 1   a file or value handed in from outside cannot be used
    ├── DocumentError              1   a knowledge-base document breaks its schema
    ├── EvidenceError              1   stored evidence is missing or does not match its hash
    ├── WorkerError                1   code run in a child process failed or hit its limits
    ├── UsageError                 2   the command was called the wrong way
    │   ├── FormulaError           2   a feature formula does not parse or type-check
    │   ├── NotFoundError          2   an id or a name that nobody knows
    │   └── MissingExtraError      2   an optional dependency is not installed
    ├── RefusedError               3   the rules say no
    │   ├── OwnershipError         3   another role owns this kind of record
    │   └── GateRefusedError       3   a handoff gate did not pass
    ├── ConflictError              4   the record changed since it was read
    └── LockTimeoutError           5   another process holds the lock

Anything that is not a ``CryptoTeamError`` is a bug: exit code 70, traceback to the log only.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_FINDINGS = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_CONFLICT = 4
EXIT_LOCKED = 5
EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130


class CryptoTeamError(Exception):
    """A foreseen failure: what happened, where, and what to do next.

    Parameters
    ----------
    what
        One sentence that says what is wrong, without the location.
    where
        ``file``, ``file:line:col`` or the name of the argument.
    hint
        What the user can do about it, ideally a command.
    """

    exit_code = EXIT_FINDINGS

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """Return ``where: what`` and the hint on a line of its own."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  next: {self.hint}" if self.hint else head


class InputError(CryptoTeamError):
    """A file or value handed in from outside cannot be used."""


class DocumentError(CryptoTeamError):
    """A knowledge-base document breaks its schema."""


class EvidenceError(CryptoTeamError):
    """Stored evidence is missing, unreadable or does not match its hash."""


class UnusableEvidenceError(EvidenceError):
    """What was handed in cannot be judged at all: no such folder, or no `meta.yaml` that can be read."""

    exit_code = EXIT_USAGE


class WorkerError(CryptoTeamError):
    """Code run in a child process failed or hit its time or memory limit."""


class UsageError(CryptoTeamError):
    """The command or function was called the wrong way."""

    exit_code = EXIT_USAGE


class FormulaError(UsageError):
    """A feature formula does not parse or type-check."""


class NotFoundError(UsageError):
    """An id or a name that nobody knows."""


class MissingExtraError(UsageError):
    """An optional dependency is not installed."""


class RefusedError(CryptoTeamError):
    """The rules of the team say no."""

    exit_code = EXIT_REFUSED


class OwnershipError(RefusedError):
    """Another role owns this kind of record."""


class GateRefusedError(RefusedError):
    """A handoff gate did not pass."""


class ConflictError(CryptoTeamError):
    """The record changed since the caller read it."""

    exit_code = EXIT_CONFLICT


class LockTimeoutError(CryptoTeamError):
    """Another process holds the lock."""

    exit_code = EXIT_LOCKED
