"""SQL over the registry, similar designs, lineage and exports."""

from __future__ import annotations

import csv
import json
import resource
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import pytest

from crypto_team.errors import UsageError
from crypto_team.kb import queries
from crypto_team.kb.writer import Change, commit_records, revision_of
from crypto_team.kb.yaml import dump
from crypto_team.schemas import FeatureSet, MlSpec, RegistryEntry, Trial
from tests.kb.entries import stated

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.schemas import Document
    from tests.tools.conftest import Desk

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT zeroblob(200000) UNION ALL SELECT zeroblob(200000) FROM c) "
HASH = "sha256:" + "0" * 64


def save(desk: Desk, kind: str, path: Path, record: Document) -> None:
    change = Change(kind, path, dump(record, schema=kind), revision_of(path))
    commit_records(
        desk.session.layout, role="ml_engineer", tool="t", strategy_id=None, changes=[change], message="saved"
    )


def design(desk: Desk, strategy_id: str, *, windows: list[int], horizon: int = 24, idea: str = "", **more: Any) -> None:
    """Write specification and features of a strategy."""
    layout = desk.session.layout
    target = {"type": "classification", "kind": "direction", "horizon": f"{horizon}bars", "horizon_bars": horizon}
    spec = {
        "strategy_id": strategy_id,
        "strategy_name": "any",
        "hypothesis": idea,
        "market": {"exchange": "binance", "pairs": ["BTC/USDT"], "timeframe": "1h", "datasets": ["DS-001"]},
        "target": {**target, "definition": "up"},
        **more,
    }
    features = [
        {
            "name": f"rsi_{n}",
            "category": "price_action",
            "formula": f"rsi(close,  {n})",
            "lookback": n,
            "leakage_safe": True,
        }
        for n in windows
    ]
    save(desk, "ml_spec", layout.ml_spec(strategy_id), MlSpec.model_validate(spec))
    save(
        desk,
        "features",
        layout.features(strategy_id),
        FeatureSet.model_validate({"strategy_id": strategy_id, "features": features}),
    )


def add(desk: Desk, number: int) -> str:
    strategy_id = f"STR-{number:03d}"
    entry = RegistryEntry.model_validate(
        {
            "strategy_id": strategy_id,
            "name": f"other_{number}",
            "type": "ml_based",
            "stage": "ml_engineer",
            "status": "refused",
            "created": "2021-03-04T05:00:00Z",
            "updated": "2021-03-04T05:00:00Z",
            "history": [{"time": "2021-03-04T05:00:00Z", "role": "lead", "event": "refused: OF010"}],
        }
    )
    save(desk, "registry", desk.session.layout.registry_entry(strategy_id), stated(entry))
    return strategy_id


def book(desk: Desk, strategy_id: str, letter: str, predictions: str | None) -> None:
    trial = {
        "trial_id": letter * 26,
        "strategy_id": strategy_id,
        "kind": "train",
        "booked": "2021-03-04T05:00:00Z",
        "status": "finished",
        "fingerprint": HASH,
        "predictions_hash": predictions,
    }
    path = desk.session.layout.trial(strategy_id, letter * 26)
    save(desk, "trial", path, Trial.model_validate(trial))


