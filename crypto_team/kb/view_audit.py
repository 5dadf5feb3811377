"""Generated lists that a branch changed: they have to be what the entries of the branch make of them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from crypto_team.kb import git, git_range, views
from crypto_team.kb.paths import Layout
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator


def problems(layout: Layout, base: str) -> Iterator[Finding]:
    """Yield lists that are neither those of the base, now or when the branch began, nor made from the entries here.

    Branches leave the lists alone, so that they merge; whoever changes one by hand would be believed until the next
    tool writes it on the default branch.
    """
    prefix = git_range.prefix(layout.root)
    starts = [base, *git.run(layout.root, "merge-base", "--all", base, "HEAD").split()]
    changed = {}
    for path in (layout.registry_view, layout.learnings_view, layout.sources_view):
        name = f"{prefix}{path.relative_to(layout.root).as_posix()}"
        here = git_range.content(layout.root, "HEAD", name)
        held = [git_range.content(layout.root, start, name) for start in starts]
        if here is None and held[0] is not None:
            hint = f"git checkout {base[:10]} -- {name}"
            yield Finding(code="taken-back", severity="error", message="this list is gone", file=name, hint=hint)
        elif here is not None and here not in held:
            changed[path] = name, here
    made = views.render(layout) if changed else {}
    for path, (name, here) in changed.items():
        if here != made[path].encode() and not _held_when_written(layout, base, path, here):
            message = "this list was changed, and not by its tool: it does not hold what the entries say"
            hint = f"git checkout {base[:10]} -- {name}, or crypto-team views on the default branch"
            yield Finding(code="forged-list", severity="error", message=message, file=name, hint=hint)


def _held_when_written(layout: Layout, base: str, path: Path, here: bytes) -> bool:
    """Tell whether a list is what the entries said at the commit that changed it last.

    A branch that began on a default branch which nobody has published yet adds entries to those of that list.
    """
    inner = path.relative_to(layout.root).as_posix()
    commit = git.run(layout.root, "log", "-1", "--format=%H", f"{base}..HEAD", "--", inner)
    packed = git.attempt(layout.root, "archive", "--format=tar", commit, Layout(Path()).knowledge.as_posix())
    if packed.returncode:
        return False
    with TemporaryDirectory(dir=layout.scratch) as folder:
        then = Layout(Path(folder))
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as files:
            for member in files:
                place = (then.root / member.name).resolve()
                content = files.extractfile(member) if member.isfile() else None
                if content and place.is_relative_to(then.root.resolve()):
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(content.read())
        return views.render(then)[then.root / inner].encode() == here
