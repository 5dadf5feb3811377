"""The audit of functions of several frames: who looks ahead is named with what shows it, who does not is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.synthetic import planted_market
from crypto_team.errors import InputError, WorkerError
from crypto_team.features import audited_function
from crypto_team.features.frame_audit import audit_frames
from crypto_team.features.probes import source, variants
from crypto_team.features.python_frames import OHLCV

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.features.probes import Decision
    from crypto_team.features.verdicts import ColumnVerdict

RULES = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
HEAD = """
import numpy as np
import pandas as pd

def joined(ohlcv, frame, ahead, lag):
    known = (frame["timestamp"] + pd.Timedelta(lag)).astype(ohlcv["timestamp"].dtype)
    right = pd.DataFrame({"known": known, "value": frame.iloc[:, -2].to_numpy()})
    left = pd.DataFrame({"at": (ohlcv["timestamp"] + pd.Timedelta(ahead)).astype(ohlcv["timestamp"].dtype)})
    return pd.merge_asof(left, right, left_on="at", right_on="known")["value"].to_numpy()

def features(ohlcv, aux):
    c, v, made = ohlcv["close"], ohlcv["volume"], {}
"""
BODY = {
    "ok_move": "c.pct_change(5)",
    "ok_four_at_its_close": "joined(ohlcv, aux['four'], '1h', '4h')",
    "ok_four_later": "joined(ohlcv, aux['four'], '0h', '4h')",
    "ok_words": "np.where(c > c.shift(1), 'up', 'down')",
    "ok_date": "ohlcv['timestamp']",
    "ok_news": "pd.Series(joined(ohlcv, aux['news'].assign(timestamp=aux['news']['known_at']), '1h', '0h'))",
    "leak_next": "c.shift(-1)",
    "leak_four_at_its_open": "joined(ohlcv, aux['four'], '1h', '0h')",
    "leak_four_one_bar_early": "joined(ohlcv, aux['four'], '2h', '4h')",
    "leak_four_last": "c / aux['four']['close'].iloc[-1]",
    "leak_four_count": "c * 0 + len(aux['four'])",
    "leak_news_at_its_time": "joined(ohlcv, aux['news'], '1h', '0h')",
    "leak_far": "c.shift(-700)",
    "leak_tiny": "c.rolling(5).mean() + 1e-7 * c.shift(-1).fillna(0)",
    "leak_other_index": "c[::-1].cumsum()",
    "leak_words": "np.where(c.shift(-1) > c, 'up', 'down')",
}


@pytest.fixture(scope="module")
def frames() -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    bars = planted_market(seed=3, bars=2_500, timeframe="1h", oracle_sharpe=2.0).frame
    bars["trades"] = np.arange(2_500) % 17
    four = bars.set_index("timestamp").resample("4h").agg(RULES).dropna().reset_index()
    days = pd.date_range(bars["timestamp"].iloc[0], periods=100, freq="D").astype(bars["timestamp"].dtype)
    mood = np.random.default_rng(1).normal(size=100)
    news = pd.DataFrame({"timestamp": days, "mood": mood, "known_at": days + pd.Timedelta("30h")})
    return bars, {"four": four, "news": news}


def _run(folder: Path, code: str, frames: tuple, decision: Decision = "close") -> dict[str, ColumnVerdict]:
    path = folder / "code.py"
    path.write_text(code)
    found = audit_frames(path, "features", frames[0], frames[1], decision=decision, seed=4)
    return {item.column: item for item in found.verdicts}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory, frames: tuple) -> dict[str, ColumnVerdict]:
    lines = "".join(f"    made[{name!r}] = {text}\n" for name, text in BODY.items())
    return _run(tmp_path_factory.mktemp("code"), f"{HEAD}{lines}    return pd.DataFrame(made)\n", frames)


@pytest.mark.parametrize("name", BODY)
def test_every_column_gets_the_right_verdict_with_what_shows_it(verdicts: dict[str, ColumnVerdict], name: str) -> None:
    verdict = verdicts[name]
    assert verdict.causal == name.startswith("ok_"), verdict.explanation
    if not verdict.causal:
        assert 0 <= verdict.row <= verdict.cut < 2_500
        assert verdict.expected != verdict.got


def test_a_decision_at_the_open_knows_the_open_and_nothing_else_of_its_bar(tmp_path: Path, frames: tuple) -> None:
    code = f"""{HEAD}
    made["ok_open"] = ohlcv["open"] / c.shift(1)
    made["ok_yesterday"] = c.pct_change().shift(1)
    made["ok_four"] = joined(ohlcv, aux["four"], "0h", "4h")
    made["leak_close"] = c.pct_change()
    made["leak_high"] = ohlcv["high"].rolling(3).max()
    made["leak_trades"] = ohlcv["trades"]
    made["leak_four"] = joined(ohlcv, aux["four"], "1h", "4h")
    return pd.DataFrame(made)
