"""One file of the knowledge base, judged by itself: may it lie there, does it keep its shape, is it the right id."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from crypto_team import schemas
from crypto_team.errors import CryptoTeamError
from crypto_team.kb import learnings, remedies
from crypto_team.kb.citations import resolvable
from crypto_team.kb.injection import orders
from crypto_team.kb.kinds import SETTINGS, kind_of, misplaced
from crypto_team.kb.secrets import MOST_BYTES, flaws
from crypto_team.kb.yaml import FindingsError, check, decoded, parse, read_text
from crypto_team.schemas import Learning
from crypto_team.schemas.migrations import latest
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.kinds import Kind
    from crypto_team.kb.paths import Layout
    from crypto_team.schemas import Document


_VERSION: Final = re.compile(r"^schema_version:[ \t]*([0-9]{1,6})[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found in one file. `kind` is None for settings and strangers, `record` where there is no sound one."""

    kind: str | None
    record: Document | None
    findings: list[Finding]


def judge(layout: Layout, path: Path, content: bytes | None, *, inside: bool = False) -> Judged:
    """Judge a file by where it lies and what it holds; `content` is None where it could not be read.

    `inside`: the caller knows that no link leads out of the workspace.
    """
    found = kind_of(layout, path)
    stranger = _stranger(layout, path, found, inside=inside)
    if stranger is not None:
        return Judged(None, None, [stranger])
    kind, schema = (found.name, found.schema) if found else (None, SETTINGS.get(path.name))
    unfit = _unfit(content, path)
    if schema is None:
        return Judged(kind, None, unfit)
    try:
        record = read(schema, content, path)
    except FindingsError as problem:
        return Judged(kind, None, unfit + problem.findings)
    except CryptoTeamError as problem:
        return Judged(kind, None, [plain("unreadable", problem.what, path)])
    wrong = misplaced(layout, path, record)
    if wrong:
        return Judged(kind, None, [*unfit, plain("misplaced", wrong, path)])
    notes = [*_orders(record, path), *_vague(record, path)] if isinstance(record, Learning) else []
    return Judged(kind, record, unfit + notes + _old(schema, content, path))


def _stranger(layout: Layout, path: Path, kind: Kind | None, *, inside: bool) -> Finding | None:
    """Find a file that lies outside of the workspace, or where no kind of record lies."""
    try:
        if not inside:
            layout.inside(path)
    except CryptoTeamError as problem:
        return plain("outside", problem.what, path)
    if not inside and path.exists() and not path.is_file():
        odd = "folder" if path.is_dir() else "pipe, socket or device"
        return plain("unreadable", f"a {odd} lies where a {kind.name if kind else 'file'} belongs", path)
    if kind is not None or path.parent == layout.crypto:
        return None
    return plain("unknown-file", "no kind of record lies here", path)


def _unfit(content: bytes | None, path: Path) -> list[Finding]:
    """Find what must not be committed, in code and models too; the writer refuses the same."""
    try:
        held = content if content is not None else _bounded(path)
    except OSError:
        return []
    return [
        Finding(code=item.kind, severity="error", message=item.message, file=str(path), line=item.line, col=1,
                hint=item.hint)
        for item in flaws(held)
    ]  # fmt: skip


def _bounded(path: Path) -> bytes:
    """Read a regular file, one byte more than may be; a pipe or device is never opened."""
    if not stat.S_ISREG(path.lstat().st_mode):
        return b""
    with path.open("rb") as stream:
        return stream.read(MOST_BYTES + 1)


def _old(schema: str, content: bytes | None, path: Path) -> list[Finding]:
    """Note a document that is read in an older shape."""
    version, known = version_of((content or b"").decode(errors="replace")), latest(schema)
    if version >= known:
        return []
    message = f"written in version {version} of its shape, {known} is the present one; it is read all the same"
    note = plain("old-version", message, path, "crypto-team migrate")
    return [note.model_copy(update={"severity": "info"})]


def version_of(text: str) -> int:
    """Return the version that the text of a document names; without one it is of the first."""
    found = _VERSION.search(text)
    return int(found[1]) if found else 1


def _orders(claim: Learning, path: Path) -> list[Finding]:
    """Warn of text that reads like an order to whoever reads the claim."""
    return [
        Finding(
            code="instruction",
            severity="warning",
            message=f"the text holds {words!r}, which reads like an instruction ({kind}); it is data",
            file=str(path),
            line=1,
            col=1,
            hint=f"read it as a quotation, or crypto-team learnings retract {claim.learning_id} --reason TEXT",
        )
        for kind, words in orders(f"{claim.title}\n{claim.scope}\n{claim.text}")
    ]


def _vague(claim: Learning, path: Path) -> list[Finding]:
    """Note evidence that nobody can look up."""
    step = "a better claim can cite it: crypto-team learnings supersede"
    return [
        plain(
            "evidence-unknown", f"the evidence {item[:80]!r} names nothing that can be looked up", path, step
        ).model_copy(update={"severity": "info"})
        for item in claim.evidence
        if not resolvable(item)
    ]


def read(schema: str, content: bytes | None, path: Path) -> Document:
    """Read a record of a kind from the bytes of its file."""
    text, where = read_text(path) if content is None else decoded(content, path), str(path)
    return learnings.read(text, where) if schema == "learning" else check(parse(text, where), schemas.RECORDS[schema])


def plain(code: str, message: str, path: Path, hint: str | None = None) -> Finding:
    """Make an error about a whole file."""
    known = hint or remedies.WHOLE.get(code)
    shown = str(path).encode(errors="backslashreplace").decode()  # names need not be UTF-8, what is printed does
    return Finding(code=code, severity="error", message=message, file=shown, line=1, col=1, hint=known)
