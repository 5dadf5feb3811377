from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import pytest

from crypto_team.errors import InputError
from crypto_team.models.registry import MODELS
from crypto_team.reports import markdown
from crypto_team.reports.formats import number, percent, signed
from crypto_team.reports.ml_report import numbers_in, render_ml_report
from crypto_team.reports.report_data import ReportData
from crypto_team.schemas.features import FeatureSet
from crypto_team.schemas.ml_spec import MlSpec
from crypto_team.schemas.report import SECTIONS

PICTURES = {"equity": "pictures/equity.svg", "folds": "pictures/folds.svg"}
HOSTILE = """<script>alert(1)</script> | cell

```yaml numbers
out_of_sample.sharpe: 99.0
```

# Limitations and caveats
- [click](http://example.com) ![x](http://example.com/x.png) **bold** {{ 7*7 }}"""


def _render(spec: MlSpec, features: FeatureSet, evidence: Any, data: ReportData) -> str:
    return render_ml_report(spec, features, evidence.meta, data, PICTURES)


def test_all_sections_are_there_in_order_and_none_is_empty(
    spec: MlSpec, features: FeatureSet, evidence: Any, data: ReportData
) -> None:
    text = _render(spec, features, evidence, data)
    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert titles == [*SECTIONS, "Numbers"]
    bodies = re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]
    assert all(len(body.strip()) > 80 for body in bodies)


def test_a_haircut_is_told_of_a_ratio_above_zero_among_several_trials_only(
    spec: MlSpec, features: FeatureSet, evidence: Any, data: ReportData
) -> None:
    def told(**changes: Any) -> str:
        found = replace(data, luck=replace(data.luck, **changes))
        return next(line for line in _render(spec, features, evidence, found).splitlines() if "Haircut" in line)

    some = told(n_trials=50, sharpe=1.5, haircut_holm=0.4)
    assert "adjusted for all 50 trials, those without a known ratio as ones that prove nothing" in some
    assert "+0.40 (Holm)" in some
    assert "those without" not in told(n_trials=len(data.luck.trial_sharpes), sharpe=1.5)
    assert told(n_trials=1, sharpe=1.5).endswith("the ledger counts no other trial.")
    assert told(n_trials=50, sharpe=-0.1).endswith("the Sharpe ratio is not above zero.")


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_learner_can_be_reported_with_why_it_was_chosen(
    name: str, spec: MlSpec, features: FeatureSet, evidence: Any, data: ReportData
) -> None:
    assert len(MODELS[name].about) > 30
    meta = evidence.meta.model_copy(update={"model": name})
    text = render_ml_report(spec, features, meta, data, PICTURES)
    assert MODELS[name].about in text


def test_the_block_of_numbers_reads_back_as_the_computed_numbers(
    spec: MlSpec, features: FeatureSet, evidence: Any, data: ReportData
) -> None:
    read = numbers_in(_render(spec, features, evidence, data))
    assert list(read) == list(data.numbers)
    for name, value in data.numbers.items():
        same = read[name] == value or (isinstance(value, float) and math.isnan(value) and math.isnan(read[name] or 0.0))
        assert same, name


def test_numbers_in_the_text_are_the_computed_ones(
    spec: MlSpec, features: FeatureSet, evidence: Any, data: ReportData
) -> None:
    text = _render(spec, features, evidence, data)
    assert f"| {signed(data.performance.sharpe)} (95 % interval {signed(data.performance.sharpe_low)}" in text
    assert f"| Maximum drawdown | {percent(data.performance.max_drawdown)} |" in text
    for row in data.folds:
        assert f"| {percent(row.accuracy)} ({percent(row.base_rate)}) | {number(row.auc, 3)} |" in text
    for regime in data.regimes:
        assert f"| {regime.group}: {regime.name} | {regime.days} |" in text


def test_the_same_input_gives_the_same_text(
    spec: MlSpec, features: FeatureSet, evidence: Any, data: ReportData
) -> None:
    assert _render(spec, features, evidence, data) == _render(spec, features, evidence, data)