def test_sql_reads_what_the_files_say(staffed: Desk) -> None:
    design(staffed, "STR-001", windows=[7, 14])
    book(staffed, "STR-001", "A", None)
    sql = "SELECT s.strategy_id, s.model, s.timeframe, m.value FROM strategies s JOIN metrics m USING (strategy_id)"
    expected = {"strategy_id": "STR-001", "model": "linear_trees", "timeframe": "1h", "value": 1.5}
    assert staffed.ok("registry.query", sql=sql).data == [expected]
    assert staffed.ok("registry.query", sql="SELECT sum(n_trials) AS n FROM trials").data == [{"n": 1}]
    found = staffed.ok("registry.query", sql="SELECT id FROM texts WHERE texts MATCH 'momentum' ORDER BY id").data
    assert {"id": "STR-001"} in found
    tables = {row["table"]: row["rows"] for row in staffed.ok("registry.tables").data}
    assert (tables["strategies"], tables["trials"], tables["metrics"]) == (2, 1, 1)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM entries",
        "UPDATE strategies SET name = 'x'",
        "INSERT INTO metrics VALUES ('STR-001', 'oos_sharpe', 9, 1)",
        "DROP TABLE metrics",
        "CREATE TABLE x(y)",
        "CREATE TEMP TABLE x(y)",
        "ATTACH 'x.db' AS x",
        "DETACH main",
        "PRAGMA query_only = OFF",
        "PRAGMA table_info(entries)",
        "VACUUM INTO 'x.db'",
        "SELECT * FROM files",
        "SELECT * FROM meta",
        "SELECT count(*) FROM files",
        "SELECT count(*) FROM sqlite_master",
        "SELECT count(*) FROM specs",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM pragma_database_list",
        "SELECT load_extension('x')",
        "SELECT 1; SELECT 2",
        "BEGIN",
        "EXPLAIN",
        "",
        "SELEC 1",
        "SELECT \x00",
        "WITH RECURSIVE c(x) AS (SELECT 1) DELETE FROM entries",
    ],
)
def test_anything_but_one_select_over_public_tables_is_a_usage_error(staffed: Desk, sql: str) -> None:
    before = staffed.ok("registry.tables").data
    outcome = staffed("registry.query", sql=sql)
    if sql:
        assert outcome.exit_code == 2, outcome
    assert staffed.ok("registry.tables").data == before
    assert not list(staffed.session.layout.root.glob("*.db"))


