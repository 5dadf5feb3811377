"""Our gates and those of others on the same corpus, in one run: recall and false alarms, into `docs/comparison.md`.

`python benchmarks/bench_peers.py [--work FOLDER] [--python PYTHON] [--report]`. Peers are installed into an environment
of their own from `peers-constraints.txt`; nothing of the product depends on them. What a peer cannot judge is not
counted against it. `--report` writes the page again from verdicts that lie in the folder.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import peers_work

from crypto_team.gates.corpus import (
    strategies_honest,
    strategies_leaky,
    strategies_leaky_callbacks,
    strategies_leaky_hidden,
    strategies_leaky_trading,
)
from crypto_team.gates.corpus.judged import Judged
from crypto_team.gates.corpus.leaking_features import GROUPS
from crypto_team.gates.corpus.published import restored, stored
from crypto_team.gates.statistics import share_interval

HERE = Path(__file__).parent
SEED = 20_261
"""One that the gates were not developed with."""
OURS = "crypto-team"
VERSIONS = {"freqtrade": "2026.9", "monte-neo": "0.54.0", "trialgate": "0.6.0", "backtest-audit": "1.0.0"} | {
    "holdout-backtest": "0.1.0",
    "falsify-backtest": "0.1.0",
}
FEATURE_CLASSES = {
    "shift": "shifts and labels",
    "whole": "statistics of all bars",
    "filled": "filling, grouping, resampling",
    "rare": "rare rows only",
    "frames": "other frames and timeframes",
    "state": "state, chance, camouflage",
}
READS = {
    "monte-neo": ("returns.csv", "bars.csv", "meta.json"),
    "trialgate": ("returns.csv", "trials.csv", "meta.json"),
    "trialgate, any length": ("returns.csv", "trials.csv", "meta.json"),
    "holdout-backtest": ("trials.csv",),
    "falsify-backtest": ("trades.csv", "meta.json"),
}
"""What each peer is given of a study: a fault that leaves all of it as it was cannot be seen there."""
KINDS = {
    "features": (OURS, "monte-neo", "backtest-audit"),
    "strategies": (OURS, "lookahead-analysis", "recursive-analysis", "monte-neo", "backtest-audit"),
    "evidence": (OURS, *READS),
}


@dataclass(frozen=True)
class Said:
    """What one program said about one piece of work."""

    refused: bool | None
    why: str
    seconds: float


STRATEGIES_OF = {"leaking": strategies_leaky.LEAKY, "honest": strategies_honest.HONEST}
UNASKED = "not asked"
Verdicts = dict[str, dict[tuple[str, str], Said]]
"""By program, kind and name."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".peers"))
    parser.add_argument("--python", type=Path, help="Python of an environment that has the peers already")
    parser.add_argument("--report", action="store_true", help="only write the page again")
    asked = parser.parse_args()
    work = asked.work.resolve()
    if not asked.report:
        run(work, asked.python or environment(work / "venv"))
    page = HERE.parent / "docs" / "comparison.md"
    page.write_text(comparison(work), encoding="utf-8")


