"""Reports of every kind of target, and of strategies with nothing to show."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crypto_team.reports.html import StrategyPage, render_single
from crypto_team.reports.ml_report import numbers_in, render_ml_report
from crypto_team.reports.pictures import draw_pictures
from crypto_team.reports.report_data import ReportData, TrialLedger, report_data
from crypto_team.schemas.features import FeatureSet
from crypto_team.schemas.ml_spec import MlSpec
from crypto_team.validation import metrics

UNFORMATTED = re.compile(r"\b(nan|inf|None)\b")


def _regression(rows: pd.DataFrame) -> pd.DataFrame:
    bare = rows.drop(columns=["p_raw_0", "p_raw_1", "p_0", "p_1"])
    return bare.assign(expected_bps=(rows["signal"] - 0.5) * 100.0, label=rows["forward_return"] * 1e4)


def _calibrated_regression(rows: pd.DataFrame) -> pd.DataFrame:
    return _regression(rows).assign(expected_raw_bps=(rows["signal"] - 0.5) * 500.0)


def _three_classes(rows: pd.DataFrame) -> pd.DataFrame:
    bare = rows.drop(columns=["p_raw_0", "p_raw_1", "p_0", "p_1"])
    top = rows["signal"] * 0.8
    shares = {"0": (1.0 - rows["signal"]) * 0.8, "1": pd.Series(0.2, index=rows.index), "2": top}
    label = np.digitize(rows["forward_return"] * 1e4, [-10.0, 10.0]).astype(float)
    columns = {f"p_{raw}{k}": share for raw in ("raw_", "") for k, share in shares.items()}
    return bare.assign(label=label, **columns)


def _idle(rows: pd.DataFrame) -> pd.DataFrame:
    test = rows["part"] == "test"
    return rows.assign(**{name: rows[name].mask(test, 0.0) for name in ("position", "return_gross", "return_net")})


def _unknown_labels(rows: pd.DataFrame) -> pd.DataFrame:
    last = rows["time"] >= rows["time"].max() - pd.Timedelta(hours=5)
    return rows.assign(label=rows["label"].mask(last), forward_return=rows["forward_return"].mask(last))


@pytest.mark.parametrize("change", [_regression, _calibrated_regression, _three_classes, _idle, _unknown_labels])
def test_every_kind_of_evidence_gives_a_whole_report(
    change: Any, evidence: Any, trials: TrialLedger, spec: MlSpec, features: FeatureSet
) -> None:
    tables = SimpleNamespace(**{**vars(evidence.tables), "predictions": change(evidence.tables.predictions)})
    data = report_data(evidence.meta, tables, trials)  # type: ignore[arg-type]
    drawn = draw_pictures(evidence.meta, tables, data)  # type: ignore[arg-type]
    text = render_ml_report(spec, features, evidence.meta, data, dict.fromkeys(drawn, "p.svg"))
    assert not UNFORMATTED.search(text.split("## Numbers")[0])
    assert _same(numbers_in(text), metrics.summary(tables.predictions))
    assert not UNFORMATTED.search(_page(data, drawn))


def _same(read: dict[str, float | None], computed: dict[str, float | int | None]) -> bool:
    for name, value in computed.items():
        stated = read[f"out_of_sample.{name}"]
        if value is None or stated is None:
            if value is not stated:
                return False
        elif not (math.isnan(value) and math.isnan(stated)) and stated != value:
            return False
    return True


def _page(data: ReportData, drawn: dict[str, bytes]) -> str:
    pictures = {name: content.decode() for name, content in drawn.items()}
    return render_single(StrategyPage("STR-001", "a", "b", "open", None, [], data.headline, pictures, data=data), "")
