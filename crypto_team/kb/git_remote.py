"""The one door to a git remote: which refs it has, and claiming one that nobody has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from crypto_team.kb import git

if TYPE_CHECKING:
    from pathlib import Path

NONE = "none"
_TAKEN = ("stale info", "already exists", "cannot lock ref")


def name(folder: Path) -> str | None:
    """Return the remote that ids are agreed with: `git config crypto-team.idRemote`, else origin; None without one."""
    chosen = git.run(folder, "config", "--default", "origin", "crypto-team.idRemote")
    known = git.run(folder, "remote").split()
    return chosen if chosen != NONE and chosen in known else None


def refs(folder: Path, remote: str, prefix: str) -> dict[str, str] | None:
    """Return the refs of a remote below a prefix with what they point at; None where it cannot be reached."""
    done = git.attempt(folder, "ls-remote", "--refs", "-q", remote, f"{prefix}*", timeout=git.NETWORK_SECONDS)
    if done.returncode:
        return None
    lines = [line.split("\t", 1) for line in done.stdout.decode(errors="replace").splitlines()]
    return {ref: target for target, ref in lines}


def claim(folder: Path, remote: str, ref: str) -> Literal["ours", "taken", "unreachable"]:
    """Push a ref that the remote must not have yet."""
    arguments = ("push", "-q", "--atomic", f"--force-with-lease={ref}:", remote, f"{ref}:{ref}")
    done = git.attempt(folder, *arguments, timeout=git.NETWORK_SECONDS)
    if done.returncode == 0:
        return "ours"
    # The answer may have been lost after the push was done, so the remote has the last word.
    found = refs(folder, remote, ref)
    if found is None:
        return "unreachable"
    if ref not in found:
        return "taken" if any(word in done.stderr.decode(errors="replace") for word in _TAKEN) else "unreachable"
    return "ours" if found[ref] == git.run(folder, "rev-parse", ref) else "taken"