def environment(folder: Path) -> Path:
    """Make the peers' environment."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        pins = HERE / "peers-constraints.txt"
        subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "-r", pins], check=True)
    return python


def run(work: Path, python: Path) -> None:
    """Export the corpus, ask every peer, and judge everything ourselves."""
    if not (work / "work.json").exists():
        peers_work.export(work, SEED)
    for peer in (*READS, "backtest-audit"):
        subprocess.run([python, HERE / "peers_judges.py", work, peer], check=True)
    subprocess.run([sys.executable, HERE / "peers_freqtrade.py", work], check=True)
    (work / "verdicts" / f"{OURS}.json").write_text(stored(ours()), encoding="utf-8")


def ours() -> list[Judged]:
    """Return our own verdicts: those of the page of error rates if nothing is missing there, else judged now."""
    from crypto_team.roles.selftest import judged, judged_strategies

    path = HERE.parent / "docs" / "error-rates.json"
    found = [item for item in restored(path.read_text(encoding="utf-8")) if item.seed in {0, SEED}]
    there = {place(item) for item in found}
    quiet: Callable[[float, str], None] = lambda _share, _text: None  # noqa: E731
    if not {kind for kind, _ in there} >= {"features", "evidence", "noise"}:
        return [*judged((SEED,), quiet), *judged_strategies(quiet)]
    left = [f"{kind}__{item.name}" for kind, items in STRATEGIES_OF.items() for item in items]
    names = [name.partition("__")[2] for name in left if ("strategies", name) not in there]
    return [*found, *(judged_strategies(quiet, names) if names else [])]


def comparison(work: Path) -> str:
    """Return the page."""
    said = read(work)
    parts = [
        HEAD,
        unfinished(work, said),
        "## Python features\n",
        FEATURES,
        table(work, "features", feature_rows(work), said),
    ]
    parts += ["## Freqtrade strategies\n", STRATEGIES, table(work, "strategies", strategy_rows(work), said)]
    parts += ["## Evidence: returns, trials, trades\n", EVIDENCE, table(work, "evidence", evidence_rows(work), said)]
    parts += ["## What passed, and what was refused for nothing\n", wrong(said)]
    return "\n".join(parts)


def read(work: Path) -> Verdicts:
    """Read what everybody said."""
    made: Verdicts = {}
    for path in sorted((work / "verdicts").glob("*.jsonl")):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        made[path.stem] = {(row["kind"], row["name"]): Said(row["refused"], row["why"], row["seconds"]) for row in rows}
    for peer, files in READS.items():
        for (kind, name), given in made[peer].items():
            if kind == "evidence" and name.startswith("bad") and not changed(work, name, files):
                made[peer][kind, name] = Said(None, "what it is given is as it was", given.seconds)
    ours = restored((work / "verdicts" / f"{OURS}.json").read_text(encoding="utf-8"))
    made[OURS] = {place(item): Said(item.refused and item.right, ", ".join(item.codes), 0.0) for item in ours}
    return made


def changed(work: Path, name: str, files: Iterable[str]) -> bool:
    """Tell whether a fault changes anything in some files."""
    before, after = work / "before" / name.removeprefix("bad__"), work / "evidence" / name
    return any((before / file).read_bytes() != (after / file).read_bytes() for file in files)


def place(item: Judged) -> tuple[str, str]:
    """Return under which kind and name the export has a piece of work."""
    first, _, kind = item.kind.partition(" ")
    if not kind:
        return "noise", "__".join(item.name.split(" tries, "))
    plural = {"feature": "features", "strategy": "strategies", "evidence": "evidence"}[kind]
    return plural, f"{first}__{item.name}"


Rows = list[tuple[str, list[tuple[str, str]]]]
"""A title, and the kind and name of each piece of work that belongs to the row."""


def listed(work: Path, kind: str, start: str) -> list[tuple[str, str]]:
    names = json.loads((work / "work.json").read_text(encoding="utf-8"))[kind]
    return [(kind, name) for name in names if name.startswith(start)]


def feature_rows(work: Path) -> Rows:
    group = {name: FEATURE_CLASSES[key] for key, names in GROUPS.items() for name in names}
    leaks = listed(work, "features", "leaking")
    rows = [
        (title, [item for item in leaks if group.get(item[1][9:], FEATURE_CLASSES["state"]) == title])
        for title in FEATURE_CLASSES.values()
    ]
    return [*rows, ("**all leaks**", leaks), ("**honest: false alarms**", listed(work, "features", "honest"))]


def strategy_rows(work: Path) -> Rows:
    calls = (*strategies_leaky_callbacks.CASES, *strategies_leaky_trading.CASES)
    hidden = [item for item in strategies_leaky_hidden.CASES if "get_pair_dataframe" not in item.source]
    apart = {item.name for item in (*calls, *hidden)}
    others = [item for item in strategies_leaky.LEAKY if item.name not in apart]
    files = [item for item in others if "get_pair_dataframe" in item.source]
    plain = [item for item in others if "get_pair_dataframe" not in item.source]
    classes = {
        "in the frame": plain,
        "files of other timeframes and pairs": files,
        "callbacks, chance, FreqAI": calls,
        "hidden: rare rows, dates, coins, data files": hidden,
    }
    rows = [(title, [("strategies", f"leaking__{item.name}") for item in items]) for title, items in classes.items()]
    rows.append(("**all leaks**", listed(work, "strategies", "leaking")))
    return [*rows, ("**honest: false alarms**", listed(work, "strategies", "honest"))]


def evidence_rows(work: Path) -> Rows:
    from crypto_team.gates.corpus.evidence_bad import FAULTS

    classes = {
        title: [("evidence", f"bad__{name}") for name in FAULTS if peers_work.fault_class(name) == title]
        for title in peers_work.CLASSES.values()
    }
    noise = [
        (f"best of {tries:,} strategies of noise", [("noise", f"{tries}__{k}") for k in range(repeats)])
        for tries, repeats in peers_work.REPEATS.items()
    ]
    return [*classes.items(), *noise, ("**honest: false alarms**", listed(work, "evidence", "honest"))]


def table(work: Path, kind: str, rows: Rows, said: Verdicts) -> str:
    """Return how many each program refused of those that it can judge; what was not exported shows nothing to peers."""
    programs = KINDS[kind]
    exported = {item for each in {kind, "noise"} for item in listed(work, each, "")}
    absent = {
        item: Said(None, UNASKED if item in exported else "nothing to be seen", 0.0) for _, row in rows for item in row
    }
    lines: list[Sequence[str]] = [("work", *programs), ["---"] * (len(programs) + 1)]
    for title, items in rows:
        cells = [cell([said[program].get(item, absent[item]) for item in items]) for program in programs]
        lines.append((f"{title} ({len(items)})", *cells))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def cell(found: Sequence[Said]) -> str:
    """Return count, of how many that could be judged, and the interval."""
    asked = [item for item in found if item.refused is not None]
    if not asked:
        return "not asked" if any(item.why.startswith(UNASKED) for item in found) else "not applicable"
    count = sum(bool(item.refused) for item in asked)
    low, high = share_interval(count, len(asked))
    return f"{count} of {len(asked)} ({100 * low:.0f}-{100 * high:.0f} %)"


def unfinished(work: Path, said: Verdicts) -> str:
    """Say what was not asked, so that a part of a run is not taken for all of it."""
    told = []
    for kind, programs in KINDS.items():
        kinds = [kind, "noise"] if kind == "evidence" else [kind]
        pieces = [item for each in kinds for item in listed(work, each, "")]
        for program in programs:
            left = [said[program].get(item, Said(None, UNASKED, 0.0)) for item in pieces]
            count = sum(item.why.startswith(UNASKED) for item in left)
            if count:
                told.append(f"{program} {count} of {len(pieces)} ({kind})")
    if not told:
        return "Every program was asked about everything that it can judge.\n"
    note = work / "verdicts" / "NOTE"
    more = " " + note.read_text(encoding="utf-8").strip() if note.exists() else ""
    return f"Pieces that were not asked about, for want of time: {'; '.join(told)}.{more}\n"


def wrong(said: Verdicts) -> str:
    """List, program by program, bad work that passed and honest work that did not."""
    made = []
    for kind, programs in KINDS.items():
        for program in programs:
            rows = {key: item for key, item in said[program].items() if key[0] == kind and item.refused is not None}
            passed = [name for (_, name), item in rows.items() if not name.startswith("honest") and not item.refused]
            alarms = [name for (_, name), item in rows.items() if name.startswith("honest") and item.refused]
            told = [f"passed {', '.join(short(passed))}"] if passed else []
            told += [f"refused honest {', '.join(short(alarms))}"] if alarms else []
            made.append(f"- {kind}, {program}: {'; '.join(told) or 'nothing'}")
    return "\n".join(made) + "\n"


def short(names: Sequence[str]) -> list[str]:
    return [name.partition("__")[2] for name in names]


HEAD = f"""# Comparison with peers

