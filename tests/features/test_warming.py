from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from crypto_team.features.compiled import cache_folder
from crypto_team.features.warming import is_warm, warm


def test_warming_what_is_compiled_says_only_that_it_is_ready() -> None:
    warm(lambda share, text: None)
    reports: list[tuple[float, str]] = []
    assert is_warm()
    assert warm(lambda share, text: reports.append((share, text))) is False
    assert reports == [(1.0, "ready")]


def test_the_cache_has_a_folder_for_each_state_of_the_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    name = cache_folder().name
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert cache_folder() == tmp_path / name
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setattr(Path, "is_dir", lambda path: "__pycache__" not in path.parts)
    assert cache_folder() == tmp_path / "crypto-team" / name


@pytest.mark.slow
def test_a_cold_compile_is_reported_part_by_part_and_found_by_the_next_process(tmp_path: Path) -> None:
    code = (
        "from crypto_team.features.warming import warm\nprint(warm(lambda share, text: print(round(share, 2), text)))"
    )
    environment = {"NUMBA_CACHE_DIR": str(tmp_path), "PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])}
    first, second = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment).stdout
        for _ in range(2)
    )
    assert "compiling" in first
    assert first.strip().endswith("True")
    shares = [float(line.split()[0]) for line in first.splitlines()[:-1]]
    assert shares == sorted(shares)
    assert second.split() == ["1.0", "ready", "False"]


@pytest.mark.slow
def test_what_live_trading_calls_is_compiled_ahead_of_time_with_progress(tmp_path: Path) -> None:
    environment = {"NUMBA_CACHE_DIR": str(tmp_path), "PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])}
    code = (
        "from crypto_team.features.warming_all import warm_all\n"
        "print(warm_all(lambda share, text: print(round(share, 2), text)))"
    )
    first, second = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment).stdout
        for _ in range(2)
    )
    assert "compiling trades (once)" in first
    shares = [float(line.split()[0]) for line in first.splitlines()[:-1]]
    assert shares == sorted(shares)
    assert second.split() == ["1.0", "ready", "False"]
    before = {path.name for path in tmp_path.rglob("*.nbc")}
    live = (
        "from crypto_team.features.microstructure import MicroSettings, OnlineMicrostructure\n"
        "online = OnlineMicrostructure(MicroSettings(0.5, 0.1, 1.0))\n"
        "online.snapshot(0, [1, -1], [99.5, 100.0], [1.0, 2.0])\n"
        "online.level(1, 1, 99.5, 2.0)\nonline.message(2, [1], [99.0], [1.0])\n"
        "online.trade(3, 1, 100.0, 0.5)\nonline.trade(4, -1, 99.5, 0.5)\nonline.advance(5)\nonline.gap(6)\n"
        "online.message(7, [1] * 4000, [0.5 * k for k in range(1, 4001)], [1.0] * 4000)\n"
    )
    subprocess.run([sys.executable, "-c", live], check=True, env=environment)
    assert {path.name for path in tmp_path.rglob("*.nbc")} == before


@pytest.mark.slow
def test_any_command_that_has_to_compile_first_says_so(tmp_path: Path) -> None:
    environment = {"NUMBA_CACHE_DIR": str(tmp_path), "PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])}
    code = (
        "import numpy as np\n"
        "from crypto_team.features.watching import COMPILING\n"
        "COMPILING.tell(lambda share, text: print(round(share, 2), text))\n"
        "from crypto_team.features.plan import compile_formulas\n"
        "plan = compile_formulas(['close + 1'])\n"
        "for _ in range(2):\n"
        "    print(plan.compute({'close': np.arange(3.0)}, np.arange(3))[:, 0].tolist())\n"
    )
    first, second = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment).stdout
        for _ in range(2)
    )
    told = first.splitlines()
    assert told[0] == "0.0 compiling arithmetic of two series (once)"
    assert told[-3:] == ["1.0 ready", "[1.0, 2.0, 3.0]", "[1.0, 2.0, 3.0]"]
    assert second.splitlines() == ["[1.0, 2.0, 3.0]"] * 2
