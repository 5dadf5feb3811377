"""The wheel alone, without extras, is enough to validate somebody else's repository."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, install it into a fresh virtual environment, and return the installed command."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    wheel = next(folder.glob("*.whl"))
    venv.create(folder / "venv", with_pip=True)
    install = [str(folder / "venv/bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*install, "-c", str(ROOT / "constraints.txt"), str(wheel)], check=True, capture_output=True)
    return folder / "venv/bin/crypto-team"


def run(command: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the installed command away from the source tree."""
    environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return subprocess.run(
        [str(command), *arguments], capture_output=True, text=True, check=False, cwd=cwd, env=environment
    )


def test_the_installed_wheel_helps_makes_a_workspace_and_validates_it(command: Path, tmp_path: Path) -> None:
    shown = run(command, "--help", cwd=tmp_path)
    assert shown.returncode == 0
    assert "ml-engineer" in shown.stdout
    made = run(command, "init", "--path", "work", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    checked = run(command, "validate", cwd=tmp_path / "work")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_missing_extra_is_an_error_that_names_it(command: Path, tmp_path: Path) -> None:
    run(command, "init", "--path", "work", cwd=tmp_path)
    (tmp_path / "candles.csv").write_text("timestamp,open,high,low,close,volume\n")
    asked = ("data", "import", str(tmp_path / "candles.csv"), "--exchange", "binance", "--pair", "BTC/USDT")
    done = run(command, *asked, "--timeframe", "1h", cwd=tmp_path / "work")
    assert done.returncode == 2, done.stderr
    assert "crypto-team[ml]" in done.stderr
    assert "Traceback" not in done.stderr
    shown = run(command, "demo", cwd=tmp_path)
    assert shown.returncode == 2, shown.stderr
    assert "crypto-team[ml]" in shown.stderr
    assert "bug" not in shown.stderr


def test_the_installed_wheel_refuses_a_broken_record(command: Path, tmp_path: Path) -> None:
    run(command, "init", "--path", "work", cwd=tmp_path)
    entry = tmp_path / "work/.crypto/knowledge/registry/STR-001.yaml"
    entry.parent.mkdir(parents=True, exist_ok=True)
    entry.write_text("schema_version: 1\nstrategy_id: STR-001\nname: [unclosed\n")
    done = run(command, "validate", cwd=tmp_path / "work")
    assert done.returncode == 1
    assert "STR-001.yaml" in done.stdout
    assert "Traceback" not in done.stderr
