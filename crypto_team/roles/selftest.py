"""The self-test: the gates judge a corpus of bad and honest work, and publish how often they are wrong."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

from crypto_team.schemas.outcome import Finding, Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from crypto_team.gates.corpus.judged import Judged
    from crypto_team.gates.corpus.rates import Rate
    from crypto_team.tools.session import Session

SEED = 1
FULL_SEEDS = 3
NOISE_TRIES = (50, 1_000)
Work = tuple[str, str, int]
"""What to judge: which function, its name, its seed."""


@tool(role="every", read_only=True, long=True)
def selftest(session: Session, *, full: bool = False, seed: int = SEED) -> Outcome:
    """Let the gates judge a corpus of known-bad and known-good work, and print how often they are wrong.

    Parameters
    ----------
    full
        Several seeds for everything: this one and the two after it.
    seed
        Seed of all markets and studies; the rates have to hold on seeds that nobody has looked at.
    """
    from crypto_team.gates.corpus.rates import missed, rates

    found = judged(tuple(range(seed, seed + FULL_SEEDS)) if full else (seed,), session.progress)
    table = rates(found)
    wrong = missed(found)
    broken = [item for item in table if not item.kept]
    return Outcome(
        ok=not broken,
        summary=_summary(table, broken),
        data=[_row(item) for item in table],
        findings=[
            Finding(
                code="selftest",
                severity="error" if any(item.kind == rate.kind for rate in broken) else "info",
                message=f"{item.kind} {item.name} ({item.what}) was "
                + _outcome(item)
                + (f" by {', '.join(item.codes)}" if item.codes else ""),
            )
            for item in wrong
        ],
        exit_code=1 if broken else 0,
    )


def _outcome(item: Judged) -> str:
    if item.undecided:
        return "not passed for want of evidence"
    return "refused" if item.refused else "not refused"


def _summary(table: list[Rate], broken: list[Rate]) -> str:
    total = sum(item.count for item in table)
    kept = "all published rates are kept" if not broken else f"NOT kept: {', '.join(item.kind for item in broken)}"
    return f"{total} pieces of work judged; {kept}"


def _row(item: Rate) -> dict[str, Any]:
    return {
        "work": item.kind,
        "judged": item.count,
        "refused": item.refused,
        "share": f"{item.share:.1%}",
        "interval": f"{item.low:.1%} to {item.high:.1%}",
        "as_published": item.kept,
    }


def judged(seeds: tuple[int, ...], progress: Callable[[float, str], None]) -> list[Judged]:
    """Judge the whole corpus in two processes; the order of the results does not depend on who was faster."""
    from crypto_team.gates.corpus.judged import fault_names, feature_files, honest_names

    work: list[Work] = []
    for seed in seeds:
        work += [("features", name, seed) for name in feature_files()]
        # Neighbours share a study, so that one process makes it once.
        work += [("faults", ",".join(part), seed) for part in _parts(list(fault_names()), 6)]
        work += [("honest", name, seed) for name in honest_names()]
        work += [("noise", str(tries), seed) for tries in NOISE_TRIES]
    results: dict[int, list[Judged]] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=min(2, os.cpu_count() or 1), mp_context=context) as pool:
        running = {pool.submit(_judge, item): number for number, item in enumerate(work)}
        for done in as_completed(running):
            number = running[done]
            results[number] = done.result()
            progress(len(results) / len(work), f"{work[number][0]}: {work[number][1][:60]}")
    return [item for number in range(len(work)) for item in results[number]]


def _parts(names: list[str], count: int) -> list[list[str]]:
    size = -(-len(names) // count)
    return [names[at : at + size] for at in range(0, len(names), size)]


def _judge(work: Work) -> list[Judged]:
    """Judge one part of the corpus, in a process of its own."""
    from crypto_team.gates.corpus import judged as corpus

    what, name, seed = work
    if what == "features":
        return corpus.judge_features(name, seed)
    if what == "faults":
        return [corpus.judge_fault(item, seed) for item in name.split(",")]
    if what == "honest":
        return [corpus.judge_honest(name, seed)]
    return corpus.judge_noise(int(name), seed)
