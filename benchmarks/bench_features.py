"""The standard set against pandas, polars, TA-Lib, pandas-ta-classic, a hand-written loop and the memory's speed.

CPU seconds of one process with one thread, medians, all in one run: `python benchmarks/bench_features.py [bars]`.
Needs the `bench` dependency group. Buffers are reused where a rival lets us; what a fresh buffer costs is said.
"""

from __future__ import annotations

import os

os.environ["POLARS_MAX_THREADS"] = "1"

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import hand_fused
import numpy as np
import pandas as pd
import polars as pl
from peer_backends import Pandas, Polars
from peer_formulas import NOT_VECTORISED, Peer
from peer_talib import TALIB, classic

from crypto_team.features.formula import expand, parse
from crypto_team.features.pairs import compute_pairs
from crypto_team.features.plan import Plan, compile_formulas
from crypto_team.features.sets import SETS
from crypto_team.features.warming import warm
from crypto_team.roles.feature_speed import random_columns

BARS = int(sys.argv[1]) if len(sys.argv) > 1 else 525_600
REPEATS = 5
COLUMNS, TIMES = random_columns(BARS)
FRAME = pd.DataFrame({**COLUMNS, "times": TIMES})
ALL = [item.formula for item in SETS["standard"]]
SHARED = [text for text in ALL if not text.startswith(NOT_VECTORISED)]


def cpu(function: Callable[[], Any], repeats: int = REPEATS) -> float:
    function()
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        spent.append(time.process_time() - start)
    return statistics.median(spent)


def planned(formulas: list[str]) -> tuple[Plan, np.ndarray, Callable[[], Any]]:
    plan = compile_formulas(formulas)
    out = np.empty((len(formulas), BARS), dtype=np.float32)
    return plan, out, partial(plan.compute, COLUMNS, TIMES, out=out)


def with_pandas() -> np.ndarray:
    peer, out = Peer(Pandas(FRAME)), np.empty((len(SHARED), BARS), dtype=np.float32)
    for number, text in enumerate(SHARED):
        out[number] = peer.value(parse(text))
    return out


def with_polars(frame: pl.DataFrame, *, lazy: bool) -> pl.DataFrame:
    peer = Peer(Polars())
    made = [peer.value(parse(text)).cast(pl.Float32).alias(str(number)) for number, text in enumerate(SHARED)]
    return frame.lazy().select(made).collect() if lazy else frame.select(made)


def same(found: np.ndarray, expected: np.ndarray, texts: list[str], who: str) -> None:
    """Say which features a rival defines or starts differently; most have to agree."""
    odd = []
    for number, text in enumerate(texts):
        ours, theirs = found[number][3_000:], np.asarray(expected[number], dtype=np.float64)[3_000:]
        away = np.abs(ours - theirs)
        if not np.nanquantile(away, 0.999) <= 1e-3 * float(np.nanstd(ours)) or np.isnan(away).mean() > 0.01:
            odd.append(text)
    assert len(odd) <= 2, (who, odd)
    print(f"  values agree with {who}" + (f", but for {', '.join(odd)}" if odd else ""))


def line(what: str, rival: float, ours: float, wanted: float) -> None:
    verdict = "reached" if rival / ours >= wanted else "MISSED"
    print(f"  {what:34} {rival:8.3f} s: {rival / ours:6.2f} times ours ({wanted:g} wanted: {verdict})")


def against_frames() -> float:
    _, out, run = planned(SHARED)
    ours = cpu(run)
    fresh = cpu(lambda: compile_formulas(SHARED).compute(COLUMNS, TIMES), 3)
    print(f"{len(SHARED)} features of `standard` on {BARS:,} bars: {ours:.3f} s ({fresh:.3f} s into fresh memory)")
    line("pandas", cpu(with_pandas, 5), ours, 8)
    frame = pl.DataFrame({**COLUMNS, "times": TIMES.astype(np.float64)})
    line("polars, lazy", cpu(lambda: with_polars(frame, lazy=True), 5), ours, 8)
    line("polars, eager", cpu(lambda: with_polars(frame, lazy=False), 5), ours, 8)
    same(out, with_pandas(), SHARED, "pandas")
    same(out, with_polars(frame, lazy=True).to_numpy().T, SHARED, "polars")
    return ours


