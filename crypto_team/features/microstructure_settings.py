"""What the order-book features have to know of a market."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from crypto_team.data.market_events import MOST_UNITS
from crypto_team.errors import InputError


@dataclass(frozen=True, slots=True)
class MicroSettings:
    """What the features have to know of a market.

    Attributes
    ----------
    tick, lot
        Smallest steps of prices and sizes.
    vpin_volume
        Size of a volume bucket of VPIN in base coins; by convention a fiftieth of a usual day (Easley and others 2012).
    large_1k, large_10k, large_100k
        What a trade has to be worth, in the quote currency, to count as large.
    """

    tick: float
    lot: float
    vpin_volume: float
    large_1k: float = 1_000.0
    large_10k: float = 10_000.0
    large_100k: float = 100_000.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not isinstance(value, int | float | np.number):
                raise InputError(f"{name} is {value!r}", where="settings", hint="a positive number is needed")
            if not (np.isfinite(value) and value > 0.0):
                raise InputError(f"{name} is {value:g}", where="settings", hint="a positive number is needed")
        if self.vpin_volume / self.lot > MOST_UNITS:
            raise InputError("a volume bucket holds more than 2^52 lots", where="vpin_volume")
        if round(self.vpin_volume / self.lot) < 1:
            raise InputError(
                "a volume bucket holds less than a lot", where="vpin_volume", hint=f"at least {self.lot:g}"
            )