def test_a_query_without_end_is_stopped(staffed: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crypto_team.kb.query_limits.MOST_SECONDS", 0.2)
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    outcome = staffed("registry.query", sql=endless)
    assert outcome.exit_code == 2
    assert "longer than" in outcome.summary


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT zeroblob(1000000000)",
        "SELECT length(zeroblob(1000000000))",
        "SELECT printf('%.*c', 1000000000, 'x')",
        "SELECT replace(hex(zeroblob(100000)), '0', 'aaaaaaaaaaaaaaaa')",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT group_concat(x) FROM c",
        ENDLESS + "SELECT x FROM c",  # noqa: S608
        ENDLESS + "SELECT x FROM c ORDER BY x",  # noqa: S608
        "WITH RECURSIVE c(x) AS (SELECT 'a' UNION SELECT x || 'aaaaaaaa' FROM c) SELECT count(*) FROM c",
        "SELECT trim('a', hex(zeroblob(100000)))",
        "SELECT 'a' LIKE replace(hex(zeroblob(200)), '0', '%')",
        "SELECT " + ", ".join(["1"] * 300),
        "SELECT " + "(" * 300 + "1" + ")" * 300 + " + 1" * 300,
        "SELECT count(*) FROM " + ", ".join(f"metrics m{number}" for number in range(100)),  # noqa: S608
    ],
)
def test_what_a_query_costs_is_bounded_whatever_it_asks(
    staffed: Desk, sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crypto_team.kb.query_limits.MOST_SECONDS", 1.0)
    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = staffed("registry.query", sql=sql, limit=1_000_000)
    assert outcome.exit_code == 2, outcome.summary
    assert time.process_time() - began < 5.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB


def test_functions_that_are_replaced_answer_as_those_of_sqlite(staffed: Desk) -> None:
    plain = sqlite3.connect(":memory:")
    for sql in (
        "SELECT instr('abcabc', 'ca') AS a, instr('abc', '') AS b, instr('abc', 'x') AS c, instr(NULL, 'a') AS d",
        "SELECT replace('abcabc', 'b', 'xx') AS a, replace('abc', '', 'x') AS b, replace('abc', 'b', NULL) AS c",
        "SELECT trim('  ab ') AS a, ltrim('xxab', 'x') AS b, rtrim('abxyx', 'xy') AS c, trim(NULL) AS d",
        "SELECT replace(123, 2, 9) AS a, instr(1234, 34) AS b, trim(55155, 5) AS c",
    ):
        expected = list(plain.execute(sql).fetchone())
        assert list(staffed.ok("registry.query", sql=sql).data[0].values()) == expected, sql
    worst = "SELECT instr(hex(zeroblob(100000)), hex(zeroblob(50000)) || 'b') AS a"
    assert staffed.ok("registry.query", sql=worst).data == [{"a": 0}]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_shows_nothing_is_a_usage_error(staffed: Desk, limit: int) -> None:
    assert staffed("registry.list", limit=limit).exit_code == 2
    assert staffed("registry.query", sql="SELECT 1", limit=limit).exit_code == 2
    with pytest.raises(UsageError, match="would show nothing"):
        queries.listing(staffed.session.layout, limit=limit)


@pytest.mark.parametrize("sql", ["", "  ", "-- nothing", ";"])
def test_a_query_without_words_is_a_usage_error(staffed: Desk, sql: str) -> None:
    with pytest.raises(UsageError, match="no SELECT"):
        queries.select(staffed.session.layout, sql)


def test_more_rows_than_asked_for_are_said_to_be_there(staffed: Desk) -> None:
    outcome = staffed.ok("registry.query", sql="SELECT 1 AS a, 2 AS a UNION SELECT 3, 4", limit=1)
    assert outcome.data == [{"a": 1, "a_2": 2}]
    assert "more than 1 rows" in outcome.summary


def test_columns_may_be_named_in_one_list(staffed: Desk) -> None:
    outcome = staffed.ok("registry.list", columns="strategy_id, metrics.oos_sharpe", sort="-metrics.oos_sharpe")
    assert outcome.data[0] == {"strategy_id": "STR-001", "metrics.oos_sharpe": 1.5}
    assert outcome.data[1] == {"strategy_id": "STR-002", "metrics.oos_sharpe": None}


def test_the_same_design_under_another_name_was_tried_before(staffed: Desk) -> None:
    old = add(staffed, 3)
    design(staffed, old, windows=[7, 14, 21], idea="Large orders are split over many hours")
    design(staffed, "STR-001", windows=[21, 14, 7], idea="Something else entirely was thought here")
    design(staffed, "STR-002", windows=[50, 60], horizon=96, signal={"entry_threshold": 0.7})
    outcome = staffed.ok("registry.similar", strategy_id="STR-001")
    first = outcome.data[0]
    assert (first["strategy_id"], first["equal"], first["last"]) == (old, "design", "refused: OF010")
    assert outcome.summary.startswith(f"tried before as {old}")
    scores = {row["strategy_id"]: row["similarity"] for row in outcome.data}
    assert scores[old] > 0.8 > scores["STR-002"]


def test_similarity_falls_with_every_difference(staffed: Desk) -> None:
    others = [add(staffed, number) for number in (3, 4, 5)]
    design(staffed, "STR-001", windows=[7, 14, 21, 28])
    design(staffed, others[0], windows=[7, 14, 21, 28])
    design(staffed, others[1], windows=[7, 14, 21, 35])
    design(staffed, others[2], windows=[40, 50, 60, 70], horizon=48)
    rows = staffed.ok("registry.similar", strategy_id="STR-001").data
    ranked = [row["strategy_id"] for row in rows if row["strategy_id"] in others]
    assert ranked == others
    values = [row["similarity"] for row in rows if row["strategy_id"] in others]
    assert values[0] == 1.0 > values[1] > values[2]
    one_way = next(row for row in rows if row["strategy_id"] == others[1])["similarity"]
    back = staffed.ok("registry.similar", strategy_id=others[1]).data
    assert next(row for row in back if row["strategy_id"] == "STR-001")["similarity"] == one_way


def test_equal_predictions_are_the_same_try_whatever_the_design_says(staffed: Desk) -> None:
    other = add(staffed, 3)
    design(staffed, "STR-001", windows=[7])
    book(staffed, "STR-001", "A", HASH)
    book(staffed, other, "B", HASH)
    first = staffed.ok("registry.similar", strategy_id="STR-001").data[0]
    assert (first["strategy_id"], first["equal"], first["similarity"]) == (other, "predictions", 1.0)


def test_an_idea_in_words_finds_the_strategy_that_had_it(staffed: Desk) -> None:
    design(staffed, "STR-001", windows=[7], idea="Extreme funding reverts because leveraged longs are closed")
    design(staffed, "STR-002", windows=[7], idea="Large orders are split over many hours")
    rows = staffed.ok("registry.similar", text="leveraged longs paying funding are closed").data
    assert [row["strategy_id"] for row in rows] == ["STR-001"]
    assert staffed("registry.similar").exit_code == 2
    assert staffed("registry.similar", strategy_id="STR-999").exit_code == 2


def test_lineage_goes_both_ways_and_ends(staffed: Desk) -> None:
    considered = [{"reference": "STR-002 and 2021-03-04-critic-0123abcd", "answer": "costs are in"}]
    design(staffed, "STR-001", windows=[7], considered=considered)
    design(staffed, "STR-002", windows=[7], considered=[{"reference": "STR-001", "answer": "a circle"}])
    book(staffed, "STR-001", "A", None)
    rows = staffed.ok("registry.lineage", name="STR-001").data
    links = {(row["direction"], row["what"], row["relation"], row["of"]) for row in rows}
    assert ("from", "STR-001", "uses", "DS-001") in links
    assert ("from", "STR-001", "considered", "STR-002") in links
    assert ("from", "STR-001", "considered", "2021-03-04-critic-0123abcd") in links
    assert ("into", "A" * 26, "attempt at", "STR-001") in links
    back = staffed.ok("registry.lineage", name="DS-001").data
    assert {row["what"] for row in back if row["step"] == 1} == {"STR-001", "STR-002"}
    assert staffed("registry.lineage", name="STR-999").exit_code == 2


def test_exports_hold_what_the_table_holds(staffed: Desk, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    rows = staffed.ok("registry.query", sql="SELECT * FROM strategies").data
    for ending in ("csv", "parquet", "json", "jsonl"):
        staffed.ok("registry.export", path=tmp_path / f"out.{ending}")
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == rows
    assert json.loads((tmp_path / "out.json").read_text()) == rows
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()] == rows
    read = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert [row["strategy_id"] for row in read] == [row["strategy_id"] for row in rows]


def test_exports_go_nowhere_else(staffed: Desk, tmp_path: Path) -> None:
    inside = staffed.session.layout.knowledge / "out.csv"
    assert staffed("registry.export", path=inside).exit_code == 1
    assert not inside.exists()
    assert staffed("registry.export", path=tmp_path / "out.xlsx").exit_code == 2
    assert staffed("registry.export", path=tmp_path / "out.csv", table="files").exit_code == 2


def test_an_export_overwrites_nothing_unasked_and_follows_no_link(staffed: Desk, tmp_path: Path) -> None:
    precious = tmp_path / "out.csv"
    precious.write_text("mine")
    assert staffed("registry.export", path=precious).exit_code == 3
    assert precious.read_text() == "mine"
    link = tmp_path / "link.csv"
    link.symlink_to(precious)
    assert staffed("registry.export", path=link, force=True).exit_code == 1
    (tmp_path / "folder.csv").mkdir()
    assert staffed("registry.export", path=tmp_path / "folder.csv", force=True).exit_code == 1
    assert staffed("registry.export", path=tmp_path / "no" / "such" / "out.csv").exit_code == 1
    assert staffed("registry.export", path=staffed.session.layout.root / ".git" / "x.csv").exit_code == 1
    assert staffed("registry.export", path=tmp_path / f"{'a' * 300}.csv").exit_code == 1
    assert precious.read_text() == "mine"
    staffed.ok("registry.export", path=precious, force=True)
    assert precious.read_text() != "mine"


def test_text_that_a_spreadsheet_would_run_stays_text(staffed: Desk, tmp_path: Path) -> None:
    staffed.ok("registry.export", path=tmp_path / "x.csv", sql="SELECT '=1+1' AS a, -1 AS b, 'x' AS c")
    assert (tmp_path / "x.csv").read_text() == "a,b,c\n'=1+1,-1,x\n"


def test_a_metric_goes_without_its_prefix(staffed: Desk) -> None:
    listed = staffed.ok("registry.list", where=["oos_sharpe>=1"], sort="-oos_sharpe", columns="strategy_id,oos_sharpe")
    assert listed.data == [{"strategy_id": "STR-001", "metrics.oos_sharpe": 1.5}]


def test_a_registry_of_broken_entries_only_is_not_called_empty(staffed: Desk) -> None:
    for name in ("STR-001", "STR-002"):
        staffed.session.layout.registry_entry(name).write_text("stage: [")
    assert [item.code for item in staffed.ok("registry.list").findings] == ["incomplete"]


def test_strategies_are_counted_without_naming_a_column(staffed: Desk) -> None:
    assert staffed.ok("registry.query", sql="SELECT count(*) AS n FROM strategies").data == [{"n": 2}]