Who refuses bad work, and who refuses honest work, on the shipped corpus ([error rates](error-rates.md)), as
`python benchmarks/bench_peers.py` asks. Each program is asked by its documented interface with its own defaults,
and given exactly what it can judge; what it cannot judge is "not applicable", no miss. Peers live in an environment
of their own, pinned in `benchmarks/peers-constraints.txt`. Intervals are Wilson's, 95 %; seed {SEED}.

The corpus is ours: it holds what we thought of. A peer may be better at what it was made for elsewhere.

Versions: {", ".join(f"{name} {version}" for name, version in VERSIONS.items())}.
"""
FEATURES = """Leaks have to be refused, honest features not. monte-neo gets the hyperbolic tangent of each feature's
distance from its own past as a signal; its look-ahead, repaint and determinism checks count, its economics do not.
It is given one table, so that features of several frames are beyond it. backtest-audit reads the text; its rules on
look-ahead and leaks count.
"""
STRATEGIES = """The same random candles for all. lookahead-analysis and recursive-analysis run offline with Freqtrade's
own defaults, FreqAI with a real model; too few trades for a verdict are not counted. Of recursive-analysis its
look-ahead part counts. monte-neo cannot run a Freqtrade strategy; its lint reads the text, as backtest-audit does.
"""
EVIDENCE = """Peers get what the study states: net returns a day, all trials, trades, the numbers of trials and
the claimed Sharpe ratio; monte-neo also the candles and positions of each pair, with Sharpe ratio and total of the
stated returns as the claim that it compares with its own simulation. Faults of rows and of training are not to be
seen there; nor are those that leave what a program reads as it was. trialgate asks for 1,000 days with a return, which
no study of the corpus has; the second column asks for 30 instead. A refusal is any verdict but a pass (warnings pass).
Ours counts only if it was for the fault itself; theirs always count, so that a program that refuses honest studies as
well catches much by chance.
"""


if __name__ == "__main__":
    main()
