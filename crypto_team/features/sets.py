"""Ready-made sets of candidate features."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from crypto_team.errors import NotFoundError
from crypto_team.features import (
    sets_alpha_25,
    sets_cross_asset,
    sets_flow,
    sets_indicators_52,
    sets_kraken_5m,
    sets_temporal,
)
from crypto_team.features.formula import canonical_text, expand, family, feature_name, parse
from crypto_team.features.microstructure_table import NAMES as BOOK_COLUMNS
from crypto_team.features.nodes import composed_parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crypto_team.schemas.features import Category


@dataclass(frozen=True, slots=True)
class SetFeature:
    """One candidate of a set; where the catalog has what `better` reads, it takes the formula's place.

    That is an order book of the pair, or candles that count their trades.
    """

    name: str
    category: Category
    formula: str
    better: str | None = None


_STANDARD: Final = (
    "logret(close, {1, 4, 8, 24, 72, 168})",
    "excess_ret(close, {24, 168})",
    "drawdown(close, 168)",
    "realised_vol(close, {12, 48, 168})",
    "parkinson({24, 96})",
    "garman_klass({24, 96})",
    "rogers_satchell(48)",
    "yang_zhang(48)",
    "roc(close, {12, 48, 336})",
    "rsi(close, {7, 14, 28})",
    "willr(14)",
    "stoch_k(14, 3)",
    "stoch_d(14, 3, 3)",
    "cci(20)",
    "wave_trend(10, 21)",
    "natr(14)",
    "body_ratio()",
    "upper_wick()",
    "lower_wick()",
    "sma(body_ratio(), 12)",
    "sma_ratio(close, {10, 20, 50, 100, 200})",
    "ema_ratio(close, 9, 21)",
    "ema_ratio(close, 21, 50)",
    "macd(close)",
    "macd_signal(close)",
    "macd_hist(close)",
    "plus_di(14)",
    "minus_di(14)",
    "adx(14)",
    "aroon_up(25)",
    "aroon_down(25)",
    "aroon_up(25) - aroon_down(25)",
    "trend_decay(14, 48)",
    "bb_percent(close, {20, 48})",
    "bb_width(close, 20)",
    "keltner_position(20, 10)",
    "donchian_breakout({20, 55})",
    "donchian_position({20, 96})",
    "volume_ratio(20)",
    "obv_change({24, 72})",
    "cmf({20, 48})",
    "ad_change(5, 48)",
    "mfi(14)",
    "vwap_dev({24, 168})",
    "poc_dev(24, 12)",
    "volume_price_corr(48)",
    "zscore(volume, {48, 168})",
    "zscore(close, {24, 48, 168, 336})",
    "zscore(ret(close, 1), 48)",
    "zscore(rsi(close, 14), 100)",
    "skew(ret(close, 1), {48, 168})",
    "kurt(ret(close, 1), {48, 168})",
    "autocorr(ret(close, 1), 96, {1, 24})",
    "hurst(close, 256)",
    "perm_entropy(ret(close, 1), 96)",
    "efficiency_ratio(close, {12, 48, 168})",
    "vol_regime(close, 24, 240)",
    "rank(close, {48, 168})",
    "rank(volume, 96)",
    "rank(ret(close, 24), 240)",
    "lag(ret(close, 1), {1, 2, 4, 24})",
    "lag(rsi(close, 14), {4, 24})",
    "diff(rsi(close, 14), 4)",
    "realised_vol(close, 12) / realised_vol(close, 96)",
    "zscore(close, 48) * vol_regime(close, 24, 240)",
    "ret(close, 24) / realised_vol(close, 48)",
    "volume_ratio(20) * ret(close, 1)",
    "hour_sin()",
    "hour_cos()",
    "weekday_sin()",
    "weekday_cos()",
    "session_asia()",
    "session_europe()",
    "session_us()",
)


def _expanded(formulas: tuple[str, ...], better: Mapping[str, str] = MappingProxyType({})) -> tuple[SetFeature, ...]:
    made = []
    for formula in formulas:
        texts, others = expand(formula), expand(better[formula]) if formula in better else []
        for number, text in enumerate(texts):
            other = canonical_text(parse(others[number])) if others else None
            made.append(SetFeature(feature_name(text), family(parse(text)), text, other))
    return tuple(made)


SETS: Final[dict[str, tuple[SetFeature, ...]]] = {
    "standard": _expanded(_STANDARD),
    "indicators_52": _expanded(sets_indicators_52.FORMULAS, sets_indicators_52.FROM_COUNTS),
    "alpha_25": _expanded(sets_alpha_25.FORMULAS, sets_alpha_25.FROM_BOOK),
    "temporal": _expanded(sets_temporal.FORMULAS),
    "cross_asset": _expanded(sets_cross_asset.FORMULAS),
    "flow": _expanded(sets_flow.FORMULAS),
    "kraken_5m": _expanded(sets_kraken_5m.FORMULAS, sets_kraken_5m.FROM_COUNTS),
    "microstructure_84": _expanded(tuple(f'book("{name}")' for name in BOOK_COLUMNS)),
}
"""Sets by name; `standard` holds about a hundred candidates over all families that candles allow."""


def feature_set(name: str) -> tuple[SetFeature, ...]:
    """Return a set by name."""
    if name not in SETS:
        near = difflib.get_close_matches(name, SETS, n=1)
        raise NotFoundError(
            f"there is no feature set {name!r}",
            where="--set",
            hint=f"did you mean {near[0]}?" if near else f"sets: {', '.join(SETS)}",
        )
    return SETS[name]


def plain_sets() -> list[str]:
    """Return the sets that need nothing but the candles of one pair."""
    return [
        name for name, items in SETS.items() if not any(list(composed_parts(parse(item.formula))) for item in items)
    ]
