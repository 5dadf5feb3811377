"""PBO by combinatorially symmetric cross-validation: all splits at once against a loop over splits in NumPy.

The loop is timed on a sample of the splits and scaled to all of them; its answers on the sample have to be ours.

    python benchmarks/bench_pbo.py [--trials 1000] [--periods 5000] [--blocks 16] [--sample 40]
"""

from __future__ import annotations

import argparse
import statistics
import time
from itertools import combinations

import numpy as np
import numpy.typing as npt

from crypto_team.validation.pbo import pbo_cscv

Floats = npt.NDArray[np.float64]


def loop(returns: Floats, splits: list[tuple[int, ...]], n_blocks: int) -> list[int]:
    """Rank the best in-sample trial of each split out of sample, one split after the other."""
    blocks = np.array_split(returns, n_blocks)
    ranks = []
    for split in splits:
        inside = np.concatenate([blocks[number] for number in split])
        outside = np.concatenate([blocks[number] for number in range(n_blocks) if number not in split])
        best = (inside.mean(axis=0) / inside.std(axis=0, ddof=1)).argmax()
        sharpe = outside.mean(axis=0) / outside.std(axis=0, ddof=1)
        ranks.append(int((sharpe <= sharpe[best]).sum()))
    return ranks


def main() -> None:
    """Time both and print CPU seconds and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("trials", 1000), ("periods", 5000), ("blocks", 16), ("sample", 40), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    rng = np.random.default_rng(1)
    periods = given.periods // given.blocks * given.blocks
    returns = rng.normal(0.0, 0.01, (periods, given.trials)) + rng.normal(0.0, 0.0003, given.trials)
    everything = list(combinations(range(given.blocks), given.blocks // 2))
    places = np.linspace(0, len(everything) - 1, given.sample).astype(int)
    started = time.process_time()
    ranks = loop(returns, [everything[place] for place in places], given.blocks)
    naive = (time.process_time() - started) / given.sample * len(everything)
    times = []
    for _ in range(given.repeats):
        started = time.process_time()
        found = pbo_cscv(returns, n_blocks=given.blocks)
        times.append(time.process_time() - started)
    ours = np.round(given.trials / (1.0 + np.exp(-found.logits)) * (given.trials + 1) / given.trials).astype(int)
    if ours[places].tolist() != ranks:
        raise SystemExit("the two do not agree on the sampled splits")
    fast = statistics.median(times)
    print(f"{len(everything):,} splits, {given.trials:,} trials x {periods:,} periods; PBO {found.pbo:.3f}")
    print(f"loop (scaled from {given.sample} splits) {naive:.1f} s CPU, all at once {fast:.3f} s: {naive / fast:,.0f}x")


if __name__ == "__main__":
    main()
