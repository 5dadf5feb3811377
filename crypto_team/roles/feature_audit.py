"""The audit of Python features: probes on the strategy's candles, and the look-back that their values need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crypto_team.errors import NotFoundError
from crypto_team.roles import candles, records

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from crypto_team.features.verdicts import ColumnVerdict
    from crypto_team.schemas import FeatureSet
    from crypto_team.schemas.features import Feature
    from crypto_team.tools.session import Session

LOOKBACKS = (16, 64, 256, 1024, 2048)
PLACES = 6
TOLERANCE = 1e-6


def audited(session: Session, strategy_id: str) -> tuple[FeatureSet, list[dict[str, Any]]]:
    """Probe every Python feature; return the feature set with what was derived, and one row per feature and pair."""
    from crypto_team.features.plan import compile_formulas
    from crypto_team.features.python_features import source_file
    from crypto_team.gates.audit import handed

    features = records.feature_set(session, strategy_id)
    chosen = [item for item in features.features if item.python]
    if not chosen:
        raise NotFoundError(f"{strategy_id} has no Python features", hint="formulas are causal by construction")
    spec = records.ml_spec(session, strategy_id)
    found = candles.research(session, spec.market, chosen)
    bars, around = found.bars, found.around.surroundings
    folder = session.layout.strategy_dir(strategy_id)
    rows: list[dict[str, Any]] = []
    derived: dict[str, Feature] = {}
    for number, item in enumerate(chosen):
        session.progress(number / len(chosen), f"probing {item.name}")
        path, function = source_file(folder, str(item.python)), str(item.python).rpartition(":")[2]
        verdicts, needed = _probed(path, function, (bars, handed(item.reads, bars, around)))
        safe = all(verdict.causal for verdict in verdicts)
        if needed is not None:
            needed += max(compile_formulas(item.reads, spec.market.timeframe).lookback, default=0)
        derived[item.name] = item.model_copy(
            update={"leakage_safe": safe and needed is not None, "lookback": needed or item.lookback}
        )
        rows += [
            {
                "feature": item.name,
                "causal": verdict.causal,
                "lookback": needed,
                "probe": verdict.probe,
                "explanation": verdict.explanation,
            }
            for verdict in verdicts
        ]
        if safe and needed is None:
            rows[-1]["explanation"] = f"causal, but {LOOKBACKS[-1]} bars of history do not give its value"
    changed = [derived.get(item.name, item) for item in features.features]
    return features.model_copy(update={"features": changed}), rows


def _probed(
    path: Path, function: str, given: tuple[dict[str, pd.DataFrame], dict[str, dict[str, pd.DataFrame]]]
) -> tuple[list[ColumnVerdict], int | None]:
    """Return what the probes found, and how many earlier bars a function needs where they found nothing."""
    from crypto_team.features.causality import audit_python

    verdicts = audit_python(path, function, *given)
    return verdicts, needed_bars(path, function, *given) if all(item.causal for item in verdicts) else None


def needed_bars(
    path: Path, function: str, bars: dict[str, pd.DataFrame], aux: dict[str, dict[str, pd.DataFrame]]
) -> int | None:
    """Return how many earlier bars give a feature its value everywhere it was tried, None where none of them does."""
    import numpy as np

    from crypto_team.features.python_features import compute_many
    from crypto_team.features.verdicts import robust_spread

    pair, frame = next(iter(bars.items()))
    others = aux[pair]
    ends = np.linspace(len(frame) // 2, len(frame) - 1, PLACES).astype(int)
    whole = compute_many(path, function, [frame], [others])[0]
    scale = np.array([robust_spread(column) for column in whole.T])
    for lookback in LOOKBACKS:
        if lookback >= ends[0]:
            return None
        spans = [slice(end - lookback, end + 1) for end in ends]
        windows = [frame.iloc[span].reset_index(drop=True) for span in spans]
        beside = [{name: other.iloc[span].reset_index(drop=True) for name, other in others.items()} for span in spans]
        last = np.array([values[-1] for values in compute_many(path, function, windows, beside)])
        if np.allclose(last, whole[ends], rtol=TOLERANCE, atol=TOLERANCE * float(np.nanmax(scale)), equal_nan=True):
            return lookback
    return None
