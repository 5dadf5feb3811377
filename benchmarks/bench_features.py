"""The standard set against pandas, polars, TA-Lib, pandas-ta-classic, a hand-written loop and the memory's speed.

`python benchmarks/bench_features.py [bars] [part ...]`; the parts are frames, talib, limits, memory and pairs. CPU
seconds of one process with one thread, all in one run. What is compared is run in turns, because a machine that others
use is not equally fast at all times: seconds are medians, a ratio is the median of those of single turns, and behind it
stands that of the fastest runs. Needs the `bench` dependency group. Buffers are reused where a rival lets us; what a
fresh buffer costs is said.
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

GIVEN = [item for item in sys.argv[1:] if item.isdecimal()]
BARS = int(GIVEN[0]) if GIVEN else 525_600
REPEATS = int(os.environ.get("REPEATS", "7"))
COLUMNS, TIMES = random_columns(BARS)
FRAME = pd.DataFrame({**COLUMNS, "times": TIMES})
ALL = [item.formula for item in SETS["standard"]]
SHARED = [text for text in ALL if not text.startswith(NOT_VECTORISED)]


def in_turns(*functions: Callable[[], Any], repeats: int = REPEATS) -> list[list[float]]:
    """Return the CPU seconds of each function, run by run, the functions in turns."""
    spent: list[list[float]] = [[] for _ in functions]
    for function in functions:
        function()
    for _ in range(repeats):
        for function, times in zip(functions, spent, strict=True):
            start = time.process_time()
            function()
            times.append(time.process_time() - start)
    return spent


def ratio(above: list[float], below: list[float]) -> float:
    """Return the median of the ratios of single turns."""
    return statistics.median(one / other for one, other in zip(above, below, strict=True))


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


def line(what: str, rival: list[float], ours: list[float], wanted: float) -> None:
    found = ratio(rival, ours)
    verdict = "reached" if found >= wanted else "MISSED"
    seconds, best = statistics.median(rival), min(rival) / min(ours)
    print(f"  {what:34} {seconds:8.3f} s: {found:6.2f} times ours (best {best:.2f}; {wanted:g} wanted: {verdict})")


def against_frames() -> None:
    _, out, run = planned(SHARED)
    frame = pl.DataFrame({**COLUMNS, "times": TIMES.astype(np.float64)})
    ours, fresh, pandas, lazy, eager = in_turns(
        run,
        lambda: compile_formulas(SHARED).compute(COLUMNS, TIMES),
        with_pandas,
        lambda: with_polars(frame, lazy=True),
        lambda: with_polars(frame, lazy=False),
        repeats=min(REPEATS, 5),
    )
    seconds, new = statistics.median(ours), statistics.median(fresh)
    print(f"{len(SHARED)} features of `standard` on {BARS:,} bars: {seconds:.3f} s ({new:.3f} s into fresh memory)")
    line("pandas", pandas, ours, 8)
    line("polars, lazy", lazy, ours, 8)
    line("polars, eager", eager, ours, 8)
    same(out, with_pandas(), SHARED, "pandas")
    same(out, with_polars(frame, lazy=True).to_numpy().T, SHARED, "polars")


def against_talib() -> None:
    texts = [expand(text)[0] for text in TALIB]
    _, out, run = planned(texts)
    print(f"{len(texts)} indicators that TA-Lib has, all in one plan, and one by one")
    together, theirs = in_turns(run, lambda: [function(COLUMNS) for function in TALIB.values()])
    line("TA-Lib + numpy", theirs, together, 2)
    for text, function in TALIB.items():
        alone, rival = in_turns(planned([expand(text)[0]])[2], partial(function, COLUMNS), repeats=3 * REPEATS)
        line(text, rival, alone, 0.8)
    same(out, np.array([function(COLUMNS) for function in TALIB.values()]), texts, "TA-Lib")
    rivals = classic(FRAME)
    shared = planned([expand(text)[0] for text in rivals])[2]
    ours, slow = in_turns(shared, lambda: [function() for function in rivals.values()], repeats=3)
    line("pandas-ta-classic", slow, ours, 30)


def against_limits() -> None:
    _, _, run = planned(ALL)
    block = np.empty((len(ALL), BARS), dtype=np.float32)
    column = np.ones(BARS)

    def roof() -> None:
        for row in block:
            np.copyto(row, 1.0)
        for _ in range(5):
            column.sum()

    ours, least = in_turns(run, roof)
    seconds, found, best = statistics.median(ours), ratio(ours, least), min(ours) / min(least)
    print(f"all {len(ALL)} features: {seconds:.3f} s, {1e9 * seconds / BARS / len(ALL):.2f} ns per value")
    verdict = "reached" if found <= 20 else "MISSED"
    print(
        f"  memory's speed (write the output, read the input) {statistics.median(least):.4f} s: "
        f"{found:.1f} times (best {best:.1f}; at most 20: {verdict})"
    )
    fused = np.empty((len(hand_fused.FORMULAS), BARS), dtype=np.float32)
    given = [COLUMNS[name] for name in ("open", "high", "low", "close", "volume")]
    own, loop = in_turns(planned(list(hand_fused.FORMULAS))[2], lambda: hand_fused.loop(*given, fused))
    same(planned_values(list(hand_fused.FORMULAS)), fused, list(hand_fused.FORMULAS), "the hand-written loop")
    line(f"hand-written loop, {len(fused)} features", loop, own, 0.4)


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
    single, ten = in_turns(
        partial(plan.compute, columns, TIMES[:bars], out=buffers["pair 0"]),
        partial(compute_pairs, plan, given, threads=1, out=buffers),
    )
    walls: dict[int, list[float]] = {1: [], 2: []}
    spent: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(REPEATS):
        for threads, times in walls.items():
            start, before = time.perf_counter(), time.process_time()
            compute_pairs(plan, given, threads=threads, out=buffers)
            times.append(time.perf_counter() - start)
            spent[threads].append(time.process_time() - before)
    gains = [one / two for one, two in zip(walls[1], walls[2], strict=True)]
    verdict = "reached" if max(gains) >= 1.7 else "MISSED"
    print(f"10 pairs cost {ratio(ten, single):.2f} times one pair (best {min(ten) / min(single):.2f})")
    print(
        f"  two threads: {statistics.median(gains):.2f} times the wall speed, at best {max(gains):.2f} (1.7: {verdict})"
        f", with {ratio(spent[2], spent[1]):.2f} times the CPU time of one"
    )
    print("  (a core that somebody else uses meanwhile counts against it)")


PARTS = {
    "frames": against_frames,
    "talib": against_talib,
    "limits": against_limits,
    "memory": memory,
    "pairs": pairs,
}


def main() -> None:
    warm(lambda _share, _text: None)
    wanted = [item for item in sys.argv[1:] if not item.isdecimal()] or list(PARTS)
    for name in wanted:
        PARTS[name]()
    print(f"peak of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


if __name__ == "__main__":
    main()
