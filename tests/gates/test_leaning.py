"""A table of importances that is not that of the forecasts is seen; honest kinds of importance, however noisy, pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.corpus import evidence_faults_of_rows as faults
from crypto_team.gates.corpus.evidence_bad import FAULTS
from crypto_team.gates.corpus.evidence_honest import HONEST, study
from crypto_team.gates.importance import importances_stable, no_feature_dominates
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.gates.leaning import Leaning, leaning
from crypto_team.gates.recompute import Returns
from crypto_team.gates.registry import run_check

Floats = npt.NDArray[np.float64]
Learner = Callable[[Floats, Floats], Callable[[Floats], Floats]]
KINDS = ("gain", "split", "permutation", "shap")
COLUMNS = [f"f{k}" for k in range(10)]
ROWS, FOLDS, TEST = 4_000, 3, 800


def boosted(x: Floats, y: Floats) -> lgb.Booster:
    settings = {"objective": "regression", "num_leaves": 8, "learning_rate": 0.05, "verbose": -1, "num_threads": 1}
    return lgb.train({**settings, "deterministic": True, "seed": 1}, lgb.Dataset(x, y), 60)


def forecast(model: lgb.Booster, x: Floats) -> Floats:
    return np.asarray(model.predict(x), dtype=np.float64)


def importances_of(model: lgb.Booster, kind: str, x: Floats, y: Floats, rng: np.random.Generator) -> Floats:
    """Return the importances of a model, of one kind; permutation by the loss of correlation on `x`, `y`."""
    if kind in {"gain", "split"}:
        return np.asarray(model.feature_importance(kind), dtype=np.float64)
    if kind == "shap":
        parts = np.asarray(model.predict(x, pred_contrib=True), dtype=np.float64)
        return np.asarray(np.abs(parts[:, :-1]).mean(axis=0))
    base, lost = np.corrcoef(forecast(model, x), y)[0, 1], []
    for column in range(x.shape[1]):
        mixed = x.copy()
        mixed[:, column] = rng.permutation(mixed[:, column])
        lost.append(base - np.corrcoef(forecast(model, mixed), y)[0, 1])
    return np.clip(np.asarray(lost), 0.0, None)


def carried_out(
    weights: Floats, kind: str, *, twins: float = 0.0, seed: int = 1
) -> tuple[Returns, pd.DataFrame, pd.DataFrame]:
    """Walk forward with boosted trees; return what a gate knows: returns, features, and the honest importances."""
    rng = np.random.default_rng(seed)
    predictions, samples, tables = [], [], []
    for fold in range(FOLDS):
        x = rng.standard_normal((ROWS + TEST, 10))
        x[:, 1:3] = twins * x[:, :1] + np.sqrt(1.0 - twins**2) * x[:, 1:3]
        y = x @ weights + 3.0 * rng.standard_normal(len(x))
        model = boosted(x[:ROWS], y[:ROWS])
        values = importances_of(model, kind, x[ROWS:], y[ROWS:], rng)
        time = pd.date_range("2023-01-01", periods=TEST, freq="1h", tz="UTC") + fold * pd.Timedelta(TEST, "h")
        told = forecast(model, x[ROWS:])
        row = {"time": time, "pair": "A/USDT", "fold": fold, "part": "test", "signal": told}
        predictions.append(pd.DataFrame({**row, "forward_return": y[ROWS:] / 100.0}))
        samples.append(pd.DataFrame(x[ROWS:], columns=COLUMNS).assign(time=time, pair="A/USDT"))
        tables.append(pd.DataFrame({"fold": fold, "feature": COLUMNS, "kind": kind, "value": values}))
    everything = pd.concat(predictions, ignore_index=True)
    return Returns(everything, np.zeros(len(everything)), 2.0), pd.concat(samples), pd.concat(tables)


def one_source() -> Floats:
    return np.array([1.0, 0.0, 0.0, 0.08, 0.08, 0.0, 0.0, 0.0, 0.0, 0.0])


def five_sources() -> Floats:
    return np.array([0.7, 0.6, 0.5, 0.4, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0])


def misfits(found: Leaning | None, table: pd.DataFrame) -> tuple[float, float]:
    """Return by how much a table hides the carrier, and what it lays on idle features."""
    assert found is not None
    dominates, stable = no_feature_dominates(table, None, found), importances_stable(table, found)
    return dominates.numbers["hidden"], stable.numbers["phantom"]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("twins", [0.0, 0.6, 0.95])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", [one_source(), five_sources()], ids=["one source", "five sources"])
def test_every_honest_kind_of_importance_fits(weights: Floats, kind: str, twins: float, seed: int) -> None:
    returns, sample, table = carried_out(weights, kind, twins=twins, seed=seed)
    hidden, phantom = misfits(leaning(returns, sample), table)
    assert hidden == 0.0
    assert phantom < 0.05


def test_an_even_table_over_one_source_is_refused_with_its_share() -> None:
    returns, sample, table = carried_out(one_source(), "gain")
    found = leaning(returns, sample)
    verdict = no_feature_dominates(table.assign(value=1.0), None, found)
    assert verdict.numbers["hidden"] > 0.1
    assert verdict.value is not None
    assert verdict.value > 0.45
    assert "f0 10.0%" in verdict.explanation


def test_forecasts_that_no_additive_model_explains_are_not_judged() -> None:
    returns, sample, table = carried_out(one_source(), "gain")
    shuffled = sample.assign(f0=sample["f0"].to_numpy()[::-1])
    assert misfits(leaning(returns, shuffled), table.assign(value=1.0)) == (0.0, 0.0)


@pytest.mark.parametrize("name", ["evened_importances", "borrowed_importances"])
def test_the_faults_of_the_corpus_are_refused_for_the_table(tmp_path: Path, name: str) -> None:
    done = study(FAULTS[name].design, 3)
    parts = getattr(faults, name)(done, np.random.default_rng(1))
    case = case_from_folder(parts.write(tmp_path))
    words = {code: run_check(code, case) for code in FAULTS[name].codes}
    assert {each.outcome for each in words.values()} == {"refused"}
    assert all("the table is not that of these forecasts" in each.explanation for each in words.values())


@pytest.mark.parametrize("name", ["plain", "regression"])
def test_honest_tables_of_the_corpus_fit(tmp_path: Path, name: str) -> None:
    case = case_from_folder(study(HONEST[name], 3).parts.write(tmp_path))
    assert case.importances is not None
    assert misfits(case.leaning, case.importances) == (0.0, 0.0)


@pytest.mark.parametrize("name", ["signal", "forward_return"])
def test_a_feature_may_have_the_name_of_a_column_of_the_forecasts(name: str) -> None:
    returns, sample, _ = carried_out(one_source(), "gain")
    usual, renamed = leaning(returns, sample), leaning(returns, sample.rename(columns={"f0": name}))
    assert usual is not None
    assert renamed is not None
    assert renamed.groups == tuple(tuple(name if each == "f0" else each for each in group) for group in usual.groups)
    np.testing.assert_array_equal(renamed.variance, usual.variance)
    np.testing.assert_array_equal(renamed.skill, usual.skill)


def test_a_fold_in_which_forecasts_were_worth_nothing_does_not_drown_the_skill_of_the_others() -> None:
    rng = np.random.default_rng(4)
    signal = rng.standard_normal(1_200)
    forward = 0.2 * signal + rng.standard_normal(1_200)
    # In the last fold returns are reordered until their rank correlation with the forecasts is a thousandth.
    last = np.array([rng.permutation(400) for _ in range(4_000)])
    ranked = signal[800:].argsort().argsort()
    worth = np.array([np.corrcoef(ranked, each)[0, 1] for each in last])
    forward[800:] = np.sort(forward[800:])[last[np.flatnonzero(worth > 0.0)[worth[worth > 0.0].argmin()]]]
    time = pd.date_range("2023-01-01", periods=1_200, freq="1h", tz="UTC")
    test = {"time": time, "pair": "A/USDT", "fold": np.repeat([0, 1, 2], 400), "part": "test", "signal": signal}
    everything = pd.DataFrame({**test, "forward_return": forward})
    idle = pd.DataFrame(rng.standard_normal((1_200, 2)), columns=["b", "c"])
    sample = idle.assign(a=signal + 0.1 * rng.standard_normal(1_200), time=time, pair="A/USDT")
    found = leaning(Returns(everything, np.zeros(1_200), 2.0), sample)
    assert found is not None
    skill = dict(zip(found.groups, found.skill.tolist(), strict=True))
    assert skill["a",] == pytest.approx(1.0, abs=0.1)
    assert max(abs(skill["b",]), abs(skill["c",])) < 0.5


def test_without_features_there_is_nothing_to_compare() -> None:
    returns, sample, _ = carried_out(one_source(), "gain")
    assert leaning(returns, sample.iloc[:50]) is None
    assert leaning(returns, sample[["time", "pair", "f0"]]) is None
