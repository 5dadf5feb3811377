"""Sealed bars: no tool that develops or evaluates sees them, and a look at them is booked, answered once, and dear."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import crypto_team
from crypto_team.data.synthetic import planted_market
from crypto_team.kb import git
from crypto_team.kb.evidence import load_manifest
from crypto_team.kb.looks import ANCHORS, looks
from crypto_team.kb.validate import validate
from crypto_team.kb.yaml import dump, load_record
from crypto_team.roles import candles, holdout, records
from crypto_team.schemas import HoldoutLook, Policy
from crypto_team.tools.session import open_session

if TYPE_CHECKING:
    from tests.roles.conftest import Desk

PACKAGE = Path(crypto_team.__file__).parent


@pytest.fixture
def trained(desk: Desk) -> str:
    strategy_id = desk.designed()
    desk.use("ml_engineer.train", strategy_id=strategy_id)
    return strategy_id


def opened(desk: Desk, strategy_id: str) -> HoldoutLook:
    return holdout.look(open_session(desk.folder, "quant_analyst"), strategy_id, "quant_analyst")


def changed_and_retrained(desk: Desk, strategy_id: str, entry: float) -> None:
    desk.use("ml_engineer.set-signal", strategy_id=strategy_id, entry=entry, exit=0.5)
    desk.use("ml_engineer.train", strategy_id=strategy_id)


def test_a_look_judges_every_sealed_bar_whose_label_is_known_and_nothing_before(desk: Desk, trained: str) -> None:
    found = opened(desk, trained)
    session = open_session(desk.folder, "critic")
    spec = records.ml_spec(session, trained)
    [dataset] = [candles.require(session, spec.market, pair) for pair in spec.market.pairs]
    assert dataset.holdout_from is not None
    assert found.first == dataset.holdout_from
    assert found.last == dataset.last
    sealed = len(pd.date_range(dataset.holdout_from, dataset.last, freq="1h"))
    assert spec.target is not None
    assert found.bars == sealed - spec.target.horizon_bars
    assert found.answer == "exact"
    assert found.rank_ic is not None
    assert found.rank_ic > 0.05  # the oracle's edge holds on beyond the seal
    assert not validate(desk.layout)


def test_the_same_candidate_is_answered_from_its_record(desk: Desk, trained: str) -> None:
    first, again = opened(desk, trained), opened(desk, trained)
    assert again == first
    assert len(git.refs(desk.layout.root, ANCHORS)) == 1
    outcome = desk.use("holdout.status")
    assert outcome.summary == "1 look(s) at sealed bars; 19 of 20 left"


def test_a_second_candidate_of_a_strategy_learns_nothing_unless_it_is_clearly_better(desk: Desk, trained: str) -> None:
    first = opened(desk, trained)
    changed_and_retrained(desk, trained, 0.55)
    second = opened(desk, trained)
    assert second.answer == "ladder"
    assert second.rank_ic == first.rank_ic
    assert second.sharpe is None
    assert second.looks_before == 1


def test_beyond_the_budget_answers_are_noisy(desk: Desk, trained: str) -> None:
    policy = load_record(desk.layout.policy, Policy).model_copy(update={"holdout_budget": 1})
    desk.layout.policy.write_text(dump(policy, schema="policy"))
    git.run(desk.layout.root, "commit", "-qam", "budget", "--trailer", "Crypto-Team-Role: lead")
    first = opened(desk, trained)
    changed_and_retrained(desk, trained, 0.55)
    second = opened(desk, trained)
    assert (first.answer, second.answer) == ("exact", "noisy")
    assert first.rank_ic_error is not None
    assert second.rank_ic_error is not None
    assert second.rank_ic_error > 1.5 * first.rank_ic_error
    assert second.rank_ic != first.rank_ic


def test_a_look_that_was_killed_was_a_look(desk: Desk, trained: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(holdout, "_judged", killed)
    with pytest.raises(KeyboardInterrupt):
        opened(desk, trained)
    monkeypatch.undo()
    assert looks(desk.layout).total == 1
    assert opened(desk, trained).answer == "ladder"


def test_judging_without_handing_over_opens_nothing(desk: Desk, trained: str) -> None:
    outcome = desk.try_("gate.check", strategy_id=trained, gate="quant_analyst->critic")
    row = next(item for item in outcome.data if item["code"] == "HO001")
    assert row["outcome"] == "not_enough_evidence"
    assert looks(desk.layout).total == 0


def market(tmp_path: Path, name: str, sealed_from: int, *, other: bool) -> Path:
    frame = planted_market(seed=11, bars=3_000, timeframe="1h", oracle_sharpe=8.0).frame.copy()
    if other:
        for column in ("open", "high", "low", "close"):
            frame.loc[frame.index >= sealed_from, column] *= 3.0
    file = tmp_path / f"{name}.parquet"
    frame.to_parquet(file, index=False)
    return file


def test_training_and_evaluation_give_the_same_bytes_whatever_the_sealed_bars_hold(tmp_path: Path) -> None:
    from tests.roles.conftest import Desk

    stored = []
    for name, other in (("one", False), ("two", True)):
        desk = Desk(tmp_path / name)
        file = market(tmp_path, name, 2_550, other=other)
        desk.use("data.import", file=[file], exchange="synthetic", pair="EDGE/USD", timeframe="1h")
        strategy_id = desk.designed()
        desk.use("ml_engineer.train", strategy_id=strategy_id)
        objects = load_manifest(desk.layout, strategy_id).objects
        stored.append({key: item.sha256 for key, item in objects.items() if key != "meta.yaml"})
    assert stored[0] == stored[1]
    assert len(stored[0]) > 6


def test_no_other_file_or_name_of_a_market_opens_a_bar_that_was_sealed(tmp_path: Path) -> None:
    from tests.roles.conftest import Desk

    desk = Desk(tmp_path / "desk")
    frame = pd.read_parquet(market(tmp_path, "whole", 0, other=False))
    quoted = frame.assign(**{name: frame[name] * 1.001 for name in ("open", "high", "low", "close")})
    slower = frame.iloc[3::4].assign(timestamp=frame["timestamp"].iloc[::4].to_numpy()[: len(frame.iloc[3::4])])
    other = planted_market(seed=77, bars=3_000, timeframe="1h", oracle_sharpe=1.0).frame
    for table, rows, exchange, pair, timeframe in (
        (frame, 1_500, "one", "EDGE/USD", "1h"),
        (frame, 3_000, "one", "EDGE/USD", "1h"),
        (frame, 3_000, "two", "EDGE/USD", "1h"),
        (quoted, 3_000, "one", "SAME/USDT", "1h"),
        (slower, 750, "three", "SLOW/USD", "4h"),
        (other, 3_000, "one", "OTHER/USD", "1h"),
    ):
        file = tmp_path / "import.parquet"
        table.iloc[:rows].to_parquet(file, index=False)
        desk.use("data.import", file=[file], exchange=exchange, pair=pair, timeframe=timeframe)
    short, *same, apart = candles.catalog(open_session(desk.folder, "data_collector"))
    assert [item.holdout_from for item in same] == [short.holdout_from] * 4
    assert apart.holdout_from is not None
    assert apart.holdout_from > short.last


def test_only_the_holdout_asks_for_sealed_bars() -> None:
    askers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "with_sealed"
    }
    assert askers == {"roles/holdout.py"}
