"""The audit of any Freqtrade strategy: run in real Freqtrade on candles with other futures, and compared.

A strategy is causal if nothing that it showed or answered up to a moment changes when only later candles do. Hints from
its text explain; only a probe refuses.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.errors import InputError
from crypto_team.freqtrade import diagnose_data, diagnose_models
from crypto_team.freqtrade.diagnose_data import PROBES, Market
from crypto_team.freqtrade.diagnose_judge import SIGNALS, Evidence, compare, compare_calls, compare_start
from crypto_team.freqtrade.diagnose_market import synthetic
from crypto_team.freqtrade.diagnose_runs import Bench, Run, Task
from crypto_team.freqtrade.diagnose_source import Hint, Source, read_source

CUTS: Final = 40
RARE_ANSWERS, USUAL_ANSWERS, MOST_ASKED = 4, 2, 16
MOST_ROWS, MOST_PER_PAIR, LEAST_PER_PAIR = 30_000, 20_000, 2_000
LEAST_BARS: Final = 60
Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the audit found.

    `verdict` is leaks, clean or unproven. `evidence` holds what the probes saw, `hints` lines worth a look, `notes`
    what could not be probed. `candles` counts the candles per pair that were compared, `probes` the futures tried.
    """

    verdict: str
    class_name: str
    timeframe: str
    pairs: tuple[str, ...]
    candles: int
    probes: int
    evidence: tuple[Evidence, ...]
    hints: tuple[Hint, ...]
    notes: tuple[str, ...]
    models: tuple[diagnose_models.ModelFile, ...]
    synthetic: bool


