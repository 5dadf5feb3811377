from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

from crypto_team.reports import charts_confidence, charts_folds, charts_signal, palette
from crypto_team.reports.confidence import calibration
from crypto_team.reports.inline import NEUTRALS
from crypto_team.reports.pictures import TITLES, ProbeTrace, backtest_equity, draw_pictures, leak_probe
from crypto_team.reports.report_data import ReportData


@pytest.fixture(scope="module")
def pictures(evidence: Any, data: ReportData) -> dict[str, bytes]:
    return draw_pictures(evidence.meta, evidence.tables, data)


def _trace(*, prices: bool) -> ProbeTrace:
    index = np.arange(80, 121)
    close = 100.0 + np.sin(index / 3.0)
    other = np.where(index > 100, close - 3.0, close)
    leak = np.where(index > 97, other, close)
    return ProbeTrace(
        column="peek",
        probe="replace",
        cut=100,
        row=98,
        index=index,
        original=close,
        replaced=np.where(index == 98, close + 2.0, leak),
        close_original=close if prices else None,
        close_replaced=other if prices else None,
    )


def test_all_pictures_are_drawn_and_have_a_title(pictures: dict[str, bytes]) -> None:
    assert set(pictures) == {
        "equity", "folds", "information_coefficient", "importance", "reliability", "confidence", "trials",
        "horizons", "rules", "trade_profile",
    }  # fmt: skip
    assert set(pictures) <= set(TITLES)


def test_the_random_line_says_which_of_the_random_strategies_it_is(pictures: dict[str, bytes]) -> None:
    assert "random (middle Sharpe)" in pictures["equity"].decode()


def _heights(picture: bytes) -> dict[str, float]:
    """Return how far below the top each text of a picture stands, in points."""
    found = {}
    for text in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text"):  # noqa: S314 - our own bytes
        moved = re.search(r"translate\(([-\d.]+) ([-\d.]+)\)", text.get("transform", ""))
        found[text.text or ""] = float(moved[2] if moved else text.get("y", "nan"))
    return found


def test_the_legend_of_all_baselines_leaves_the_title_of_the_equity_alone(evidence: Any, data: ReportData) -> None:
    more = data.daily.assign(simple_model=0.001)
    drawn = draw_pictures(evidence.meta, evidence.tables, replace(data, daily=more))["equity"]
    heights = _heights(drawn)
    title = heights.pop("Equity")
    entries = {
        text: at for text, at in heights.items() if (re.search("%$", text) and at < 80.0) or "random ones" in text
    }
    assert len(entries) == 7
    assert min(entries.values()) - title > 8.5
    first, second = sorted(set(entries.values()))
    assert second - first > 8.5
    assert next(text.split()[0] for text, at in entries.items() if at == first) == "strategy"


def test_no_bar_of_the_trades_holds_gains_and_losses() -> None:
    profits = np.array([-0.01, -0.0001, 0.0001, 0.0002, 0.0099])
    red, green = (charts_signal.trades(each, np.ones(each.size)).count for each in (profits[:2], profits[2:]))
    both = charts_signal.trades(profits, np.ones(profits.size)).count
    for colour in (palette.RED, palette.GREEN):
        assert both(colour.encode()) > 0
    assert red(palette.GREEN.encode()) == green(palette.RED.encode()) == 0


def test_every_picture_is_well_formed_svg(pictures: dict[str, bytes]) -> None:
    for drawn in pictures.values():
        assert ET.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - our own bytes


def test_the_same_evidence_gives_the_same_bytes(evidence: Any, data: ReportData, pictures: dict[str, bytes]) -> None:
    assert draw_pictures(evidence.meta, evidence.tables, data) == pictures


def test_drawing_leaves_the_settings_of_matplotlib_alone(evidence: Any, data: ReportData) -> None:
    before = dict(mpl.rcParams)
    draw_pictures(evidence.meta, evidence.tables, data)
    assert dict(mpl.rcParams) == before


def test_without_known_trials_there_is_no_picture_of_them(evidence: Any, data: ReportData) -> None:
    few = replace(data, luck=replace(data.luck, trial_sharpes=(0.5,)))
    assert "trials" not in draw_pictures(evidence.meta, evidence.tables, few)


@pytest.mark.parametrize("prices", [True, False])
def test_a_leak_is_pictured_with_both_values_at_the_row(prices: bool) -> None:
    trace = _trace(prices=prices)
    text = leak_probe(trace).decode()
    assert "2 bars before the cut" in text
    assert "it looks ahead" in text
    assert ("another future</text>" in text) is prices or "The market" not in text


def test_labels_from_outside_are_text_not_markup() -> None:
    trace = replace(_trace(prices=False), column="<script>$x_1$", probe="a & b")
    text = leak_probe(trace).decode()
    assert "<script" not in text
    assert "&lt;script&gt;$x_1$" in text


def test_undefined_numbers_are_drawn_as_gaps(data: ReportData) -> None:
    rows = [replace(data.folds[0], sharpe=float("nan"), auc=float("nan"), inner_auc=float("nan"))]
    assert b"n/a" in charts_folds.folds(rows, float("nan"))


def test_many_folds_label_only_some_of_them(data: ReportData) -> None:
    rows = [replace(data.folds[0], fold=number) for number in range(40)]
    assert charts_folds.information_coefficient(rows).count(b"fold ") <= 11


def test_a_signal_without_rows_still_gives_a_histogram() -> None:
    assert charts_confidence.histogram(np.empty(0), entry=0.6, leave=0.4, long_short=True).startswith(b"<?xml")


def test_a_regression_has_a_reliability_diagram_without_raw_probabilities(evidence: Any) -> None:
    rows = evidence.tables.predictions.drop(columns=["p_raw_0", "p_raw_1", "p_0", "p_1"])
    found = calibration(rows)
    assert found.bins_raw == ()
    assert b"raw" not in charts_confidence.reliability(found)


def test_the_account_of_a_backtest_names_its_currency() -> None:
    times = np.datetime64("2021-01-01") + np.arange(30)
    assert b"EUR" in backtest_equity(times, np.linspace(1000.0, 1100.0, 30), currency="EUR")


def test_the_page_knows_the_neutral_colours_of_the_pictures() -> None:
    assert set(NEUTRALS) == {palette.INK, palette.MUTED, palette.LINE, palette.PANEL}
