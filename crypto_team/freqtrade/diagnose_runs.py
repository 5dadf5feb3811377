"""Runs of a strategy in real Freqtrade: one guarded process for each, and what it wrote."""

from __future__ import annotations

import importlib.util
import json
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import pandas as pd

from crypto_team.errors import InputError, MissingExtraError
from crypto_team.executors import Host
from crypto_team.freqtrade.diagnose_data import Market, write_market
from crypto_team.freqtrade.diagnose_models import is_model
from crypto_team.sandbox import attempts

if TYPE_CHECKING:
    from crypto_team.freqtrade.diagnose_source import Source

TARGET: Final = "crypto_team.freqtrade.inside.diagnose:job"
MODULES: Final = (
    *("talib.abstract", "sklearn.ensemble", "sklearn.linear_model", "sklearn.preprocessing", "scipy.signal"),
    *("lightgbm", "joblib", "technical.indicators", "freqtrade.strategy", "freqtrade.vendor.qtpylib.indicators"),
    *("pyarrow.parquet", "pyarrow.dataset", "freqtrade.data.history.datahandlers.featherdatahandler"),
    *("freqtrade.exchange.binance", "freqtrade.plugins.pairlist.StaticPairList", "freqtrade.optimize.optimize_reports"),
)
SECONDS, SECONDS_EACH, MEMORY_MB = 120.0, 180.0, 8192
AT_ONCE, BATCH = 2, 8
EXCHANGE: Final = "binance"
MOST_BESIDE_BYTES: Final = 300_000_000
_CODE: Final = frozenset({".py", ".pyc", ".feather"})
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "data", ".git", "backtest_results", "hyperopt_results", "*.sqlite")


@dataclass(frozen=True)
class Task:
    """One run: candles, what is wanted, columns to spoil, candles to prime.

    Wanted are frames, repeated, primed, callbacks or readers. The last asks which of the columns to spoil decide
    something; with callbacks, `content` is put into them.
    """

    market: Market
    mode: str
    spoil: tuple[str, ...] = ()
    prime: int = 0
    content: str = ""


@dataclass(frozen=True)
class Run:
    """What a run wrote: frames by pair, or calls of callbacks; `error` says why there is nothing.

    `files` are those that it read beside candles, `refused` what the guard did not let it do, `readers` the columns
    that decide something, with what says so.
    """

    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    calls: list[list[Any]] | None = None
    error: str = ""
    startup: int = 0
    files: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    readers: dict[str, str] = field(default_factory=dict)


