"""The exported strategy: a readable Freqtrade file that loads the models and maps the rules on callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

if TYPE_CHECKING:
    from crypto_team.schemas import MlSpec, ModelManifest


MOST_STARTUP_CANDLES = 4_999
"""Freqtrade asks an exchange five times at most, and most exchanges hand out up to 1,000 candles, one still open."""


def class_name(spec: MlSpec) -> str:
    """Return the class of the exported strategy: `btc_momentum` becomes `BtcMomentum`."""
    return "".join(part.title() for part in spec.strategy_name.split("_"))


def render_strategy(spec: MlSpec, manifest: ModelManifest) -> str:
    """Render the strategy file; the same specification and manifest give the same text."""
    environment = Environment(
        loader=PackageLoader("crypto_team", "templates/strategy"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - Python, not HTML; every value is a checked id, enum or number
    )
    return environment.get_template("ml_strategy.py.j2").render(
        class_name=class_name(spec),
        strategy_id=spec.strategy_id,
        timeframe=spec.market.timeframe,
        can_short=spec.signal.side == "long_short",
        stop_loss=repr(spec.risk.stop_loss_fraction),
        startup=min(max(manifest.lookback_bars, 1), MOST_STARTUP_CANDLES),
        lookback=manifest.lookback_bars,
        informative=manifest.informative_pairs,
        beside=bool(manifest.informative_pairs or manifest.series),
        weighted=spec.signal.position_sizing == "confidence_weighted",
    )
