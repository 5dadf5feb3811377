"""What a forge says about the proposal under test, in the environment of its CI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

BRANCHES: Final = ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "BITBUCKET_PR_DESTINATION_BRANCH")
"""Variables of forges that hold the name of the branch which a proposal goes into."""


def target(environment: Mapping[str, str]) -> str | None:
    """Return the full name of the remote branch that the proposal under test goes into, None where no forge says so."""
    names = [environment[name] for name in BRANCHES if environment.get(name)]
    return f"refs/remotes/origin/{names[0]}" if names else None