class Bench:
    """Runs tasks of one strategy, each in a folder and a process of its own; Freqtrade is imported once for all."""

    def __init__(
        self,
        folder: Path,
        strategy: Path,
        source: Source,
        market: Market,
        *,
        config: Path | None = None,
        data: Path | None = None,
    ) -> None:
        if importlib.util.find_spec("freqtrade") is None:
            raise MissingExtraError("Freqtrade is not installed", hint="pip install 'crypto-team[freqtrade]'")
        self.strategy, self.source, self.root = strategy, source, folder / "runs"
        self.user_data = folder / "user_data"
        # The strategy may not know from its configuration which candles are there.
        self.timeframes = sorted({item.timeframe for item in market.files if item.kind in {"", "futures"}})
        self.markets = sorted({item.pair for item in market.files})
        self.pairs, self.config = market.pairs, _configuration(config)
        # Candles lie where the strategy may look for them behind Freqtrade's back: each run has its own there.
        self.place = f"user_data/data/{data.name if data and data.name != 'data' else EXCHANGE}"
        self.unseen = _bundle(strategy, self.user_data, data, self.place)
        self.root.mkdir()
        self.host = Host(
            TARGET,
            self.root,
            modules=MODULES,
            seconds=SECONDS + BATCH * SECONDS_EACH,
            memory_mb=MEMORY_MB,
            at_once=AT_ONCE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.host.__exit__()

    def run(self, tasks: Sequence[Task], progress: Callable[[float], None] = lambda _share: None) -> list[Run]:
        """Run tasks in guarded processes, two at a time; the order of the answers is that of the tasks."""
        runs: list[Run] = []
        for start in range(0, len(tasks), BATCH):
            runs += self._batch(tasks[start : start + BATCH])
            progress(len(runs) / len(tasks))
        return runs

    def mentioned(self, opened: tuple[str, ...]) -> tuple[str, ...]:
        """Return the files that were opened, and the models that the source names: libraries in C open files unseen."""
        text = self.strategy.read_text(encoding="utf-8")
        files = (path for path in sorted(self.user_data.rglob("*")) if path.is_file() and path.suffix not in _CODE)
        named = [str(path.relative_to(self.user_data)) for path in files if _names(text, path) and is_model(path)]
        return tuple(dict.fromkeys((*opened, *named)))

    def _batch(self, tasks: Sequence[Task]) -> list[Run]:
        # A name that says nothing: no run may know from its folder which one it is.
        folders = [self.root / secrets.token_hex(8) for _ in tasks]
        for folder, task in zip(folders, tasks, strict=True):
            self._write(folder, task)
        self.host.run([folder.name for folder in folders], seconds=SECONDS + SECONDS_EACH * len(tasks))
        runs = [self._read(folder, task) for folder, task in zip(folders, tasks, strict=True)]
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        return runs

    def _write(self, folder: Path, task: Task) -> None:
        shutil.copytree(self.user_data, folder / "user_data")
        write_market(task.market, folder / self.place)
        request = {
            "mode": task.mode,
            "file": self.strategy.name,
            "class_name": self.source.class_name,
            "timeframe": self.source.timeframe,
            "timeframes": self.timeframes,
            "pairs": list(self.pairs),
            "markets": self.markets,
            "futures": task.market.futures,
            "format": "feather",
            "place": self.place,
            "spoil": list(task.spoil),
            "prime": task.prime,
            "content": task.content,
        }
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        (folder / "config.json").write_text(json.dumps(self.config), encoding="utf-8")

    def _read(self, folder: Path, task: Task) -> Run:
        refused = attempts(folder)
        path = folder / "result.json"
        if not path.exists():
            return Run(error="the run ended without a result", refused=refused)
        result = json.loads(path.read_text(encoding="utf-8"))
        made = Run(files=tuple(result["files"]), refused=refused)
        if "error" in result:
            return replace(made, error=str(result["error"]))
        if task.mode == "readers":
            return replace(made, readers=result["readers"])
        if task.mode == "callbacks":
            return replace(made, calls=json.loads((folder / "calls.json").read_text(encoding="utf-8")))
        frames = {
            pair: pd.read_parquet(folder / f"frame_{number}.parquet")
            for number, pair in enumerate(self.pairs)
            if (folder / f"frame_{number}.parquet").exists()
        }
        return replace(made, frames=frames, startup=int(result["startup"]))


def _configuration(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise InputError(f"the configuration cannot be read: {problem}", where=str(path)) from None
    if not isinstance(found, dict):
        raise InputError("a configuration is a mapping", where=str(path))
    # Secrets and addresses are nobody's business in an audit.
    return {name: value for name, value in found.items() if name not in {"exchange", "telegram", "api_server"}}


def _written_out(text: str) -> list[str]:
    """Return the whole paths that stand in a text, long ones first."""
    return sorted(set(re.findall(r"[\"'](/[^\"'\n]{3,400})[\"']", text)), key=len, reverse=True)


def _absolute(text: str, root: Path) -> list[Path]:
    """Return files near the strategy that its text names by their whole path."""
    paths = [Path(item) for item in _written_out(text) if Path(item).suffix not in _CODE]
    return [item for item in paths if item.is_file() and item.resolve().is_relative_to(root)]


def _bundle(strategy: Path, user_data: Path, data: Path | None, place: str) -> tuple[str, ...]:
    """Copy the strategy with the files beside it, and the model folders of a usual user directory.

    Returns the files that it names by their whole path and that no run will see.
    """
    folder = user_data / "strategies"
    folder.mkdir(parents=True)
    text = strategy.read_text(encoding="utf-8")
    for root in {str(data.absolute()), str(data.resolve())} if data else ():
        text = text.replace(root, place)
    for path in _absolute(text, strategy.resolve().parent.parent):
        # A run sees its own folder only, so a path that is written out leads to a copy there.
        shutil.copy2(path, user_data / path.name)
        text = text.replace(str(path), f"user_data/{path.name}")
    (folder / strategy.name).write_text(text, encoding="utf-8")
    _beside(strategy, folder)
    for name in ("models", "model", "freqaimodels"):
        beside = strategy.parent.parent / name
        if strategy.parent.name == "strategies" and beside.is_dir():
            shutil.copytree(beside, user_data / name, ignore=_LEFT_OUT, dirs_exist_ok=True)
    return tuple(item for item in _written_out(text) if Path(item).is_file())


def _names(text: str, path: Path) -> bool:
    """Say whether a source names a file; a name without a suffix is a word as well, and has to stand in quotes."""
    if path.suffix:
        return path.name in text
    return re.search(rf"[\"'/]{re.escape(path.name)}[\"']", text) is not None


def _beside(strategy: Path, folder: Path) -> None:
    """Copy the files and the folders of models that lie beside a strategy."""
    copied = 0
    for path in sorted(strategy.parent.iterdir()):
        if path.name == strategy.name or path.is_symlink() or path.name.startswith("."):
            continue
        if path.is_file() and path.suffix != ".feather":
            copied += path.stat().st_size
            if copied <= MOST_BESIDE_BYTES:
                shutil.copy2(path, folder / path.name)
        elif path.is_dir() and path.name in {"models", "model", "artifacts"}:
            shutil.copytree(path, folder / path.name, ignore=_LEFT_OUT, dirs_exist_ok=True)