def against_talib() -> None:
    texts = [expand(text)[0] for text in TALIB]
    _, out, run = planned(texts)
    alone = {text: cpu(planned([expand(text)[0]])[2]) for text in TALIB}
    theirs = {text: cpu(partial(function, COLUMNS)) for text, function in TALIB.items()}
    together = cpu(run)
    print(f"{len(texts)} indicators that TA-Lib has: together {together:.4f} s")
    line("TA-Lib + numpy", sum(theirs.values()), together, 2)
    for text, seconds in theirs.items():
        ratio = seconds / alone[text]
        print(f"    {text:26} {ratio:5.2f} times ours, computed alone{'' if ratio >= 0.8 else ' (0.8 wanted: MISSED)'}")
    same(out, np.array([function(COLUMNS) for function in TALIB.values()]), texts, "TA-Lib")
    rivals = classic(FRAME)
    slow = {text: cpu(function, 3) for text, function in rivals.items()}
    shared = cpu(planned([expand(text)[0] for text in rivals])[2])
    line("pandas-ta-classic", sum(slow.values()), shared, 30)


def against_limits() -> None:
    _, _, run = planned(ALL)
    ours = cpu(run)
    block = np.empty((len(ALL), BARS), dtype=np.float32)
    column = np.ones(BARS)
    roof = cpu(lambda: [np.copyto(row, 1.0) for row in block]) + cpu(lambda: [column.sum() for _ in range(5)])
    print(f"all {len(ALL)} features: {ours:.3f} s, {1e9 * ours / BARS / len(ALL):.2f} ns per value")
    verdict = "reached" if ours <= 20 * roof else "MISSED"
    print(f"  memory's speed (write the output, read the input) {roof:.4f} s: {ours / roof:.1f} times (20: {verdict})")
    own = cpu(planned(list(hand_fused.FORMULAS))[2])
    fused = np.empty((len(hand_fused.FORMULAS), BARS), dtype=np.float32)
    given = [COLUMNS[name] for name in ("open", "high", "low", "close", "volume")]
    loop = cpu(lambda: hand_fused.loop(*given, fused))
    same(planned_values(list(hand_fused.FORMULAS)), fused, list(hand_fused.FORMULAS), "the hand-written loop")
    verdict = "reached" if loop / own >= 0.4 else "MISSED"
    print(
        f"  hand-written loop over {len(fused)} features {loop:.4f} s, ours {own:.4f} s: {loop / own:.2f} ({verdict})"
    )


def planned_values(texts: list[str]) -> np.ndarray:
    _, out, run = planned(texts)
    run()
    return out


def memory() -> None:
    code = (
        "import sys; sys.path[:0] = ['benchmarks']; import numpy as np, resource\n"
        "from crypto_team.roles.feature_speed import random_columns\n"
        "from crypto_team.features.plan import compile_formulas\nfrom crypto_team.features.sets import SETS\n"
        f"columns, times = random_columns({BARS}); used = ['open', 'high', 'low', 'close', 'volume']\n"
        "plan = compile_formulas([item.formula for item in SETS['standard']])\n"
        "plan.compute({k: v[:2000] for k, v in columns.items()}, times[:2000])\n"
        f"out = np.zeros((len(plan.nodes), {BARS}), dtype=np.float32); out[:] = 1.0\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\nplan.compute(columns, times, out=out)\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print((after - before) * 1024 / sum(columns[name].nbytes for name in used))"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    share = float(made.stdout)
    verdict = "reached" if share <= 2 else "MISSED"
    print(f"peak memory above input and output: {share:.2f} times the input columns (at most 2: {verdict})")


def pairs() -> None:
    bars = BARS // 4
    plan, columns = compile_formulas(ALL), {name: values[:bars] for name, values in COLUMNS.items()}
    given = {f"pair {number}": (columns, TIMES[:bars]) for number in range(10)}
    buffers = {name: np.ones((len(ALL), bars), dtype=np.float32) for name in given}
    single = cpu(partial(plan.compute, columns, TIMES[:bars], out=buffers["pair 0"]))
    ten = cpu(partial(compute_pairs, plan, given, threads=1, out=buffers), 3)
    walls: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(REPEATS):
        for threads, times in walls.items():
            start = time.perf_counter()
            compute_pairs(plan, given, threads=threads, out=buffers)
            times.append(time.perf_counter() - start)
    gains = [one / two for one, two in zip(walls[1], walls[2], strict=True)]
    verdict = "reached" if max(gains) >= 1.7 else "MISSED"
    print(f"10 pairs cost {ten / single:.2f} times one pair")
    print(
        f"  two threads: {statistics.median(gains):.2f} times the wall speed, at best {max(gains):.2f} (1.7: {verdict})"
    )
    print("  (a core that somebody else uses meanwhile counts against it)")


def main() -> None:
    warm(lambda _share, _text: None)
    for part in (against_frames, against_talib, against_limits, memory, pairs):
        part()
    print(f"peak of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


if __name__ == "__main__":
    main()
