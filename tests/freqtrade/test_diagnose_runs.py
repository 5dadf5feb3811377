"""How a strategy is laid out for its runs: where its data lie, and what of its paths still leads somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto_team.freqtrade.diagnose_market import synthetic
from crypto_team.freqtrade.diagnose_runs import Bench
from crypto_team.freqtrade.diagnose_source import read_source

pytest.importorskip("freqtrade")
TEXT = """
class Mine(IStrategy):
    timeframe = "5m"
    fd = {fd!r}
    model = {model!r}
    other = {other!r}
"""


@pytest.fixture
def laid_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Bench, str]:
    """A strategy that writes out paths: its data directory (given as a relative path), a model, and something else."""
    user = tmp_path / "user_data"
    for folder in ("strategies", "data/fd", "models"):
        (user / folder).mkdir(parents=True)
    model, other = user / "models" / "m.json", tmp_path / "far" / "other.csv"
    other.parent.mkdir()
    for path in (model, other):
        path.write_text("1")
    text = TEXT.format(fd=f"{user}/data/fd/BTC_USDT-5m.feather", model=str(model), other=str(other))
    strategy = user / "strategies" / "mine.py"
    strategy.write_text(text)
    monkeypatch.chdir(user / "data")
    source = read_source(text, "mine.py")
    bench = Bench(tmp_path / "bench", strategy, source, synthetic(source, 0), data=Path("fd"))
    with bench:
        return bench, (bench.user_data / "strategies" / "mine.py").read_text()


def test_written_out_paths_of_data_and_models_lead_to_the_runs_own(laid_out: tuple[Bench, str]) -> None:
    bench, text = laid_out
    assert bench.place == "user_data/data/fd"
    assert "fd = 'user_data/data/fd/BTC_USDT-5m.feather'" in text
    assert "model = 'user_data/m.json'" in text
    assert (bench.user_data / "m.json").read_text() == "1"


def test_a_file_that_no_run_can_see_is_named(laid_out: tuple[Bench, str]) -> None:
    assert [Path(item).name for item in laid_out[0].unseen] == ["other.csv"]


def test_a_word_of_the_source_is_no_model_and_an_opened_file_is_noted(laid_out: tuple[Bench, str]) -> None:
    bench, _ = laid_out
    for name in ("other", "model"):
        (bench.user_data / "strategies" / name).write_text("a note")
    assert set(bench.mentioned(())) == {"m.json", "models/m.json"}
    assert bench.mentioned(("strategies/model",))[0] == "strategies/model"
