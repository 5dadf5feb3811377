"""Features that look one bar ahead on one row in a hundred, where nothing in the column shows it."""

from __future__ import annotations

from typing import Final

from crypto_team.gates.corpus.feature_source import CorpusFeature, feature

_RANDOM: Final = "m = np.random.default_rng(5).random(len(c)) < 0.01; ahead = c.shift(-1).fillna(c) / c - 1.0"
_SCATTERED: Final = {
    "return": ("returns, a twentieth of the next move", "x = c.pct_change(5); x[m] += 0.05 * ahead[m]"),
    "mean": ("a rolling mean, a part of the next move", "x = c.rolling(20).mean() / c; x[m] += 0.3 * ahead[m]"),
    "average": ("an exponential average, the next move", "x = c.ewm(span=40).mean() / c; x[m] += ahead[m]"),
    "sign": (
        "the sign of the last moves, that of the next one",
        "x = np.sign(c.diff(3)); x[m] = np.sign(ahead)[m]",
    ),
}


def scattered_leaks() -> list[CorpusFeature]:
    """Return them; the rows are the same in every run."""
    return [
        feature(f"one_in_a_hundred_{name}", f"one row in a hundred of {mechanism}", f"{_RANDOM}\n{body}\nreturn x")
        for name, (mechanism, body) in _SCATTERED.items()
    ]
