"""What an exported strategy calls: fold models, features and signals, exactly as in training."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crypto_team.data.frame import COLUMNS, epoch_ms, timeframe_seconds
from crypto_team.data.growing import LIVE_FOLDER
from crypto_team.errors import EvidenceError
from crypto_team.features.matrix import bar_frame, build_matrix
from crypto_team.features.surroundings import SeriesKey, Surroundings, known_series
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import ModelManifest
from crypto_team.trading.signals import entries_exits
from crypto_team.validation.prediction import FoldModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt


@dataclass(frozen=True)
class Bundle:
    """The trained models of a strategy, verified by hash."""

    manifest: ModelManifest
    models: tuple[FoldModel, ...]
    folder: Path

    def signals(
        self, frame: pd.DataFrame, pair: str = "", others: Mapping[str, pd.DataFrame] | None = None
    ) -> pd.DataFrame:
        """Compute signals for candles as Freqtrade hands them out.

        Parameters
        ----------
        frame
            date (bar open, UTC), open, high, low, close, volume; other columns are ignored.
        pair
            Whose candles they are; needed where formulas read other pairs or series.
        others
            Candles of the informative pairs, in the same form.

        Returns
        -------
        DataFrame
            signal (P(up) or its equivalent, NaN before the first fold) and the flags enter_long, exit_long,
            enter_short, exit_short as integers, with the index of `frame`.
        """
        values = self._predict(_bars(frame), self._surroundings(pair, others or {}))
        rule = self.manifest.signal
        wishes = entries_exits(
            values,
            entry=rule.entry_threshold,
            exit=rule.exit_threshold,
            long_short=rule.side == "long_short",
        )
        flags = {
            name: np.asarray(getattr(wishes, name)).astype(np.int64)
            for name in ("enter_long", "exit_long", "enter_short", "exit_short")
        }
        return pd.DataFrame({"signal": values, **flags}, index=frame.index)

    def _surroundings(self, pair: str, others: Mapping[str, pd.DataFrame]) -> Surroundings:
        """Put other pairs and series around the candles; series are read anew each time, they grow while it runs."""
        step = timeframe_seconds(self.manifest.timeframe) * 1000
        # An exchange may have nothing to say about a pair: then what is read of it is unknown, and nothing fails.
        frames = {name: bar_frame(_bars(other if len(other) else _NO_CANDLES), step) for name, other in others.items()}
        series, tables = {}, dict[str, pd.DataFrame]()
        for item in self.manifest.series:
            table = tables.get(item.path)
            if table is None:
                table = tables[item.path] = pd.read_parquet(_series_file(self.folder, item.path))
            key = SeriesKey(item.kind, item.source, item.pair or "", item.column)
            series[key] = known_series(table, item.lag_seconds, item.stale_after_seconds, item.column)
        return Surroundings(pair, frames, series)

    def _predict(self, bars: pd.DataFrame, around: Surroundings) -> npt.NDArray[np.float64]:
        """Predict every candle with the fold whose test range holds it; after the last range with the last fold."""
        matrix = build_matrix(self.manifest.features, bars, code_dir=self.folder.parent, surroundings=around)
        times = epoch_ms(bars["timestamp"])
        signal = np.full(len(bars), np.nan)
        starts = [_milliseconds(fold.test_start) for fold in self.manifest.folds]
        stops = [_milliseconds(fold.test_end) for fold in self.manifest.folds]
        stops[-1] = np.iinfo(np.int64).max
        for model, start, stop in zip(self.models, starts, stops, strict=True):
            rows = np.flatnonzero((times >= start) & (times < stop))
            if rows.size:
                signal[rows] = model.signal(model.values(matrix, rows, times)).signal
        return signal


_NO_CANDLES = pd.DataFrame({"date": pd.DatetimeIndex([], tz="UTC"), **{name: np.empty(0) for name in COLUMNS}})


def _bars(frame: pd.DataFrame) -> pd.DataFrame:
    """Return Freqtrade's candles as features read them."""
    made = pd.DataFrame({"timestamp": frame["date"]}).assign(**{name: frame[name].to_numpy() for name in COLUMNS})
    return made.reset_index(drop=True)


def _series_file(folder: Path, path: str) -> Path:
    """Return the file of a series: in `series` beside the models, else refreshed, else as the catalog has it."""
    live = [parent / "data" / LIVE_FOLDER / path for parent in folder.parents]
    places = [folder.parent / "series" / Path(path).name, *live, *(parent / "data" / path for parent in folder.parents)]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise EvidenceError(
            f"the series {Path(path).name} that features read is missing",
            where=str(places[0]),
            hint="crypto-team data import-series FILE",
        )
    return found


def _milliseconds(text: str) -> int:
    return int(pd.Timestamp(text).timestamp() * 1000)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise EvidenceError(f"the file cannot be read: {problem.strerror}", where=str(path)) from problem


def _check_code(manifest: ModelManifest, folder: Path) -> None:
    """Refuse Python features whose code is not the code that the models were trained with."""
    if manifest.python_code is None:
        return
    digest = hashlib.sha256()
    for name in sorted({item.python.split(":")[0] for item in manifest.features if item.python}):
        digest.update(_read(folder / name))
    if "sha256:" + digest.hexdigest() != manifest.python_code:
        raise EvidenceError(
            "the feature code is not the one that the models were trained with",
            where=str(folder / "code"),
            hint=f"crypto-team ml-engineer train {manifest.strategy_id}",
        )


def load_bundle(folder: Path) -> Bundle:
    """Load the models beside a manifest; a model or feature code that is not the one that was trained is refused.

    A live strategy asks at every candle: what has not changed on disk is loaded and checked once.
    """
    files = [*folder.glob("*"), *(folder.parent / "code").glob("*.py")]
    stamps = tuple((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(files))
    return _load(folder, stamps)


@lru_cache(maxsize=4)
def _load(folder: Path, stamps: tuple[tuple[str, int, int], ...]) -> Bundle:
    """Read and verify a bundle; the stamps only tell one state of its files from another."""
    del stamps
    manifest = load_record(folder / "manifest.yaml", ModelManifest)
    models = []
    for fold in manifest.folds:
        content = _read(folder / fold.file)
        if "sha256:" + hashlib.sha256(content).hexdigest() != fold.sha256:
            raise EvidenceError("the model file is not the one that was trained", where=str(folder / fold.file))
        models.append(FoldModel.load(content))
    _check_code(manifest, folder.parent)
    return Bundle(manifest=manifest, models=tuple(models), folder=folder)
