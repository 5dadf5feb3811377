"""The audit of any Freqtrade strategy: run in real Freqtrade on candles with other futures, and compared.

A strategy is causal if nothing that it showed or answered up to a moment changes when only later candles do. Hints from
its text explain; only a probe refuses.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from crypto_team.errors import InputError
from crypto_team.freqtrade import diagnose_data, diagnose_models
from crypto_team.freqtrade import diagnose_futures as futures
from crypto_team.freqtrade.diagnose_data import Market
from crypto_team.freqtrade.diagnose_futures import Question
from crypto_team.freqtrade.diagnose_judge import SIGNALS, Evidence, compare, compare_calls, compare_start
from crypto_team.freqtrade.diagnose_market import synthetic
from crypto_team.freqtrade.diagnose_runs import Bench, Run, Task
from crypto_team.freqtrade.diagnose_source import Hint, Source, read_source
from crypto_team.freqtrade.diagnose_unused import decides, weighed

MOST_ROWS, MOST_PER_PAIR, LEAST_PER_PAIR = 30_000, 20_000, 2_000
LEAST_BARS: Final = 60
MOST_TOLD: Final = 5
DATA_FILE: Final = re.compile(
    r"^reading .*\.(parquet|feather|arrow|csv|json|txt|npy|npz|pkl|pickle|joblib|h5|hdf5?|db|sqlite3?|gz|zst|onnx|pt)$",
    re.IGNORECASE,
)
END: Final = pd.Timestamp("2262-01-01", tz="UTC")
MEMORY, DATED = (
    "memory of a model",
    "signals are others in another year: a table of dates cannot be told from knowledge of what happened there",
)
Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the audit found.

    `verdict` is leaks, clean, or unproven: no probe could be run, or it goes on without data that it tried to read.
    `evidence` holds what the probes saw, `hints` lines worth a look, `notes` what could not be probed. `candles` counts
    the candles per pair that were compared, `probes` the futures tried.
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
    strategy, class_name
        File with an `IStrategy`, and which one, where it holds several; files beside it go along.
    data
        Data directory in Freqtrade's format; None makes random candles.
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
    with (
        tempfile.TemporaryDirectory(prefix="diagnose-") as folder,
        Bench(Path(folder), strategy, source, market, config=config, data=data) as bench,
    ):
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
        self.dated = False

    def diagnosis(self, *, is_synthetic: bool) -> Diagnosis:
        self.progress(0.05, "Freqtrade computes the strategy")
        modes = ("frames", "frames", "repeated", "callbacks")
        base, again, repeated, calls = self.bench.run([Task(self.market, mode) for mode in modes])
        if base.error:
            raise InputError(f"the strategy cannot be run: {base.error}", where=self.source.class_name)
        found = list(self._steady(base, (("fresh process", again), ("repeated call", repeated))))
        self.progress(0.25, "other futures")
        found += self._futures(base, calls)
        blind = self._blind((base, calls))
        found = weighed(_merged(found), self.bench, self.market, calls)
        models = diagnose_models.model_files(self.bench.user_data, self.bench.mentioned(base.files))
        found += list(self._memory(base, models, found, is_synthetic=is_synthetic))
        bad = any(item.kind != "startup" and item.matters for item in found)
        proven = self.probes > self.failed and not blind
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
        for probe, run in runs:
            if run.error:
                self.notes.append(f"{probe}: {run.error}")
            for pair, frame in run.frames.items():
                yield from compare(base.frames[pair], frame, pair, until=END, probe=probe, kind="state")

    def _futures(self, base: Run, calls: Run) -> list[Evidence]:
        found = self._answers(base, calls, futures.futures(self.market, base, self.rng), 0.25, 0.35)
        if any(item.kind != "startup" and decides(item) for item in found):
            if calls.calls:
                self.notes.append("callbacks were not asked again: the signals look ahead already")
            return found
        teeth = futures.combed(self.market, self.rng)
        runs = self.bench.run([item.task for item in teeth], lambda share: self.progress(0.6 + 0.1 * share, "combs"))
        self.probes += len(runs)
        self.failed += sum(bool(run.error) for run in runs)
        moments = futures.suspected(self.market, base, teeth, runs, self.rng)
        questions = list(futures.moved(self.market, moments, self.rng))
        if calls.calls:
            questions += futures.asked_again(self.market, calls.calls, self.rng)
        elif calls.error:
            self.notes.append(f"the callbacks could not be run: {calls.error}")
        return [*found, *self._answers(base, calls, questions, 0.7, 0.2)]

    def _answers(self, base: Run, calls: Run, questions: list[Question], begin: float, length: float) -> list[Evidence]:
        runs = self.bench.run(
            [item.task for item in questions], lambda share: self.progress(begin + length * share, "other futures")
        )
        return [
            item
            for run, asked in zip(runs, questions, strict=True)
            for item in self._one(base, calls, run, asked.probe, asked.moment)
        ]

    def _one(self, base: Run, calls: Run, run: Run, probe: str, moment: int) -> Iterator[Evidence]:
        self.probes += 1
        if run.error:
            self.failed += 1
            self.notes.append(f"probe '{probe}' could not be run: {run.error}")
        elif run.calls is not None and calls.calls is not None:
            seen = compare_calls(calls.calls, run.calls, moment=moment, probe=probe)
            yield from [seen] if seen else []
        elif probe == futures.OTHER_YEAR:
            self.dated = any(
                _signals_differ(base.frames[pair], frame.assign(date=base.frames[pair]["date"]), pair)
                for pair, frame in run.frames.items()
                if len(frame) == len(base.frames[pair])
            )
        elif probe == futures.LATER_START:
            since = pd.Timestamp(moment, unit="ms", tz="UTC")
            for pair, frame in run.frames.items():
                found = list(compare_start(base.frames[pair], frame, pair, since=since))
                yield from found if any(item.matters for item in found) else ()
        elif probe == futures.EARLIER_CALL:
            yield from self._steady(base, ((probe, run),))
        else:
            until = pd.Timestamp(moment - self.market.step_ms + 1, unit="ms", tz="UTC")
            for pair, frame in run.frames.items():
                yield from compare(base.frames[pair], frame, pair, until=until, probe=probe)

    def _blind(self, runs: tuple[Run, ...]) -> bool:
        """Tell whether it goes on without data that it wanted to read: with them it may do something else."""
        refused = tuple(dict.fromkeys(text for run in runs for text in run.refused))
        data = [text for text in refused if DATA_FILE.search(text)]
        self.notes += [f"it tried what no run may do: {text}" for text in refused[:MOST_TOLD]]
        self.notes += [f"{name} is named by its whole path, where no run may read" for name in self.bench.unseen]
        return bool(data or self.bench.unseen)

    def _memory(
        self, base: Run, models: list[diagnose_models.ModelFile], found: list[Evidence], *, is_synthetic: bool
    ) -> Iterator[Evidence]:
        if self.dated:
            self.notes.append(DATED)
        if not models and not self.dated and not self.source.remembers:
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
            yield Evidence("leak", name, pair, "", f"skill {skill:.2f}", text, MEMORY)


def _signals_differ(base: pd.DataFrame, other: pd.DataFrame, pair: str) -> bool:
    return any(item.what in SIGNALS for item in compare(base, other, pair, until=END, probe=""))


def _merged(found: list[Evidence]) -> list[Evidence]:
    """Keep one evidence per kind, column or callback and pair: leaks first, of those signals and callbacks first."""
    first: dict[tuple[str, str, str], Evidence] = {}
    for item in found:
        key = (item.kind, item.what, item.pair)
        kept = first.get(key)
        first[key] = item if kept is None else replace(kept, count=max(kept.count, item.count))
    decisive = (*SIGNALS, "()")
    return sorted(first.values(), key=lambda item: (item.kind == "startup", not item.what.endswith(decisive)))
