"""How often the gates refuse honest work: the demo's strategy on other markets with edges of stated strength.

Every market has an edge planted in formulas of the standard set, so a refusal is a false one, or one for want of
evidence; with an oracle Sharpe ratio of 0 there is nothing to find, and every pass is a false one.

Run: ``python benchmarks/honest_refusals.py [--first-seed 21] [--markets 6] [--sharpe 0 4 6 8]``
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from crypto_team.cli import demo
from crypto_team.cli import demo_steps as steps
from crypto_team.reports.confidence import wilson

Result = tuple[str, float, str, tuple[str, ...]]


def judged(job: tuple[int, float]) -> Result:
    """Return verdict, out-of-sample Sharpe ratio, last gate, and the codes that refuse there."""
    seed, oracle_sharpe = job
    with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stderr(io.StringIO()):
        crew = steps.Crew.hire(Path(scratch) / "work")
        file = Path(scratch) / "market.parquet"
        stated = steps.write_market(file, seed=seed, bars=demo.BARS, oracle_sharpe=oracle_sharpe)
        crew.use("data.import", file=[file], exchange=demo.EXCHANGE, pair="EDGE/USD", timeframe="1h", source=stated)
        page = demo.honest(crew, "EDGE/USD", "1h", "a planted edge")
        last = page.gates[-1]
        codes = tuple(item.code for item in last.results if item.outcome != "passed")
        return page.verdict, page.data.performance.sharpe, last.gate, codes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first-seed", type=int, default=21)
    parser.add_argument("--markets", type=int, default=6)
    parser.add_argument("--sharpe", type=float, nargs="+", default=[0.0, 4.0, 6.0, 8.0])
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.markets)
    jobs = [(seed, sharpe) for sharpe in options.sharpe for seed in seeds]
    found: dict[float, list[Result]] = {}
    with ProcessPoolExecutor(max_workers=2) as pool:
        for (seed, oracle), result in zip(jobs, pool.map(judged, jobs), strict=True):
            found.setdefault(oracle, []).append(result)
            verdict, sharpe, gate, codes = result
            print(f"seed {seed} oracle {oracle:g}: {sharpe:.2f}, {verdict} at {gate} {' '.join(codes)}", flush=True)
    for oracle, rows in found.items():
        approved = sum(verdict.startswith("approved") for verdict, *_ in rows)
        low, high = wilson(approved / len(rows), len(rows))
        mean = sum(sharpe for _, sharpe, *_ in rows) / len(rows)
        by_code = Counter(code for *_, codes in rows for code in codes)
        print(
            f"\noracle Sharpe {oracle:g}: {approved} of {len(rows)} approved ({low:.0%} to {high:.0%}), "
            f"mean out-of-sample Sharpe {mean:.2f}; refused by {dict(by_code.most_common())}"
        )


if __name__ == "__main__":
    main()
