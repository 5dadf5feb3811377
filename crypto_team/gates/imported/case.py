"""A folder of foreign evidence as the case that every check reads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.case import Case
from crypto_team.gates.imported.filling import with_labels
from crypto_team.gates.imported.market import candles_of, sound_market
from crypto_team.gates.imported.reading import Imported, read_folder
from crypto_team.gates.imported.times import moment
from crypto_team.gates.imported.timing import Timed, timed
from crypto_team.gates.imported.trials import ledger_of
from crypto_team.gates.recompute import milliseconds, recompute_signal
from crypto_team.schemas.evidence import EvidenceMeta, FoldRange, ImportedFold, ImportedLabel
from crypto_team.schemas.ml_spec import ModelName, Signal, Target, TargetKind
from crypto_team.validation.clock import utc_text

NO_HASH = "sha256:" + "0" * 64
IMPORTED_ID = "STR-000"
DAY_SECONDS = 86_400


@dataclass(frozen=True)
class ImportedFacts:
    """What only foreign evidence has: its own words, and what had to be found out about it.

    `train_known` holds the folds that say which rows they were trained on; `stored` are the test rows as they came.
    """

    label: ImportedLabel
    claims: Mapping[str, float | str]
    timed: Timed
    stored: pd.DataFrame
    train_known: frozenset[int]
    trained_at: Mapping[int, int]
    holdout_ms: int | None
    periods_per_year: float | None
    n_trials: int | None
    random_seed: int | None
    versions: Mapping[str, str]
    dataset_hashes: tuple[str, ...]
    tables: frozenset[str]
    notes: tuple[str, ...]


def case_from_folder(folder: Path, strategy_id: str = IMPORTED_ID) -> Case:
    """Read a folder of evidence and return the case; raises :class:`~crypto_team.errors.EvidenceError`."""
    return case_from(read_folder(folder), strategy_id)


def case_from(found: Imported, strategy_id: str = IMPORTED_ID) -> Case:
    """Return the case of evidence that was read."""
    tables = found.tables
    predictions, market = tables.get("predictions"), tables.get("market")
    if predictions is None or not (predictions["part"] == "test").any():
        return Case(strategy_id=strategy_id, document_findings=found.findings, evidence_problems=list(_absent(found)))
    folds = _folds(found, predictions)
    ledger = ledger_of(found.meta, tables)
    meta = _meta(found, strategy_id, predictions, folds)
    market = None if market is None else sound_market(found, market)
    market = None if market is None or market.empty else market
    predictions = with_labels(found, predictions, market)
    predictions["signal"] = recompute_signal(predictions)
    facts = _facts(found, predictions, market)
    return Case(
        strategy_id=strategy_id,
        meta=meta,
        predictions=predictions,
        market=market,
        features_sample=tables.get("features"),
        bars=None if market is None else candles_of(market),
        importances=tables.get("importances"),
        preprocessing=_preprocessing(tables.get("preprocessing")),
        universe=tables.get("universe"),
        trials=tables.get("trials"),
        trial_returns=tables.get("trial_returns"),
        seeds=tables.get("seeds"),
        thresholds=tables.get("thresholds"),
        ledger=ledger,
        document_findings=found.findings,
        imported=facts,
    )


def _absent(found: Imported) -> list[str]:
    if "predictions" in found.tables:
        return ["predictions.parquet has no row of part test: nothing was predicted out of sample"]
    return [note for note in found.notes if note.startswith("predictions")] or [
        "predictions.parquet is missing or cannot be read"
    ]


def _facts(found: Imported, predictions: pd.DataFrame, market: pd.DataFrame | None) -> ImportedFacts:
    said = found.meta
    step_ms = timeframe_seconds(said.timeframe) * 1000
    test = predictions[predictions["part"] == "test"]
    shown = (
        timed(predictions, market, step_ms=step_ms, horizon_bars=said.horizon_bars)
        if market is not None
        else Timed("not_stored", test["position"].fillna(0.0), 0.0, {})
    )
    with_train = set(predictions.loc[predictions["part"] == "train", "fold"].unique().tolist())
    told = {fold.fold for fold in said.folds if fold.train_end is not None}
    return ImportedFacts(
        label=said.label,
        claims=said.claims,
        timed=shown,
        stored=test,
        train_known=frozenset(int(each) for each in with_train | told),
        trained_at={fold.fold: moment(fold.trained_at) for fold in said.folds if fold.trained_at is not None},
        holdout_ms=moment(said.holdout_start) if said.holdout_start else None,
        periods_per_year=said.periods_per_year,
        n_trials=said.n_trials,
        random_seed=said.random_seed,
        versions=said.versions,
        dataset_hashes=tuple(said.dataset_hashes),
        tables=frozenset(found.tables),
        notes=tuple(found.notes),
    )


def _folds(found: Imported, predictions: pd.DataFrame) -> list[FoldRange]:
    """Return every fold with all its ranges: as stated, else as the rows of the predictions have them."""
    step = timeframe_seconds(found.meta.timeframe) * 1000
    stated = {fold.fold: fold for fold in found.meta.folds}
    numbers = sorted(set(predictions["fold"].unique().tolist()) | set(stated))
    importances = found.tables.get("importances")
    return [
        _fold(int(number), stated.get(number, ImportedFold(fold=int(number))), rows, step, importances, found)
        for number in numbers
        for rows in [predictions[predictions["fold"] == number]]
    ]


def _fold(
    number: int, said: ImportedFold, rows: pd.DataFrame, step: int, importances: pd.DataFrame | None, found: Imported
) -> FoldRange:
    spans: dict[str, tuple[int, int]] = {}
    for part in ("train", "inner", "test"):
        spans[part] = _span(said, part, milliseconds(rows.loc[rows["part"] == part, "time"]), step, found)
    if spans["inner"] == (0, 0):
        spans["inner"] = (spans["train"][1], spans["train"][1])
    used = [] if importances is None else sorted(set(importances.loc[importances["fold"] == number, "feature"]))
    gap = (spans["test"][0] - max(spans["train"][1], spans["inner"][1])) // step
    trained = int((rows["part"] == "train").sum())
    length = max(0, spans["train"][1] - spans["train"][0]) // step * max(1, rows["pair"].nunique())
    return FoldRange.model_construct(
        fold=number,
        train_start=utc_text(spans["train"][0]),
        train_end=utc_text(spans["train"][1]),
        inner_start=utc_text(spans["inner"][0]),
        inner_end=utc_text(spans["inner"][1]),
        test_start=utc_text(spans["test"][0]),
        test_end=utc_text(spans["test"][1]),
        gap_bars=said.gap_bars if said.gap_bars is not None else max(0, gap),
        train_rows=said.train_rows or trained or length,
        inner_rows=int((rows["part"] == "inner").sum()),
        test_rows=int((rows["part"] == "test").sum()),
        selected=said.selected or used or found.meta.feature_names,
        model_file="",
        model_hash=NO_HASH,
    )


def _span(said: ImportedFold, part: str, times: Any, step: int, found: Imported) -> tuple[int, int]:
    """Return the half-open range of a part; a stated end that is itself a row of the part is meant to be inside."""
    begin, end = getattr(said, f"{part}_start"), getattr(said, f"{part}_end")
    try:
        first = moment(begin) if begin else int(times.min()) if times.size else 0
        last = moment(end) if end else int(times.max()) + step if times.size else 0
    except (ValueError, TypeError, OverflowError):
        found.wrong("folds.yaml", f"fold {said.fold}: {part} from {begin} to {end} is no range of time")
        return 0, 0
    if times.size and end and int(times.max()) == last:
        last += step
    return first, last


def _meta(found: Imported, strategy_id: str, predictions: pd.DataFrame, folds: list[FoldRange]) -> EvidenceMeta:
    """Return what the checks read; built without validation, because names elsewhere follow other patterns."""
    said = found.meta
    shorts = bool((predictions["position"] < 0).any())
    names = said.feature_names or sorted({each for fold in folds for each in fold.selected})
    rule = said.signal or Signal(entry_threshold=0.5, exit_threshold=0.5, side="long_short" if shorts else "long_only")
    per_year = said.periods_per_year or 365.0 * DAY_SECONDS / timeframe_seconds(said.timeframe)
    return EvidenceMeta.model_construct(
        strategy_id=strategy_id,
        timeframe=said.timeframe,
        pairs=sorted(set(predictions["pair"])),
        periods_per_year=per_year,
        horizon_bars=said.horizon_bars,
        gap_bars=said.gap_bars or 0,
        cost_bps_per_side=said.cost_bps_per_side,
        target=_target(found, predictions),
        signal=rule,
        model=cast("ModelName", said.model),
        hyperparameters={},
        calibration="none" if said.calibration == "none" else "platt",
        window="",
        test="",
        step="",
        feature_names=names,
        random_seed=(said.random_seed or 0) % 2**32,
        versions=dict(said.versions),
        dataset_ids=[],
        dataset_hashes=[],
        data_hash=NO_HASH,
        research_end=None,
        declared_n_trials=said.n_trials or 1,
        folds=folds,
    )


def _target(found: Imported, predictions: pd.DataFrame) -> Target:
    """Return what is predicted, as the columns of the forecasts say."""
    said = found.meta
    regression = "p_1" not in predictions.columns
    kind: TargetKind = "return" if regression else "n_class" if "p_2" in predictions.columns else "direction"
    classes = sum(name.startswith("p_") and name[2:].isdigit() for name in predictions.columns)
    return Target.model_construct(
        type="regression" if regression else "classification",
        kind=kind,
        definition=said.label.definition or said.label.kind,
        horizon=f"{said.horizon_bars}bars",
        horizon_bars=said.horizon_bars,
        thresholds_bps=[float(number) for number in range(max(0, classes - 1))] if kind == "n_class" else [],
        classes=[],
        class_balance=[],
    )


def _preprocessing(table: pd.DataFrame | None) -> pd.DataFrame | None:
    """Return the table with every column of the contract; what it does not say is empty."""
    if table is None:
        return None
    made = table.copy()
    missing = pd.Series(pd.NaT, index=made.index).dt.tz_localize("UTC").astype("datetime64[ms, UTC]")
    absent: dict[str, Any] = {
        "stage": "scaler",
        "feature": "",
        "kept": True,
        "a": math.nan,
        "b": math.nan,
        "reason": "",
    }
    absent |= {"fitted_from": missing, "fitted_to": missing}
    for name, value in absent.items():
        if name not in made.columns:
            made[name] = value
    # What is not said is no reason to fail later; a fit without a stage belongs to none.
    made[["stage", "feature"]] = made[["stage", "feature"]].fillna("")
    names = {"scale": "scaler", "scaling": "scaler", "standardscaler": "scaler", "calibrator": "calibration"}
    names |= {
        "select": "selection",
        "feature_selection": "selection",
        "platt": "calibration",
        "isotonic": "calibration",
    }
    made["stage"] = made["stage"].astype("str").str.lower().map(lambda each: names.get(each, each))
    return made
