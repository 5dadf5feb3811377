"""The self-test: the gates judge a corpus of bad and honest work, and publish how often they are wrong."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crypto_team.schemas.outcome import Finding, Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crypto_team.gates.corpus.judged import Judged, Kind
    from crypto_team.gates.corpus.rates import Rate
    from crypto_team.tools.session import Session

SEED = 1
FULL_SEEDS = (20_261, 104, 105)
"""None was used while the gates were developed, but that a page with the first showed what PF007 missed."""
NOISE_TRIES = (50, 1_000)
Work = tuple[str, str, int]
"""What to judge: which function, its name, its seed."""


@tool(role="every", read_only=True, long=True)
def selftest(
    session: Session,
    *,
    full: bool = False,
    seed: int = SEED,
    strategies: bool = False,
    page: Path | None = None,
) -> Outcome:
    """Let the gates judge a corpus of known-bad and known-good work, and print how often they are wrong.

    Parameters
    ----------
    full
        Several fixed seeds for everything; `seed` then counts for nothing.
    seed
        Seed of all markets and studies; the rates have to hold on seeds that nobody has looked at.
    strategies
        Freqtrade strategies too: some twenty seconds for each of more than fifty.
    page
        Markdown file to write the rates to, with the verdicts beside it as JSON.
    """
    from crypto_team.gates.corpus.rates import missed, rates

    found = judged(FULL_SEEDS if full else (seed,), session.progress)
    if strategies:
        found += judged_strategies(session.progress)
    if page is not None:
        publish(session.folder / page, found)
    table = rates(found)
    broken = [item for item in table if not item.kept]
    return Outcome(
        ok=not broken,
        summary=_summary(table, broken),
        data=[_row(item) for item in table],
        findings=[finding(item, broken) for item in missed(found)],
        exit_code=1 if broken else 0,
    )


def publish(path: Path, found: Sequence[Judged]) -> None:
    """Write the page of error rates, and the verdicts beside it."""
    from crypto_team.gates.corpus.published import page, stored

    path.write_text(page(found), encoding="utf-8")
    path.with_suffix(".json").write_text(stored(found), encoding="utf-8")


def finding(item: Judged, broken: list[Rate]) -> Finding:
    """Say what was judged wrongly; it is an error where a promise is broken by it."""
    return Finding(
        code="selftest",
        severity="error" if any(item.kind == rate.kind for rate in broken) else "info",
        message=f"{item.kind} {item.name} ({item.what}) was "
        + _outcome(item)
        + (f" by {', '.join(item.codes)}" if item.codes else ""),
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


def judged_strategies(progress: Callable[[float, str], None], names: Sequence[str] = ()) -> list[Judged]:
    """Audit the Freqtrade strategies of the corpus, or those named, one after the other in real Freqtrade."""
    from crypto_team.gates.corpus.strategies_honest import HONEST
    from crypto_team.gates.corpus.strategies_leaky import LEAKY

    kinds: list[tuple[Kind, Any]] = [("leaking strategy", item) for item in LEAKY]
    kinds += [("honest strategy", item) for item in HONEST]
    chosen = [(kind, item) for kind, item in kinds if not names or item.name in names]
    found = []
    for number, (kind, item) in enumerate(chosen):
        progress(number / len(chosen), f"{kind}: {item.name}")
        found.append(_judged_strategy(kind, item))
    return found


def _judged_strategy(kind: Kind, item: Any) -> Judged:
    """Audit one strategy: what could not be proven clean was not let pass."""
    from crypto_team.freqtrade.diagnose import audit_strategy
    from crypto_team.gates.corpus.judged import Judged

    verdict = audit_strategy(item.source, item.beside).verdict
    return Judged(kind, item.name, item.mechanism, verdict != "clean", verdict == "leaks")
