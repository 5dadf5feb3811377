"""The target section of a specification, from what an author says about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.errors import UsageError
from crypto_team.roles.design import checked
from crypto_team.schemas.ml_spec import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto_team.schemas.ml_spec import ClassWeights, LabelWeights, TargetKind

PRESETS = {"3_class": (-20.0, 20.0), "5_class": (-150.0, -50.0, 50.0, 150.0)}
"""Class limits in basis points that have a name: +-0.2 %, and +-0.5 % with +-1.5 %."""
NAMES = {
    3: ["down", "flat", "up"],
    5: ["strong_down", "down", "flat", "up", "strong_up"],
}


def target(
    kind: TargetKind,
    horizon: str,
    timeframe: str,
    *,
    thresholds_bps: Sequence[float] = (),
    preset: str | None = None,
    thresholds_sigma: Sequence[float] = (),
    side_feature: str | None = None,
) -> Target:
    """Make the target section; a bare number of `horizon` means bars.

    Raises
    ------
    UsageError
        A horizon under one bar, both a preset and thresholds, or settings that the kind does not have.
    """
    duration, bars = _horizon(horizon, timeframe, "--horizon")
    limits = _limits(kind, thresholds_bps, preset)
    sigmas = list(thresholds_sigma) or ([-0.5, 0.5] if kind == "volatility_scaled" else [])
    made = checked(
        Target,
        {
            "type": "regression" if kind == "return" else "classification",
            "kind": kind,
            "definition": kind,
            "horizon": duration,
            "horizon_bars": bars,
            "thresholds_bps": limits,
            "thresholds_sigma": sigmas,
            "side_feature": side_feature,
        },
    )
    return _described(made.model_copy(update={"classes": _classes(made)}))


def with_labels(
    old: Target,
    timeframe: str,
    *,
    volatility_bars: int | None,
    barriers: tuple[float | None, float | None],
    weights: tuple[LabelWeights | None, ClassWeights | None],
    also: Sequence[str],
) -> Target:
    """Return the target with other label settings; what is None or empty stays as it is."""
    further = sorted({_horizon(each, timeframe, "--also-horizon")[1] for each in also} - {old.horizon_bars})
    given = {
        "volatility_bars": volatility_bars,
        "profit_sigma": barriers[0],
        "loss_sigma": barriers[1],
        "label_weights": weights[0],
        "class_weights": weights[1],
        "horizon_set": further or None,
    }
    known = {name: value for name, value in given.items() if value is not None}
    return _described(checked(Target, old.model_dump() | known))


def _horizon(horizon: str, timeframe: str, where: str) -> tuple[str, int]:
    from crypto_team.trading.durations import bars as to_bars

    duration = f"{horizon}bars" if horizon.isdigit() else horizon
    bars = to_bars(duration, timeframe)
    if bars < 1:
        raise UsageError("the horizon must be at least one bar", where=where, hint=f"use for example {where} 24")
    return duration, bars


def _limits(kind: TargetKind, thresholds_bps: Sequence[float], preset: str | None) -> list[float]:
    if preset is None:
        return list(thresholds_bps)
    if kind != "n_class" or thresholds_bps:
        raise UsageError("a preset stands for the thresholds of n_class", where="--preset", hint="give one of the two")
    return list(PRESETS[preset])


def _classes(made: Target) -> list[str]:
    named = {
        "return": [],
        "direction": ["down", "up"],
        "triple_barrier": ["loss", "time", "profit"],
        "meta_label": ["decline", "accept"],
    }
    count = made.n_classes
    return named[made.kind] if made.kind in named else NAMES.get(count, [f"class_{n}" for n in range(count)])


def _described(made: Target) -> Target:
    move = f"close[t+{made.horizon_bars}] / close[t] - 1"
    unit = f"sigma({made.volatility_bars}) * sqrt({made.horizon_bars})"
    touch = f"+{made.profit_sigma:g} or -{made.loss_sigma:g} {unit} first, within {made.horizon_bars} bars"
    definition = {
        "direction": f"{move} > 0",
        "return": f"({move}) in basis points",
        "n_class": f"{move} cut at {made.thresholds_bps} basis points",
        "volatility_scaled": f"({move}) / ({unit}) cut at {made.thresholds_sigma}",
        "triple_barrier": f"the price reaches {touch}",
        "meta_label": f"the side of {made.side_feature} wins: {touch}",
    }[made.kind]
    return made.model_copy(update={"definition": definition})