def diagnose(
    strategy: Path,
    data: Path | None = None,
    *,
    class_name: str | None = None,
    config: Path | None = None,
    pairs: tuple[str, ...] = (),
    seed: int = 0,
    progress: Progress = lambda _share, _text: None,
) -> Diagnosis:
    """Probe a strategy.

    Parameters
    ----------
    strategy
        File with an `IStrategy`; files beside it go along.
    data
        Data directory in Freqtrade's format; None makes random candles.
    class_name
        Which strategy, where a file holds several.
    config
        Freqtrade configuration, for what the strategy reads from it (FreqAI's settings, for example).
    pairs
        Pairs to trade; none means all that have candles of the timeframe.
    seed
        Of cuts and replaced futures.

    Raises
    ------
    InputError
        The file is no strategy, there are no candles for it, or it cannot be run on them.
    """
    source = read_source(strategy.read_text(encoding="utf-8"), strategy.name, class_name)
    whole = diagnose_data.read_market(data, source.timeframe, pairs) if data else synthetic(source, seed)
    most = min(MOST_PER_PAIR, max(LEAST_PER_PAIR, MOST_ROWS // len(whole.pairs)))
    market = diagnose_data.trimmed(whole, most)
    short = [pair for pair in market.pairs if len(market.own(pair).frame) < LEAST_BARS]
    if short:
        raise InputError(f"fewer than {LEAST_BARS} candles of {', '.join(short)}", where=str(data))
    with tempfile.TemporaryDirectory(prefix="diagnose-") as folder:
        with Bench(Path(folder), strategy, source, market, config) as bench:
            return _Audit(bench, source, market, seed, progress).diagnosis(is_synthetic=data is None)


def audit_strategy(source: str, beside: Mapping[str, str] | None = None, *, seed: int = 0) -> Diagnosis:
    """Probe a strategy that is given as text, with texts of files beside it, on random candles."""
    with tempfile.TemporaryDirectory(prefix="strategy-") as folder:
        for name, text in {"strategy.py": source, **(beside or {})}.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        return diagnose(Path(folder) / "strategy.py", seed=seed)


class _Audit:
    """One audit: what ran, what was seen."""

    def __init__(self, bench: Bench, source: Source, market: Market, seed: int, progress: Progress) -> None:
        self.bench, self.source, self.market, self.progress = bench, source, market, progress
        self.rng = np.random.default_rng(seed)
        self.notes: list[str] = []
        self.probes = self.failed = 0

    def diagnosis(self, *, is_synthetic: bool) -> Diagnosis:
        self.progress(0.05, "Freqtrade computes the strategy")
        modes = ("frames", "frames", "repeated", "callbacks")
        base, again, repeated, calls = self.bench.run([Task(self.market, mode) for mode in modes])
        if base.error:
            raise InputError(f"the strategy cannot be run: {base.error}", where=self.source.class_name)
        found = list(self._steady(base, (("fresh process", again), ("repeated call", repeated))))
        self.progress(0.25, "other futures")
        found += self._futures(base, calls)
        found = self._mattering(_merged(found), base, calls)
        models = diagnose_models.model_files(self.bench.user_data, self.bench.mentioned(base.files))
        found += list(self._memory(base, models, found, is_synthetic=is_synthetic))
        bad = any(item.kind != "startup" and item.matters for item in found)
        proven = self.probes > self.failed
        return Diagnosis(
            "leaks" if bad else "clean" if proven else "unproven",
            self.source.class_name,
            self.source.timeframe,
            self.market.pairs,
            min(len(frame) for frame in base.frames.values()),
            self.probes,
            tuple(found),
            self.source.hints,
            tuple(dict.fromkeys(self.notes)),
            tuple(models),
            is_synthetic,
        )

    def _steady(self, base: Run, runs: tuple[tuple[str, Run], ...]) -> Iterator[Evidence]:
        end = pd.Timestamp("2262-01-01", tz="UTC")
        for probe, run in runs:
            if run.error:
                self.notes.append(f"{probe}: {run.error}")
            for pair, frame in run.frames.items():
                yield from compare(base.frames[pair], frame, pair, until=end, probe=probe, kind="state")

    def _futures(self, base: Run, calls: Run) -> list[Evidence]:
        moments = diagnose_data.cuts(self.market, _turns(base), CUTS, self.rng)
        tasks, meant = [], []
        for number, moment in enumerate(moments):
            # Cut files show most; a future of another size shows what hides from a cut.
            probe = PROBES[0] if number % 2 else PROBES[1 + (number // 2) % (len(PROBES) - 1)]
            tasks.append(Task(diagnose_data.replaced(self.market, moment, probe, self.rng), "frames"))
            meant.append((probe, moment))
        middle = moments[len(moments) // 2]
        first = self.market.own(self.market.pairs[0])
        tasks.append(Task(self.market, "primed", prime=int(np.sum(first.known <= middle))))
        meant.append(("earlier call", 2**62))
        since = int(first.opens[(len(first.frame) * 3) // 5])
        tasks.append(Task(_late(self.market, since, base.startup), "frames"))
        meant.append(("later start", since))
        if calls.calls:
            for probe, moment in self._asked(calls.calls):
                tasks.append(
                    Task(diagnose_data.replaced(self.market, moment, probe, self.rng, opened=True), "callbacks")
                )
                meant.append((probe, moment))
        elif calls.error:
            self.notes.append(f"the callbacks could not be run: {calls.error}")
        runs = self.bench.run(tasks, lambda share: self.progress(0.25 + 0.6 * share, "other futures"))
        return [
            item
            for run, (probe, moment) in zip(runs, meant, strict=True)
            for item in self._one(base, calls, run, probe, moment)
        ]

    def _one(self, base: Run, calls: Run, run: Run, probe: str, moment: int) -> Iterator[Evidence]:
        self.probes += 1
        if run.error:
            self.failed += 1
            self.notes.append(f"probe '{probe}' could not be run: {run.error}")
        elif run.calls is not None and calls.calls is not None:
            seen = compare_calls(calls.calls, run.calls, moment=moment, probe=probe)
            yield from [seen] if seen else []
        elif probe == "later start":
            since = pd.Timestamp(moment, unit="ms", tz="UTC")
            for pair, frame in run.frames.items():
                found = list(compare_start(base.frames[pair], frame, pair, since=since))
                yield from found if any(item.matters for item in found) else ()
        elif probe == "earlier call":
            yield from self._steady(base, ((probe, run),))
        else:
            until = pd.Timestamp(moment - self.market.step_ms + 1, unit="ms", tz="UTC")
            for pair, frame in run.frames.items():
                yield from compare(base.frames[pair], frame, pair, until=until, probe=probe)

    def _asked(self, calls: list[list[Any]]) -> list[tuple[str, int]]:
        """Choose moments of rare answers, to be asked again in a rising and in a falling market, and of usual ones."""
        answers: dict[tuple[str, str], list[int]] = {}
        for name, _, time, _, answer in calls:
            if time >= 0:
                answers.setdefault((name, answer), []).append(int(time))
        often: dict[str, int] = {}
        for (name, _), times in answers.items():
            often[name] = max(often.get(name, 0), len(times))
        chosen: list[tuple[str, int]] = []
        for (name, _), times in answers.items():
            most = USUAL_ANSWERS if len(times) == often[name] else RARE_ANSWERS
            picked = self.rng.choice(times, size=min(most, len(times)), replace=False).tolist()
            chosen += [(probe, time) for time in picked for probe in ("scaled x10", "scaled x0.1")]
        order = self.rng.permutation(len(chosen))[:MOST_ASKED]
        return [chosen[place] for place in sorted(order.tolist())]

    def _mattering(self, found: list[Evidence], base: Run, calls: Run) -> list[Evidence]:
        """Tell columns that decide from columns that nothing reads: labels, plots."""
        decisive = [item for item in found if item.what in SIGNALS or item.what.endswith("()")]
        columns = [item for item in found if item not in decisive and item.kind != "startup"]
        if not columns or any(item.kind != "startup" for item in decisive):
            return found
        names = tuple(dict.fromkeys(item.what for item in columns))
        tasks = [Task(self.market, "frames", spoil=names)]
        if calls.calls is not None and calls.calls:
            tasks.append(Task(self.market, "callbacks", spoil=names))
        runs = self.bench.run(tasks)
        read = any(run.error for run in runs) or _signals_differ(base, runs[0])
        read = read or (len(runs) > 1 and runs[1].calls != calls.calls)
        return [replace(item, matters=read) if item in columns else item for item in found]

    def _memory(
        self, base: Run, models: list[diagnose_models.ModelFile], found: list[Evidence], *, is_synthetic: bool
    ) -> Iterator[Evidence]:
        if not models:
            return
        for model in models:
            if model.trained_until is None:
                self.notes.append(f"{model.name} does not say what it was trained on ({model.sha256[:12]})")
                continue
            early = None if is_synthetic else diagnose_models.predicted_before(base.frames, model.trained_until)
            if early:
                pair, time, count = early
                text = f"trained until {model.trained_until.isoformat()}"
                yield Evidence("leak", model.name, pair, time, "an entry", text, "model provenance", count)
        unread = frozenset(item.what for item in found if not item.matters)
        skilled = () if is_synthetic else diagnose_models.implausible(base.frames, unread)
        for name, pair, horizon, skill, t_value in skilled:
            text = f"t = {t_value:.0f} on the return {horizon} candle(s) ahead"
            yield Evidence("leak", name, pair, "", f"skill {skill:.2f}", text, "memory of a model")


def _turns(base: Run) -> dict[str, list[int]]:
    """Return the rows at which any signal changes."""
    turns = {}
    for pair, frame in base.frames.items():
        changed = np.zeros(len(frame), dtype=bool)
        for name in (item for item in SIGNALS[:4] if item in frame):
            changed |= np.diff(frame[name].fillna(0.0).to_numpy(np.float64), prepend=0.0) != 0
        turns[pair] = np.flatnonzero(changed).tolist()
    return turns


def _signals_differ(base: Run, other: Run) -> bool:
    end = pd.Timestamp("2262-01-01", tz="UTC")
    return any(
        item.what in SIGNALS
        for pair, frame in other.frames.items()
        for item in compare(base.frames[pair], frame, pair, until=end, probe="")
    )


def _late(market: Market, moment: int, startup: int) -> Market:
    """Drop what a live bot would not have loaded: of every file all but the start-up candles before a moment."""
    files = []
    for item in market.files:
        step = timeframe_seconds(item.timeframe) * 1000
        frame = item.frame[item.opens >= moment - max(startup, 1) * step].reset_index(drop=True)
        if len(frame):
            files.append(replace(item, frame=frame))
    return replace(market, files=tuple(files))


def _merged(found: list[Evidence]) -> list[Evidence]:
    """Keep one evidence per kind, column or callback and pair, signals and callbacks first."""
    first: dict[tuple[str, str, str], Evidence] = {}
    for item in found:
        key = (item.kind, item.what, item.pair)
        kept = first.get(key)
        first[key] = item if kept is None else replace(kept, count=max(kept.count, item.count))
    decisive = (*SIGNALS, "()")
    return sorted(first.values(), key=lambda item: not item.what.endswith(decisive))
