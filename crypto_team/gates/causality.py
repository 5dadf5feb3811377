"""Checks that features use nothing but the past: by construction, by probes, by recomputation (LK001-LK003)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.errors import EvidenceError
from crypto_team.features.matrix import FeatureMatrix, build_matrix
from crypto_team.features.surroundings import Surroundings
from crypto_team.features.verdicts import robust_spread
from crypto_team.gates.audit import FeatureAudit, static_hints
from crypto_team.gates.recompute import complete_bars, milliseconds
from crypto_team.gates.registry import Limit, Verdict, check, insufficient, judge, passed, refused
from crypto_team.schemas.evidence import EvidenceMeta, FoldRange
from crypto_team.schemas.features import Feature, FeatureSet
from crypto_team.validation.prediction import FoldModel, filled_by_folds

Matrix = npt.NDArray[np.float32]
REMEDY = ("crypto-team ml-engineer remove-feature STR NAME", "crypto-team ml-engineer train STR")


@check(
    "LK001",
    "Every feature uses past data only",
    unit="features",
    source="ML engineer card, critical rule 1",
    remedy=("crypto-team ml-engineer test-feature STR FORMULA", *REMEDY),
    stricter={},
)
def features_causal(
    features: FeatureSet,
    audit: FeatureAudit,
    bars: Mapping[str, pd.DataFrame],
    meta: EvidenceMeta,
    features_sample: pd.DataFrame,
    code_dir: Path | None = None,
    model_dir: Path | None = None,
    surroundings: Surroundings | None = None,
) -> Verdict:
    """Require that formulas compile (no operator can look ahead) as stated, and that Python features survive probes.

    The stored values of the features have to be those that formulas and code give on the registered candles, so that
    a clean formula cannot stand for a column that was computed otherwise.
    """
    problems = [f"{text} (does not parse)" for text in audit.broken]
    problems += [f"{reference}: the code is missing" for reference in audit.missing_code]
    seen = {each.column for each in audit.leaking}
    for feature in features.features:
        derived = audit.lookbacks.get(feature.name)
        if derived is not None and derived != feature.lookback:
            problems.append(f"{feature.name}: look-back {feature.lookback} is stated, {derived} is derived")
        if not feature.leakage_safe and feature.name not in seen:
            problems.append(f"{feature.name}: not proven to be free of leakage")
    problems += [
        f"{each.column}: probe '{each.probe}' at row {each.cut} changed row {each.row} from {each.expected} to "
        f"{each.got}; {each.explanation}"
        for each in audit.leaking
    ]
    if not problems:
        source = FeatureSource(features, meta, code_dir, model_dir, surroundings)
        problems = _values_differ(source, features_sample, bars)
    if problems:
        named = {text.partition(":")[0] for text in problems}
        return refused("; ".join(problems[:4]), len(named), evidence=tuple(problems))
    proven = len(audit.lookbacks)
    probed = len(features.features) - proven
    return passed(f"{proven} formulas causal by construction, {probed} Python features survived all probes", 0)


@dataclass(frozen=True)
class FeatureSource:
    """Everything but the bars that feature values are computed from."""

    features: FeatureSet
    meta: EvidenceMeta
    code_dir: Path | None
    model_dir: Path | None
    surroundings: Surroundings | None

    def matrix(self, chosen: Sequence[Feature], frame: pd.DataFrame, pair: str) -> FeatureMatrix:
        """Compute some features on bars of a pair; fitted ones as the fold that tests each bar has them."""
        around = self.surroundings.seen_from(pair) if self.surroundings else None
        folder = reference_folder(self.code_dir, self.features)
        matrix = build_matrix(chosen, frame, code_dir=folder, surroundings=around)
        if not matrix.fitted or self.model_dir is None:
            return matrix
        folds = [fold_model(self.model_dir, fold) for fold in self.meta.folds]
        return filled_by_folds(matrix, milliseconds(frame["timestamp"]), folds)


def fold_model(model_dir: Path, fold: FoldRange) -> FoldModel:
    """Load a fold's model; its hash is judged by LK008."""
    path = model_dir / Path(fold.model_file).name
    if not path.is_file():
        raise EvidenceError(f"model file {fold.model_file} is missing", where=str(path))
    return FoldModel.load(path.read_bytes())


def _values_differ(source: FeatureSource, sample: pd.DataFrame, bars: Mapping[str, pd.DataFrame]) -> list[str]:
    """Compare the stored sample of feature values with values computed anew from the candles."""
    names = [name for name in sample.columns if name not in {"time", "pair"}]
    known = [each for each in source.features.features if each.name in set(names)]
    unknown = sorted(set(names) - {each.name for each in known})
    problems = [f"{name}: stored values, but no such feature" for name in unknown]
    for pair, rows in sample.groupby("pair", sort=True):
        frame = complete_bars(bars[str(pair)], source.meta.timeframe)
        matrix = source.matrix(known, frame, str(pair))
        place = np.searchsorted(milliseconds(frame["timestamp"]), milliseconds(rows["time"]))
        values = np.asarray(matrix.values)[np.minimum(place, len(frame) - 1)]
        for number, name in enumerate(matrix.names):
            wrong = ~_close(rows[name].to_numpy(dtype=np.float32), values[:, number])
            if wrong.any():
                first = int(wrong.argmax())
                problems.append(
                    f"{name} of {pair}: {int(wrong.sum())} of {len(rows)} stored values differ from the formula's, "
                    f"first at {rows['time'].iloc[first]}: {rows[name].iloc[first]} stored, {values[first, number]}"
                )
    return problems


