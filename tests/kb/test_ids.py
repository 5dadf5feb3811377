"""Ids over threads, processes, worktrees and clones."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from crypto_team.errors import ConflictError, CryptoTeamError
from crypto_team.kb import git, git_remote, handoffs, ids
from crypto_team.kb.paths import Layout
from tests.kb.entries import fresh
from tests.kb.test_growth import hand, save

if TYPE_CHECKING:
    from pathlib import Path

ALLOT = """
import sys
from pathlib import Path
from crypto_team.kb.ids import allot
from crypto_team.kb.paths import Layout
for _ in range(4):
    print(allot(Layout(Path(sys.argv[1])), "STR"))
"""


@pytest.fixture
def remote(strategy: Layout, tmp_path: Path) -> Path:
    """A bare repository that the workspace was pushed to, known to it as origin."""
    bare = tmp_path / "remote.git"
    git.run(tmp_path, "init", "-q", "--bare", "-b", "main", str(bare))
    git.run(strategy.root, "remote", "add", "origin", str(bare))
    git.run(strategy.root, "push", "-q", "origin", "main")
    return bare


def clone(remote: Path, name: str) -> Layout:
    git.run(remote.parent, "clone", "-q", str(remote), name)
    return Layout(remote.parent / name)


def test_threads_of_one_process_get_different_ids(layout: Layout) -> None:
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda _: ids.allot(layout, "STR"), range(16)))
    assert sorted(names) == [f"STR-{number:03d}" for number in range(1, 17)]


def test_clones_that_allot_at_once_get_different_ids(strategy: Layout, remote: Path) -> None:
    roots = [strategy.root, *(clone(remote, f"c{number}").root for number in range(3))]
    children = [
        subprocess.Popen([sys.executable, "-c", ALLOT, str(root)], stdout=subprocess.PIPE, text=True) for root in roots
    ]
    names = [name for child in children for name in child.communicate()[0].split()]
    assert len(names) == len(set(names)) == 16
    assert all(int(name[4:]) < 1000 for name in names)
    assert set(git.refs(remote, ids.IDS)) == {f"{ids.IDS}{name}" for name in names}


def test_an_id_allotted_offline_is_provisional_and_becomes_final_on_sync(strategy: Layout, remote: Path) -> None:
    away = remote.rename(remote.with_name("away.git"))
    name = ids.allot(strategy, "STR")
    assert int(name[4:]) >= ids.FIRST_PROVISIONAL
    assert ids.provisional(strategy) == [name]
    with pytest.raises(CryptoTeamError, match="cannot be reached"):
        ids.sync(strategy)
    away.rename(remote)
    assert ids.sync(strategy) == [name]
    assert ids.provisional(strategy) == []
    assert ids.sync(strategy) == []
    assert ids.allot(strategy, "STR") == "STR-002"


def test_the_same_provisional_id_in_two_clones_is_a_conflict_not_a_merge(strategy: Layout, remote: Path) -> None:
    other = clone(remote, "other")
    for layout in (strategy, other):
        content = layout.root.name.encode()
        assert git.create_ref(layout.root, f"{ids.IDS}STR-222222", content)
        assert git.create_ref(layout.root, f"{ids.PROVISIONAL}STR-222222", content)
    assert ids.sync(other) == ["STR-222222"]
    with pytest.raises(ConflictError, match="STR-222222"):
        ids.sync(strategy)
    assert ids.provisional(strategy) == ["STR-222222"]


def test_ids_from_before_there_was_a_remote_are_claimed_by_sync(strategy: Layout, tmp_path: Path) -> None:
    assert ids.allot(strategy, "STR") == "STR-002"
    with pytest.raises(CryptoTeamError, match="no remote"):
        ids.sync(strategy)
    git.run(tmp_path, "init", "-q", "--bare", "bare.git")
    git.run(strategy.root, "remote", "add", "origin", str(tmp_path / "bare.git"))
    assert ids.sync(strategy) == ["STR-002"]


def test_the_remote_can_be_left_out_by_configuration(strategy: Layout, remote: Path) -> None:
    git.run(strategy.root, "config", "crypto-team.idRemote", "none")
    assert ids.allot(strategy, "DS") == "DS-001"
    assert git.refs(remote, ids.IDS) == []


def test_work_done_offline_keeps_its_id_and_its_chain_and_no_clone_gets_the_number(
    strategy: Layout, remote: Path
) -> None:
    other = clone(remote, "other")
    away = remote.rename(remote.with_name("away.git"))
    name = ids.allot(strategy, "STR")
    entry = fresh(name)
    save(strategy, "registry", strategy.registry_entry(name), entry, role="lead")
    hand(strategy, "ml_engineer", "data_collector", name)
    records = {path.name: path.read_bytes() for path in handoffs.record_paths(strategy, name)}
    away.rename(remote)
    assert ids.allot(other, "STR") == "STR-002"
    assert ids.sync(strategy) == [name]
    assert ids.provisional(strategy) == []
    git.run(strategy.root, "push", "-q", "origin", "main")
    git.run(other.root, "pull", "-q", "--ff-only")
    assert {path.name: path.read_bytes() for path in handoffs.record_paths(other, name)} == records
    assert handoffs.verify_chain(other, name) == []
    assert handoffs.current_stage(other, name) == "data_collector"
    assert git.create_ref(other.root, ids.IDS + name, b"drawn here too")
    assert git_remote.claim(other.root, "origin", ids.IDS + name) == "taken"
    assert ids.allot(other, "STR") == "STR-003"


@pytest.mark.parametrize("where", ["remote", "file"])
def test_whoever_takes_the_last_number_does_not_end_the_allotment_of_others(
    strategy: Layout, remote: Path, where: str
) -> None:
    if where == "remote":
        for name in ("STR-99999", "STR-40000"):
            assert git.create_ref(remote, ids.IDS + name, name.encode())
    else:
        strategy.registry_entry("STR-99999").write_text("schema_version: 1\n")
    ahead: list[str] = []
    assert ids.allot(strategy, "STR", ahead=ahead) == "STR-002"
    expected = ["STR-40000", "STR-99999"] if where == "remote" else ["STR-99999"]
    assert ahead == expected
    assert ids.allot(strategy, "STR") == "STR-003"
    assert ids.allot(strategy, "DS", ahead=ahead) == "DS-001"
    assert ahead == expected


def test_short_gaps_stay_free_and_the_last_free_number_is_found() -> None:
    last = ids.FIRST_PROVISIONAL - 1
    assert next(ids._free({1, 2, 5, last})) == 6
    assert next(ids._free({1, 2, 5, 9_000, last})) == 6
    assert next(ids._free(set(range(1, last)))) == last
    assert list(ids._free(set(range(1, last + 1)) - {7})) == [7]
    assert list(ids._free(set(range(1, last + 1)))) == []


def test_a_tool_says_why_its_id_is_not_the_next_number(strategy: Layout) -> None:
    from crypto_team.tools.session import open_session

    session = open_session(strategy.root, "lead")
    session.allot("STR")
    assert session.notices == []
    strategy.registry_entry("STR-99999").write_text("schema_version: 1\n")
    session.allot("STR")
    [notice] = session.notices
    assert "STR-003 stands below STR-99999" in notice.message
    assert "refs/crypto-team/ids/STR-99999" in str(notice.hint)


def test_ids_work_in_a_repository_with_longer_hashes(tmp_path: Path) -> None:
    from crypto_team.kb import trial_heads, workspace

    git.run(tmp_path, "init", "-q", "-b", "main", "--object-format=sha256", "work")
    layout = workspace.init(tmp_path / "work")
    assert [ids.allot(layout, "STR"), ids.allot(layout, "STR")] == ["STR-001", "STR-002"]
    assert not git.create_ref(layout.root, ids.IDS + "STR-002", b"again")
    assert trial_heads.heads(layout, "STR-001") == []
