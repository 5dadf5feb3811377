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
