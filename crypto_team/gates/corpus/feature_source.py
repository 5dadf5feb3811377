"""How the Python features of the corpus are written down."""

from __future__ import annotations

import textwrap
from typing import Final, NamedTuple

HEAD: Final = """import numpy as np
import pandas as pd


def joined(d, frame, known, at="1h", direction="backward"):
    right = frame.assign(moment=(frame["timestamp"] + pd.Timedelta(known)).astype(d["timestamp"].dtype))
    left = pd.DataFrame({"moment": (d["timestamp"] + pd.Timedelta(at)).astype(d["timestamp"].dtype)})
    return pd.merge_asof(left, right.drop(columns="timestamp"), on="moment", direction=direction)


"""
NAMES: Final = 'o, h, l, c, v, t = (d[name] for name in ("open", "high", "low", "close", "volume", "timestamp"))'


class CorpusFeature(NamedTuple):
    """A Python file with `features(d, aux)` that makes one column, its name, and how it does it.

    `d` holds hourly bars: timestamp (open), open, high, low, close, volume. `aux` holds `four` (bars of four hours of
    the same market), `other` (hourly bars of another) and `daily` (timestamp, known_at, value).
    """

    source: str
    name: str
    mechanism: str


def feature(name: str, mechanism: str, body: str, *, before: str = "") -> CorpusFeature:
    """Write the file of a feature: the body is what stands in the function, `before` what stands above it."""
    inner = textwrap.indent(f"{NAMES}\n{textwrap.dedent(body).strip()}", "    ")
    above = f"{textwrap.dedent(before).strip()}\n\n\n" if before else ""
    return CorpusFeature(f"{HEAD}{above}def features(d, aux):\n{inner}\n", name, mechanism)