"""
    for name, verdict in _run(tmp_path, code, frames, "open").items():
        assert verdict.causal == name.startswith("ok_"), name


def test_frames_arrive_as_they_were_given(tmp_path: Path, frames: tuple) -> None:
    bars = frames[0].set_index("timestamp").tail(600)
    code = """
def features(ohlcv):
    assert str(ohlcv.index.dtype) == "datetime64[ms, UTC]", ohlcv.index.dtype
    assert list(ohlcv.columns) == ["open", "high", "low", "close", "volume", "trades"]
    return ohlcv["close"].resample("1D").last().shift(1).reindex(ohlcv.index, method="ffill").rename("yesterday")
"""
    assert bars.index.dtype == "datetime64[ms, UTC]"
    found = _run(tmp_path, code, (bars, {}))
    assert found["yesterday"].causal, found["yesterday"].explanation


def test_rows_that_a_function_drops_count_as_unknown(tmp_path: Path, frames: tuple) -> None:
    code = "def features(d):\n    return d[['close']].rolling(30).mean().dropna()\n"
    assert _run(tmp_path, code, (frames[0].tail(500).reset_index(drop=True), {}))["close"].causal
    short = "def features(d):\n    return d.close.to_numpy()[:-1]\n"
    with pytest.raises(InputError, match="499 rows for 500 bars"):
        _run(tmp_path, short, (frames[0].tail(500), {}))


def test_a_probe_that_the_code_refuses_is_noted_and_the_others_decide(tmp_path: Path, frames: tuple) -> None:
    path = tmp_path / "code.py"
    path.write_text("def features(d):\n    assert d.close.notna().all(), 'no holes'\n    return d[['close']].diff()\n")
    found = audit_frames(path, "features", frames[0], {}, seed=1)
    assert found.verdicts[0].causal
    assert any("unknown (NaN)" in note and "no holes" in note for note in found.notes)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def other(d):\n    return d\n", "no function 'features'"),
        ("def features(d):\n    return d.nothing\n", "AttributeError"),
        ("def features(d):\n    return d[[]]\n", "returns no column"),
    ],
)
def test_code_that_cannot_run_is_said_so(tmp_path: Path, frames: tuple, code: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        _run(tmp_path, code, (frames[0].tail(300), {}))


def test_code_that_ends_its_process_is_said_so(tmp_path: Path, frames: tuple) -> None:
    with pytest.raises(WorkerError):
        _run(tmp_path, "import os\ndef features(d):\n    os._exit(0)\n", (frames[0].tail(300), {}))


def test_a_function_that_never_ends_is_run_once_alone_and_no_more(
    tmp_path: Path, frames: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audited_function, "SECONDS", 6.0)
    code = "def features(d):\n    while len(d):\n        pass\n"
    with pytest.raises(WorkerError, match=r"did not end within 6 seconds on all 300 bars, run once and alone"):
        _run(tmp_path, code, (frames[0].tail(300), {}))


def test_every_other_future_keeps_what_was_known_and_changes_what_was_not(frames: tuple) -> None:
    sources = {OHLCV: source(frames[0], OHLCV), "four": source(frames[1]["four"], "four")}
    seen = set()
    for item in variants(sources, "close", np.random.default_rng(0)):
        seen.add(item.probe)
        decision = sources[OHLCV].known[item.row]
        for name, frame in item.frames.items():
            known = int((sources[name].known <= decision).sum())
            pd.testing.assert_frame_equal(
                frame.iloc[:known], sources[name].frame.iloc[:known], check_dtype=False, obj=f"{name} {item.probe}"
            )
            if item.probe != "truncated" and len(frame) > known + 5:
                assert not frame.iloc[known:].equals(sources[name].frame.iloc[known : len(frame)])
    assert len(seen) == 6


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.drop(columns="timestamp"), "no column of times"),
        (lambda d: d.iloc[::-1], "have to ascend, without duplicates: row 2 is not later"),
        (lambda d: d.head(1), "1 row"),
        (lambda d: pd.concat([d, d.tail(1)]), "without duplicates"),
        (lambda d: d.assign(timestamp=np.arange(len(d))), "no timestamps"),
        (lambda d: d.assign(note="x"), "neither numbers nor times"),
    ],
)
def test_frames_that_cannot_be_cut_are_refused(tmp_path: Path, frames: tuple, change: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        _run(tmp_path, "def features(d):\n    return d[['close']]\n", (change(frames[0].tail(300)), {}))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("code", "words"), [("pd.DataFrame({'a': [1, 2, 3]})", "returned 3 rows"), ("5", "5, which is no frame")]
)
def test_what_belongs_to_no_bars_is_refused(tmp_path: Path, frames: tuple, code: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        _run(tmp_path, f"import pandas as pd\n\ndef features(d):\n    return {code}\n", (frames[0].tail(300), {}))


ROUNDED = """
import numpy as np
import pandas as pd
from scipy.signal import fftconvolve


