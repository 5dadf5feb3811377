"""The standard set bar by bar against a recomputation of its look-back, and the first call of a fresh process.

CPU time of the thread, so that what else runs on the machine does not count.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import numpy as np

from crypto_team.features.online import OnlineFeatures
from crypto_team.features.plan import compile_formulas
from crypto_team.features.sets import SETS
from crypto_team.features.warming import warm
from crypto_team.roles.feature_speed import random_columns

FORMULAS = [item.formula for item in SETS["standard"]]
BARS, UPDATES, RECOMPUTED = 6_000, 5_000, 200
FIRST_CALL = (
    "import time; start = time.process_time()\n"
    "from crypto_team.features.plan import compile_formulas\nfrom crypto_team.features.sets import SETS\n"
    "from crypto_team.roles.feature_speed import random_columns\n"
    "columns, times = random_columns(1000)\n"
    "compile_formulas([item.formula for item in SETS['standard']]).compute(columns, times)\n"
    "print(time.process_time())"
)


def main() -> None:
    warm(lambda _share, _text: None)
    columns, times = random_columns(BARS)
    plan, online = compile_formulas(FORMULAS), OnlineFeatures(FORMULAS)
    whole = plan.doubles(columns, times)
    spent, recomputed = [], []
    for row in range(BARS):
        bar = {"timestamp": int(times[row]), **{name: float(values[row]) for name, values in columns.items()}}
        start = time.thread_time()
        values = online.update(bar)
        spent.append(1e6 * (time.thread_time() - start))
        assert values.tobytes() == whole[row].tobytes(), row
    back = max(plan.lookback) + 1
    for row in range(BARS - RECOMPUTED, BARS):
        part = {name: values[row - back + 1 : row + 1] for name, values in columns.items()}
        start = time.thread_time()
        plan.doubles(part, times[row - back + 1 : row + 1])
        recomputed.append(1e6 * (time.thread_time() - start))
    late = spent[BARS - UPDATES :]
    p99 = float(np.quantile(late, 0.99))
    print(f"{len(FORMULAS)} features, {UPDATES:,} updates, bit for bit those of the history")
    print(
        f"  an update: median {statistics.median(late):.0f} us, 99 % within {p99:.0f} us ({_verdict(p99 < 1000)} 1 ms)"
    )
    again, once = statistics.median(recomputed), statistics.median(late)
    print(f"  recomputing the {back} bars of the look-back: median {again:.0f} us, {again / once:.0f} times")
    calls = []
    for _ in range(5):
        made = subprocess.run([sys.executable, "-c", FIRST_CALL], capture_output=True, text=True, check=True)
        calls.append(float(made.stdout))
    first = statistics.median(calls)
    print(f"first call of a fresh process, compiled before: {first:.2f} CPU seconds ({_verdict(first < 1.5)} 1.5)")


def _verdict(reached: bool) -> str:
    return "reached:" if reached else "MISSED:"


if __name__ == "__main__":
    main()
