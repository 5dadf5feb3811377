"""The market that the features of the corpus are computed on, and files that hold many of them at once."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from crypto_team.data.synthetic import planted_market
from crypto_team.gates.corpus.feature_source import CorpusFeature

RULES: Final = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


def market(bars: int = 2_600, *, seed: int = 3) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Return hourly bars with some that nothing traded in, and the frames around them: `four`, `other`, `daily`."""
    frame = planted_market(seed=seed, bars=bars, timeframe="1h", oracle_sharpe=2.0).frame.copy()
    frame.loc[np.arange(100, bars, 300), "volume"] = 0.0
    kind = frame["timestamp"].dtype
    four = frame.set_index("timestamp").resample("4h").agg(RULES).iloc[1:-1].reset_index()
    four["timestamp"] = four["timestamp"].astype(kind)
    other = planted_market(seed=seed + 1, bars=bars, timeframe="1h", oracle_sharpe=0.0).frame.copy()
    days = pd.date_range(frame["timestamp"].iloc[0].floor("D"), periods=bars // 24, freq="1D").as_unit("ms")
    daily = pd.DataFrame({"timestamp": days, "value": np.random.default_rng(seed).normal(size=len(days))})
    daily["known_at"] = daily["timestamp"] + pd.Timedelta("30h")
    return frame, {"four": four, "other": other, "daily": daily}


def together(features: Iterable[CorpusFeature], path: Path) -> None:
    """Write one file whose function makes a column of each feature, all on bars of their own."""
    found = list(features)
    parts = [
        f"def _{k}():\n{textwrap.indent(item.source, '    ')}\n    return features\n" for k, item in enumerate(found)
    ]
    table = ", ".join(f"{item.name!r}: _{k}()" for k, item in enumerate(found))
    path.write_text(
        "import numpy as np\nimport pandas as pd\n\n\n"
        + "\n\n".join(parts)
        + f"\n\nMADE = {{{table}}}\n\n\n"
        + "def features(d, aux):\n"
        # pandas copies when it is written to: what one feature changes, no other sees.
        + "    own = lambda frame: frame.copy(deep=False)\n"
        + "    frames = lambda: {name: own(frame) for name, frame in aux.items()}\n"
        + "    found = {name: np.asarray(made(own(d), frames()), dtype=float) for name, made in MADE.items()}\n"
        + "    return pd.DataFrame(found, index=d.index)\n",
        encoding="utf-8",
    )