def _close(stored: Matrix, computed: Matrix, tolerance: float = 1e-4) -> npt.NDArray[np.bool_]:
    """Compare float32 columns relative to the column's own spread, so that values near zero do not decide."""
    scale = robust_spread(computed.astype(np.float64))
    return np.isclose(stored, computed, rtol=tolerance, atol=tolerance * scale, equal_nan=True)


def reference_folder(code_dir: Path | None, features: FeatureSet) -> Path | None:
    """Return the folder that references like ``code/x.py`` are relative to."""
    references = [each.python.split(":")[0] for each in features.features if each.python]
    if code_dir is None or not references or (code_dir / references[0]).exists():
        return code_dir
    return code_dir.parent


@check(
    "LK002",
    "Static rules on Python features",
    unit="confirmed lines",
    source="ML engineer card, critical rule 1; a hint alone never refuses",
    remedy=REMEDY,
    stricter={},
)
def static_rules(features: FeatureSet, audit: FeatureAudit, code_dir: Path | None = None) -> Verdict:
    """List lines that look ahead in most code; they refuse only where a probe confirmed the leak."""
    if not any(each.python for each in features.features):
        return passed("there are no Python features", 0)
    if code_dir is None:
        return insufficient("the code of the Python features is missing")
    hints = static_hints(features, code_dir)
    lines = tuple(f"{each.file}:{each.line}: {each.reason}" for each in hints)
    if audit.leaking and hints:
        names = ", ".join(sorted({each.column for each in audit.leaking}))
        return refused(f"{'; '.join(lines[:5])}; probes confirm that {names} look ahead", len(hints), evidence=lines)
    text = f"{len(hints)} lines worth a look, none confirmed by a probe" if hints else "no suspicious line"
    return passed(text, 0, evidence=lines)


@check(
    "LK003",
    "Look-back and warm-up are sufficient",
    unit="features",
    source="ML engineer card, critical rule 4",
    remedy=("crypto-team ml-engineer export STR", *REMEDY),
    stricter={"rows": "higher"},
    limit=Limit("at_most", 0.0),
)
def lookback_sufficient(
    features: FeatureSet,
    bars: Mapping[str, pd.DataFrame],
    meta: EvidenceMeta,
    strategy_code: str | None = None,
    code_dir: Path | None = None,
    model_dir: Path | None = None,
    surroundings: Surroundings | None = None,
    *,
    rows: float = 5,
) -> Verdict:
    """Require that look-back + 1 bars give every feature its full-history value, and that the export starts up as long.

    At `rows` places of the first pair the matrix is computed on a window that ends there.
    """
    lookback = max((each.lookback for each in features.features), default=0)
    pair = meta.pairs[0]
    frame = complete_bars(bars[pair], meta.timeframe)
    source = FeatureSource(features, meta, code_dir, model_dir, surroundings)
    if len(frame) < 2 * (lookback + 1):
        return insufficient(f"{len(frame)} bars, {2 * (lookback + 1)} are needed for a look-back of {lookback}")
    full = source.matrix(features.features, frame, pair)
    everything, wrong = np.asarray(full.values), set()
    for end in np.linspace(2 * lookback + 1, len(frame) - 1, int(rows)).astype(int):
        window = frame.iloc[end - lookback : end + 1].reset_index(drop=True)
        last = np.asarray(source.matrix(features.features, window, pair).values)[-1]
        scale = np.array([robust_spread(column) for column in everything.T.astype(np.float64)])
        same = np.isclose(last, everything[end], rtol=1e-3, atol=1e-3 * scale, equal_nan=True)
        wrong |= {full.names[number] for number in np.flatnonzero(~same)}
    problems = [f"{name}: {lookback} bars of history do not give its full value" for name in sorted(wrong)]
    problems += _startup_problems(strategy_code, lookback)
    text = "; ".join(problems[:4]) or f"{lookback} bars of history give every feature its full value"
    return judge(not problems, text, len(problems), evidence=tuple(problems))


def _startup_problems(strategy_code: str | None, lookback: int) -> list[str]:
    if strategy_code is None:
        return []
    stated = re.search(r"^\s*startup_candle_count\s*(?::\s*\w+\s*)?=\s*(\d+)", strategy_code, re.MULTILINE)
    if stated is None:
        return ["the exported strategy states no startup_candle_count"]
    if int(stated.group(1)) < lookback:
        return [f"the exported strategy starts up with {stated.group(1)} candles, {lookback} are needed"]
    return []