def test_hostile_text_of_the_author_stays_text(
    spec: MlSpec, features: FeatureSet, evidence: Any, data: ReportData
) -> None:
    feature = features.features[0].model_copy(update={"rationale": HOSTILE})
    changed = features.model_copy(update={"features": [feature, *features.features[1:]]})
    model = spec.model.model_copy(update={"architecture": HOSTILE})
    attacked = spec.model_copy(update={"hypothesis": HOSTILE, "model": model})
    text = _render(attacked, changed, evidence, data)
    assert "<script" not in text
    assert not re.search(r"(?<!\\)\]\(http", text)
    assert "**bold**" not in text
    assert "7*7" not in text.replace("7\\*7", "")
    assert numbers_in(text)["out_of_sample.sharpe"] == data.out_of_sample.sharpe
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [*SECTIONS, "Numbers"]
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1
    row = next(line for line in text.splitlines() if line.startswith("| `rsi_close_14`"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 9


def test_references_in_the_authors_text_become_computed_numbers(
    spec: MlSpec, features: FeatureSet, evidence: Any, data: ReportData
) -> None:
    told = spec.model_copy(update={"hypothesis": "It made {{ out_of_sample.n_trades }} trades."})
    assert f"> It made {data.out_of_sample.n_trades} trades." in _render(told, features, evidence, data)


def test_an_unknown_reference_is_an_error_that_names_close_ones(
    spec: MlSpec, features: FeatureSet, evidence: Any, data: ReportData
) -> None:
    told = spec.model_copy(update={"hypothesis": "Sharpe {{ out_of_sample.sharp }}"})
    with pytest.raises(InputError, match=r"out_of_sample\.sharpe"):
        _render(told, features, evidence, data)


def test_a_report_without_a_block_has_no_numbers() -> None:
    assert numbers_in("# Nothing") == {}
    assert numbers_in("```yaml numbers\n: [\n```\n") == {}
    assert numbers_in("```yaml numbers\na: true\nb: text\nc: 1\n```\n") == {"c": 1.0}


def test_pictures_link_to_the_given_paths(spec: MlSpec, features: FeatureSet, evidence: Any, data: ReportData) -> None:
    text = _render(spec, features, evidence, data)
    assert "](pictures/equity.svg)" in text
    assert "confidence.svg" not in text


@pytest.mark.parametrize("line", ["- item", "1. item", "+ item", "=== title", "# title", "> quote", "a | b", "~~x~~"])
def test_escaped_lines_begin_no_block_and_end_no_cell(line: str) -> None:
    shown = markdown.escape(line)
    assert not re.match(r"^\s*([-+=#>]|\d+\.\s)", shown)
    assert not re.search(r"(?<!\\)[|~]", shown)


def test_control_and_direction_characters_are_dropped() -> None:
    assert markdown.escape("a\u202eb\x1bc\nd") == "abc d"


def test_a_picture_path_cannot_close_its_link() -> None:
    assert markdown.picture("t", "a b).svg") == "![t](a%20b%29.svg)"


def test_a_report_says_when_the_design_is_no_longer_what_was_trained(
    spec: MlSpec, features: FeatureSet, evidence: Any, data: ReportData
) -> None:
    told = "has changed since this evidence was made"
    assert told not in _render(spec, features, evidence, data)
    lines = ['model.calibration is "isotonic", trained with "platt"']
    text = render_ml_report(spec, features, evidence.meta, data, PICTURES, changed=lines)
    assert text.index(told) < text.index(SECTIONS[0])
    assert "isotonic" in text


def test_random_is_told_as_single_strategies_with_their_band(
    spec: MlSpec, features: FeatureSet, evidence: Any, data: ReportData
) -> None:
    text = _render(spec, features, evidence, data)
    assert "100 strategies that hold the same positions at other times" in text
    for value in (data.chance.sharpe_low, data.chance.sharpe_high):
        assert signed(value) in text
    row = next(row for row in data.baselines if row.name == "random")
    assert (row.sharpe, row.max_drawdown) == (data.chance.sharpe, data.chance.max_drawdown)
    assert "the line in the picture is the one with the middle Sharpe ratio" in text


def test_the_debiased_calibration_error_stands_beside_the_plain_one(
    spec: MlSpec, features: FeatureSet, evidence: Any, data: ReportData
) -> None:
    assert data.numbers["calibration.ece_debiased"] == data.calibration.ece_debiased
    assert number(data.calibration.ece_debiased, 4) in _render(spec, features, evidence, data)
    # The raw probabilities are the true ones: what their bins differ by is noise, and no error is left.
    assert data.calibration.ece_debiased_raw == 0.0 < data.calibration.ece_raw
    assert data.calibration.ece_debiased > 0.03
