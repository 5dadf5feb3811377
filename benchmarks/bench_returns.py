"""Do the basis points of a regression come true: slope of returns on forecasts, before and after calibration.

The markets of `bench_alpha.py` (3 years of hourly bars, planted alphas of known strength, all candidates of
`standard`, expanding walk-forward); the target is the return over the next 24 hours in basis points. A slope of 1 is
right, below it forecasts are too bold. `true` takes the sum of the known means of those 24 bars for what came, which
has no noise of its own; `realised` takes the returns. `mse` is the mean squared distance to the known mean, as a share
of that of always saying 0. All bars of all markets count together; `each` is the mean of the markets' own slopes.

The scales of the calibration were chosen on seeds from 1000 on; the twenty markets of the report are seeds 1 to 20.

Run: ``python benchmarks/bench_returns.py [--first 1] [--markets 20] [--workers 1] [way ...]``
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from bench_alpha import GEOMETRY, HORIZON, HOUR, PRODUCT, Made, made, settings

from crypto_team.labels import horizon_returns
from crypto_team.validation.clock import milliseconds
from crypto_team.validation.panel import Panel
from crypto_team.validation.settings import WalkForwardSettings
from crypto_team.validation.walk_forward import run

Floats = npt.NDArray[np.float64]
BPS = 1e4
SET = (HORIZON, 6, 12, 48)
BOLD = {"n_estimators": 300, "learning_rate": 0.1}
WAYS = {
    "default": lambda: settings(PRODUCT.primary, n_classes=0),
    "lightgbm": lambda: settings("lightgbm", n_classes=0),
    "lightgbm, bold": lambda: settings("lightgbm", n_classes=0, hyperparameters=BOLD),
    "ridge": lambda: settings("ridge", n_classes=0),
    "horizons": lambda: replace(
        settings("horizons", n_classes=0, hyperparameters={"member": "ridge"}),
        geometry=replace(GEOMETRY, gap_bars=max(SET), horizon_bars=max(SET)),
    ),
    "isotonic": lambda: settings(PRODUCT.primary, n_classes=0, calibration="isotonic"),
}


@dataclass(frozen=True)
class Found:
    """Test rows of one market: forecasts before and after calibration, the known mean and the return, all in bps."""

    raw: Floats
    told: Floats
    true: Floats
    came: Floats
    cpu: float


def known_ahead(mean: Floats) -> Floats:
    """Return the sum of the known means of the next 24 bars in basis points, NaN where the market ends before."""
    total = np.concatenate([[0.0], np.cumsum(mean)])
    ahead = np.full(mean.size, np.nan)
    ahead[:-HORIZON] = (total[HORIZON:-1] - total[: -HORIZON - 1]) * BPS
    return ahead


def panel_of(one: Made, way: WalkForwardSettings) -> Panel:
    """Return the market's panel with returns as labels, and with a set of horizons where the learner asks for it."""
    panel = replace(one.panel, label=one.panel.forward_return * BPS)
    if way.model != "horizons":
        return panel
    ahead = horizon_returns(one.market.frame["close"].to_numpy(dtype=np.float64), SET)
    ends, touched = panel.time + max(SET) * HOUR, panel.time + HORIZON * HOUR
    return replace(panel, horizons=SET, ahead=ahead, label_end=ends, touched=touched)


def measured(seed: int, ways: list[str]) -> list[Found]:
    one = made(seed)
    ahead, found = known_ahead(one.market.oracle_mean), []
    for name in ways:
        way = WAYS[name]()
        begun = time.process_time()
        table = run(panel_of(one, way), way).predictions
        spent = time.process_time() - begun
        test = table[(table["part"] == "test") & table["forward_return"].notna()]
        true = ahead[np.searchsorted(one.panel.time, milliseconds(test["time"]))]
        raw, told, came = (test[name].to_numpy() for name in ("expected_raw_bps", "expected_bps", "forward_return"))
        found.append(Found(raw, told, true, came * BPS, spent))
    return found


def slope(told: Floats, came: Floats) -> float:
    return float(np.polyfit(told, came, 1)[0])


def line(name: str, found: list[Found]) -> str:
    raw, told, true, came = (
        np.concatenate([getattr(one, part) for one in found]) for part in ("raw", "told", "true", "came")
    )
    zero = float((true**2).mean())
    parts = []
    for what, forecast, single in (("raw", raw, "raw"), ("calibrated", told, "told")):
        each = float(np.mean([slope(getattr(one, single), one.true) for one in found]))
        parts.append(
            f"{what}: true {slope(forecast, true):.2f} (each {each:.2f}), realised {slope(forecast, came):.2f}, "
            f"mse {float(((forecast - true) ** 2).mean()) / zero:.2f}"
        )
    cpu = sum(one.cpu for one in found) / len(found)
    return f"{name:15s} {len(found):3d} markets  {'; '.join(parts)}; {cpu:.1f} CPU-s"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--markets", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("ways", nargs="*")
    given = parser.parse_args()
    ways = given.ways or list(WAYS)
    seeds = range(given.first, given.first + given.markets)
    with ProcessPoolExecutor(given.workers) as pool:
        markets = []
        for seed, found in zip(seeds, pool.map(measured, seeds, [ways] * len(seeds)), strict=True):
            markets.append(found)
            told = "  ".join(
                f"{name} {slope(one.raw, one.true):.2f} -> {slope(one.told, one.true):.2f}"
                for name, one in zip(ways, found, strict=True)
            )
            print(f"{seed:5d} {told}", flush=True)
    for place, name in enumerate(ways):
        print(line(name, [found[place] for found in markets]))


if __name__ == "__main__":
    sys.exit(main())
