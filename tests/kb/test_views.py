"""Generated lists: what a write renders is what everything rendered anew would be."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto_team.kb import learnings, registry, view_cache, views, workspace
from crypto_team.kb.yaml import dump
from crypto_team.schemas import RegistryEntry
from tests.kb.entries import event, stated
from tests.kb.test_growth import claim

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout

TIME = "2026-01-02T03:04:05Z"


def entry(number: int, **values: object) -> RegistryEntry:
    usual = {
        "strategy_id": f"STR-{number:03d}",
        "name": f"momentum_{number}",
        "type": "ml_based",
        "stage": "ml_engineer",
        "status": "draft",
        "created": TIME,
        "updated": TIME,
    }
    return RegistryEntry.model_validate(usual | values)


def put(layout: Layout, number: int, **values: object) -> Path:
    path = layout.registry_entry(f"STR-{number:03d}")
    path.parent.mkdir(exist_ok=True)
    path.write_text(dump(stated(entry(number, **values)), schema="registry"))
    return path


def written(layout: Layout) -> dict[Path, str]:
    views.refresh(layout)
    return {path: path.read_text() for path in views.paths(layout)}


def believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files count as unchanged at once, as they do two seconds after they were written."""
    monkeypatch.setattr(view_cache, "_RACY_NS", -(10**18))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 6), st.floats(-3, 3, allow_nan=False), st.sampled_from("ab: #é\n'")),
        st.tuples(st.just("remove"), st.integers(1, 6)),
        st.tuples(st.just("break"), st.integers(1, 6)),
        st.tuples(st.just("claim"), st.integers(1, 3), st.sampled_from(["proposed", "accepted", "retracted"])),
        st.tuples(st.just("unclaim"), st.integers(1, 3)),
    ),
    max_size=12,
)


def do(layout: Layout, step: tuple[object, ...], made: dict[int, str]) -> None:
    what, number = step[0], int(str(step[1]))
    path = layout.registry_entry(f"STR-{number:03d}")
    if what == "put":
        put(layout, number, metrics={"sharpe": step[2]}, name=f"a{str(step[3]).encode().hex()}")
    elif what == "remove":
        path.unlink(missing_ok=True)
    elif what == "break":
        path.write_text("strategy_id: [")
    elif what == "claim":
        item = claim(f"Claim {number}").model_copy(update={"status": step[2], "title": f"T{step[2]}"})
        made.setdefault(number, item.learning_id)
        item = item.model_copy(update={"learning_id": made[number]})
        layout.learnings_dir.mkdir(exist_ok=True)
        layout.learning(made[number]).write_text(learnings.render(item))
    elif number in made:
        layout.learning(made[number]).unlink(missing_ok=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_lists_after_any_changes_are_those_of_a_full_rendering(
    steps: list[tuple[object, ...]], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    believed(monkeypatch)
    layout = workspace.init(tmp_path_factory.mktemp("w"))
    layout.registry_dir.mkdir()
    made: dict[int, str] = {}
    for step in steps:
        do(layout, step, made)
        assert written(layout) == views.render(layout)
    assert views.stale(layout) == []


def test_a_write_reads_only_entries_that_changed(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    believed(monkeypatch)
    for number in range(1, 6):
        put(layout, number)
    views.refresh(layout)
    read: list[str] = []
    load = registry.at

    def noted(path: Path) -> RegistryEntry:
        read.append(path.name)
        return load(path)

    monkeypatch.setattr(registry, "at", noted)
    views.refresh(layout)
    assert read == []
    put(layout, 3, name="other")
    put(layout, 7)
    assert written(layout) == views.render(layout)
    assert sorted(read[:2]) == ["STR-003.yaml", "STR-007.yaml"]


def test_an_event_beside_an_entry_is_seen_and_one_that_goes_too(
    strategy: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    believed(monkeypatch)
    views.refresh(strategy)
    path = event(strategy, "critic", "doubted", status="refused")
    assert "status: refused" in strategy.registry_view.read_text()
    path.unlink()
    views.refresh(strategy)
    assert "status: draft" in strategy.registry_view.read_text()


def test_an_entry_changed_within_the_grain_of_its_times_is_seen(layout: Layout) -> None:
    path = put(layout, 1, name="aaaa")
    views.refresh(layout)
    before = path.stat()
    path.write_text(path.read_text().replace("aaaa", "bbbb"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    views.refresh(layout)
    assert "bbbb" in layout.registry_view.read_text()


@pytest.mark.parametrize("content", [b"no database", b""])
def test_a_cache_that_is_no_database_is_made_anew(layout: Layout, content: bytes) -> None:
    put(layout, 1)
    cache = view_cache.path_of(layout)
    assert cache is not None
    cache.write_bytes(content)
    views.refresh(layout)
    views.refresh(layout)
    assert views.stale(layout) == []
    with sqlite3.connect(cache) as connection:
        assert connection.execute("SELECT name FROM shown").fetchall() == [("STR-001.yaml",)]


def cached(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the cache of a workspace of one entry, which was rendered and is believed."""
    believed(monkeypatch)
    put(layout, 1)
    views.refresh(layout)
    cache = view_cache.path_of(layout)
    assert cache is not None
    return cache


def test_what_another_version_of_the_program_rendered_is_not_used(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(cached(layout, monkeypatch)) as connection:
        connection.execute("UPDATE shown SET text = 'forged'")
        connection.execute("UPDATE made SET code = 'older'")
    views.refresh(layout)
    assert views.stale(layout) == []


def test_the_check_renders_everything_and_does_not_believe_the_cache(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(cached(layout, monkeypatch)) as connection:
        connection.execute("UPDATE shown SET text = '- forged: 1\n'")
    views.refresh(layout)
    assert views.stale(layout) == [layout.registry_view]