def features(d):
    c = d["close"]
    r = np.log(c).diff().fillna(0.0).to_numpy()
    kernel = np.exp(-np.arange(200) / 40.0)
    made = {"ok_transform": fftconvolve(r, kernel / kernel.sum())[: len(r)]}
    X = np.column_stack([c.pct_change(k).fillna(0.0) for k in (1, 3, 12, 24)])
    y = (c.shift(-6) / c - 1.0).to_numpy()
    told = np.full(len(c), np.nan)
    for at in range(600, len(c), 400):
        known = X[: at - 6]
        told[at : at + 400] = X[at : at + 400] @ np.linalg.lstsq(known, y[: at - 6], rcond=None)[0]
    made["ok_refitted"] = told
    up = (c.shift(-1) > c).astype(float)
    made["leak_added"] = c.pct_change(14) + 1e-10 * up
    made["leak_between"] = np.where(np.arange(len(c)) % 3 == 0, 1e-11 * up, c.pct_change(14))
    return pd.DataFrame(made)
"""


def test_sums_in_another_order_are_no_leak_and_what_is_smaller_than_they_matter_is(
    tmp_path: Path, frames: tuple
) -> None:
    """A transform or a product over another number of rows rounds otherwise; a leak of 1e-10 is far above that."""
    for name, verdict in _run(tmp_path, ROUNDED, (frames[0], {})).items():
        assert verdict.causal == name.startswith("ok_"), verdict.explanation


QUIET = """
import pandas as pd


def features(d):
    made = {"a": d["close"].diff(), "look": d["close"].shift(-1)}
    try:
        made["a"] = made["a"] + pd.read_parquet(FILE)["close"].shift(-1)
    except Exception:
        pass
    return pd.DataFrame(made)
"""


def test_data_that_the_code_goes_on_without_refuses_it(tmp_path: Path, frames: tuple) -> None:
    """Who swallows the refusal computes something else where nobody refuses."""
    elsewhere = tmp_path / "elsewhere" / "bars.parquet"
    elsewhere.parent.mkdir()
    frames[0].to_parquet(elsewhere)
    (tmp_path / "code").mkdir()
    path = tmp_path / "code" / "code.py"
    path.write_text(QUIET.replace("FILE", repr(str(elsewhere))))
    found = audit_frames(path, "features", frames[0].tail(600), {}, seed=4)
    verdicts = {item.column: item for item in found.verdicts}
    assert not verdicts["a"].causal
    assert "bars.parquet" in verdicts["a"].explanation
    assert verdicts["look"].probe != "files", "what looks ahead anyway keeps its proof"
    assert any("bars.parquet" in note for note in found.notes)


def test_the_list_of_what_was_refused_cannot_be_tampered_with(tmp_path: Path, frames: tuple) -> None:
    code = QUIET.replace("FILE", "'/nowhere/bars.parquet'").replace(
        "    return",
        "    import os\n    for name in os.listdir('.'):\n        if 'attempts' in name:\n"
        "            try:\n                os.remove(name)\n            except OSError:\n                pass\n"
        "            try:\n                open(name, 'w').close()\n            except OSError:\n                pass\n"
        "    return",
    )
    path = tmp_path / "code.py"
    path.write_text(code)
    found = audit_frames(path, "features", frames[0].tail(600), {}, seed=4)
    assert not any(item.causal for item in found.verdicts)
