from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.synthetic import planted_market
from crypto_team.errors import InputError, WorkerError
from crypto_team.executors import run_child
from crypto_team.features import frame_audit
from crypto_team.features.causality import audit_python
from crypto_team.features.plan import compile_formulas
from crypto_team.features.python_features import compute_python
from crypto_team.features.verdicts import compared, robust_spread

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.features.verdicts import ColumnVerdict

HEAD = "import numpy as np\nimport pandas as pd\n"
LEAKS = {
    "shift": "return d.close.shift(-1)",
    "far": "return d.close.shift(-500)",
    "centred": "return d.close.rolling(21, center=True).mean()",
    "sample_zscore": "return (d.close - d.close.mean()) / d.close.std()",
    "bfill": "return d.close.where(d.close > d.open).bfill()",
    "interpolate": "return d.close.where(d.close > d.open).interpolate()",
    "reversed": "return d.close[::-1].cumsum()[::-1]",
    "day_max": "return d.groupby(d.timestamp.dt.floor('D')).high.transform('max')",
    "resampled": "daily = d.set_index('timestamp').close.resample('1D').last();"
    " return daily.reindex(d.timestamp, method='ffill').values",
    "quantile": "return (d.close > d.close.quantile(0.9)).astype(float)",
    "rank": "return d.close.rank(pct=True)",
    "tiny": "return d.close.rolling(5).mean() + 1e-6 * d.close.shift(-1).fillna(0)",
    "volume": "return d.close.pct_change() * d.volume.shift(-2)",
    "diff": "return d.close.diff(-3)",
    "fourier": "return np.fft.irfft(np.fft.rfft(d.close.values)[:50], len(d))",
    "last": "return d.close / d.close.iloc[-1]",
    "polynomial": "return np.polyval(np.polyfit(np.arange(len(d)), d.close, 3), np.arange(len(d)))",
    "length": "return pd.Series(np.arange(len(d)) / len(d))",
    "month_start": "x = d.close.rolling(5).mean(); m = d.timestamp.dt.day.eq(1) & d.timestamp.dt.hour.eq(0);"
    " x[m] = d.close.shift(-1)[m]; return x",
    "one_hour": "x = d.close.rolling(5).mean(); m = d.timestamp.dt.hour == 7; x[m] = d.close.shift(-1)[m]; return x",
    "one_weekday": "x = d.close.rolling(5).mean(); m = d.timestamp.dt.weekday == 2; x[m] = d.close.shift(-1)[m];"
    " return x",
    "masked": "x = d.close.shift(-1); x.iloc[5] = 1e15; x.iloc[6] = 1e8 * np.random.default_rng().random(); return x",
    "early": "x = d.close.rolling(5).mean(); x.iloc[:1000] = d.close.shift(-1).iloc[:1000]; return x",
    "no_volume": "x = d.close.rolling(5).mean(); m = d.volume == 0; x[m] = d.close.shift(-1)[m]; return x",
}
HONEST = {
    "dated_without_knowledge": "start = pd.Timestamp('2023-06-01', tz='UTC');"
    " return ((d.timestamp - start) // pd.Timedelta('1h')).map(lambda k: (k * 7919) % 13 / 13.0)",
    "rolling": "return d.close / d.close.rolling(24).mean()",
    "exponential": "return d.close.ewm(span=20).mean()",
    "expanding": "return d.close.expanding(20).std()",
    "cumulated": "return d.volume.cumsum()",
    "lagged": "return d.close.shift(3)",
    "day_so_far": "return d.groupby(d.timestamp.dt.floor('D')).high.cummax()",
    "filled": "return d.close.where(d.close > d.open).ffill()",
    "hour": "return np.sin(d.timestamp.dt.hour / 24 * 2 * np.pi) + d.timestamp.dt.weekday + d.timestamp.dt.month",
    "yesterday": "daily = d.set_index('timestamp').close.resample('1D').last().shift(1);"
    " return daily.reindex(d.timestamp, method='ffill').values",
    "seeded": "return d.close.values * np.random.default_rng(1).normal(size=len(d)).cumsum()",
}


@pytest.fixture(scope="module")
def market() -> pd.DataFrame:
    frame = planted_market(seed=3, bars=2_500, timeframe="1h", oracle_sharpe=2.0).frame
    frame.loc[np.arange(100, 2_500, 300), "volume"] = 0.0
    return frame


def audit(tmp_path: Path, body: str, market: pd.DataFrame, head: str = HEAD) -> list[ColumnVerdict]:
    path = tmp_path / "feature.py"
    path.write_text(f"{head}def feature(d):\n    {body}\n")
    return audit_python(path, "feature", {"BTC/USD": market}, seed=5)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory, market: pd.DataFrame) -> dict[str, ColumnVerdict]:
    """Audit all of them as columns of one function, which costs as much as one of them."""
    path = tmp_path_factory.mktemp("code") / "feature.py"
    bodies = {**LEAKS, **HONEST}
    functions = [f"def {name}_(d):\n    {body}\n" for name, body in bodies.items()]
    columns = ", ".join(f"{name!r}: np.asarray({name}_(d.copy()), dtype=float)" for name in bodies)
    path.write_text(f"{HEAD}{''.join(functions)}def feature(d):\n    return pd.DataFrame({{{columns}}})\n")
    return dict(zip(bodies, audit_python(path, "feature", {"BTC/USD": market}, seed=5), strict=True))


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_refused_with_the_probe_and_the_row_that_show_it(
    verdicts: dict[str, ColumnVerdict], name: str
) -> None:
    assert not verdicts[name].causal
    assert 0 <= verdicts[name].row <= verdicts[name].cut
    assert verdicts[name].expected != verdicts[name].got


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_feature_survives_every_probe(verdicts: dict[str, ColumnVerdict], name: str) -> None:
    assert verdicts[name].causal, verdicts[name].explanation


def test_a_function_that_tosses_a_coin_is_refused(tmp_path: Path, market: pd.DataFrame) -> None:
    (verdict,) = audit(tmp_path, "return d.close if np.random.random() < 0.5 else d.close * np.nan", market)
    assert not verdict.causal


def test_a_function_that_remembers_the_whole_series_is_caught(tmp_path: Path, market: pd.DataFrame) -> None:
    head = HEAD + "seen = {}\n"
    body = (
        "seen.update(zip(d.timestamp, d.close)) if len(d) > len(seen) else None;"
        " return pd.Series([seen.get(t + pd.Timedelta('1h'), 0.0) for t in d.timestamp])"
    )
    (verdict,) = audit(tmp_path, body, market, head)
    assert not verdict.causal


def test_every_column_of_a_frame_gets_its_own_verdict(tmp_path: Path, market: pd.DataFrame) -> None:
    verdicts = audit(tmp_path, "return pd.DataFrame({'a': d.close, 'b': d.close.shift(-1)})", market)
    assert [item.causal for item in verdicts] == [True, False]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return 1 / 0", "ZeroDivisionError"),
        ("return d.close.iloc[:-1]", "rows for"),
        ("import socket; socket.create_connection(('127.0.0.1', 9)); return d.close", "not allowed"),
        ("import subprocess; subprocess.run(['true']); return d.close", "not allowed"),
        ("open('/tmp/escaped', 'w').write('x'); return d.close", "not allowed"),
        ("import os; os.remove('/etc/hostname'); return d.close", "not allowed"),
        ("return d.close + len(open('/etc/hostname').read())", "not allowed"),
        ("import numpy; numpy.load('../0/bars.npy'); return d.close", "not allowed"),
        ("import os; os._exit(0)", "instead of returning"),
        ("raise SystemExit(0)", "SystemExit"),
        ("return pd.DataFrame({i: d.close for i in range(1 + len(d) % 2)})", "number of columns"),
        ("return pd.DataFrame(index=d.index)", "number of columns"),
        ("return d.close.astype(str) + 'x'", "could not convert"),
        ("return d.close + np.random.normal(size=len(d))", "chance without a fixed seed"),
    ],
)
def test_code_that_fails_or_reaches_out_is_refused_in_one_sentence(
    tmp_path: Path, market: pd.DataFrame, body: str, words: str
) -> None:
    (verdict,) = audit(tmp_path, body, market)
    assert not verdict.causal
    assert words in verdict.explanation
    assert "Traceback" not in verdict.explanation


def test_a_leak_in_an_early_part_of_a_long_series_is_found(
    tmp_path: Path, market: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_audit, "MOST_BARS", 1_000)
    day = market["timestamp"].iloc[1_400]
    body = (
        f"x = d.close.rolling(5).mean(); m = d.timestamp < pd.Timestamp('{day}'); x[m] = d.close.shift(-9)[m]; return x"
    )
    assert [verdict.causal for verdict in audit(tmp_path, body, market)] == [False]


def test_libraries_that_load_code_of_their_own_can_be_used(tmp_path: Path, market: pd.DataFrame) -> None:
    body = "return scipy.signal.lfilter([0.1], [1.0, -0.9], d.close.values)"
    (verdict,) = audit(tmp_path, body, market, HEAD + "import scipy.signal\n")
    assert verdict.causal, verdict.explanation


def test_what_a_library_opens_itself_stays_out_of_reach(tmp_path: Path, market: pd.DataFrame) -> None:
    if not _kernel_confines(tmp_path):
        pytest.skip("this kernel cannot confine processes (Landlock)")
    market.to_parquet(tmp_path / "answers.parquet")
    for body, words in (
        (f"return pd.read_parquet('{tmp_path}/answers.parquet').close", "outside of its own folder is not allowed"),
        (f"d.to_parquet('{tmp_path}/escaped.parquet'); return d.close", "Permission denied"),
    ):
        (verdict,) = audit(tmp_path, body, market)
        assert not verdict.causal
        assert words in verdict.explanation
    assert not (tmp_path / "escaped.parquet").exists()


def _kernel_confines(folder: Path) -> bool:
    code = "import pathlib, sys\nfrom crypto_team.sandbox import confine\nprint(confine(pathlib.Path(sys.argv[1])))"
    return "True" in run_child([sys.executable, "-c", code, str(folder)], folder, seconds=30, memory_mb=1024)


def test_a_feature_may_be_built_on_formulas(tmp_path: Path, market: pd.DataFrame) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mine.py").write_text(
        "import numpy as np\nfrom crypto_team.features.plan import compile_formulas\n"
        "def strength(d):\n"
        "    plan = compile_formulas(['rsi(close, 14)'])\n"
        "    return plan.compute({'close': d.close.to_numpy()}, np.arange(len(d)))[:, 0]\n"
    )
    values = compute_python("code/mine.py:strength", tmp_path, market)
    plan = compile_formulas(["rsi(close, 14)"])
    expected = plan.compute({"close": market["close"].to_numpy()}, np.arange(len(market), dtype=np.int64))[:, 0]
    assert np.allclose(values, expected, equal_nan=True)


def test_a_feature_is_computed_in_the_rows_of_its_bars(tmp_path: Path, market: pd.DataFrame) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mine.py").write_text("def double(d):\n    return d.close * 2\n")
    values = compute_python("code/mine.py:double", tmp_path, market)
    assert np.array_equal(values, market["close"].to_numpy() * 2)
    with pytest.raises(WorkerError, match="no function"):
        compute_python("code/mine.py:other", tmp_path, market)
    with pytest.raises(InputError, match="missing"):
        compute_python("code/gone.py:double", tmp_path, market)


def test_the_noise_of_one_row_excuses_no_other() -> None:
    whole = np.arange(10.0)
    noise = np.where(np.arange(10) == 1, 1e9, 0.0)
    changed = whole.copy()
    changed[[1, 4]] += 1e-9
    found = compared("x", "A/B", ("truncated", 7), whole, changed, noise)
    assert found is not None
    assert (found.row, found.causal) == (4, False)


def test_a_few_huge_values_do_not_widen_the_spread() -> None:
    values = np.arange(1000.0)
    usual = robust_spread(values)
    values[:3] = 1e15
    assert robust_spread(values) == pytest.approx(usual, rel=0.01)
    assert robust_spread(np.r_[np.zeros(96), 1.0, 2.0, 3.0, np.nan]) == pytest.approx(2.0, abs=0.1)
    assert robust_spread(np.full(5, np.nan)) == 0.0


def test_a_function_that_leaks_on_many_bars_only_is_caught(tmp_path: Path) -> None:
    market = planted_market(seed=4, bars=9_000, timeframe="1h", oracle_sharpe=0.0).frame
    path = tmp_path / "mine.py"
    path.write_text(f"{HEAD}def feature(d):\n    return d.close.shift(-1 if len(d) > 6000 else 1)\n")
    (verdict,) = audit_python(path, "feature", {"BTC/USD": market})
    assert not verdict.causal
    assert "seed" in verdict.explanation


@pytest.mark.parametrize(
    "trace",
    [
        "sys.argv[1:]",
        "open('/proc/self/cmdline').read().split(chr(0))[3:]",
        "[p for p in pathlib.Path('..').iterdir()]",
        "os.listxattr(2) or os.setxattr(2, 'user.seen', b'1')",
    ],
)
def test_a_job_finds_no_trace_of_other_jobs(trace: str, tmp_path: Path) -> None:
    """What the function looks for is not there, alone or among others; were it there, it would behave while probed."""
    market = planted_market(seed=4, bars=3_000, timeframe="1h", oracle_sharpe=0.0).frame
    path = tmp_path / "mine.py"
    body = f"    try:\n        found = bool({trace})\n    except (OSError, PermissionError):\n        found = False\n"
    path.write_text(
        f"{HEAD}import os, pathlib, sys\ndef feature(d):\n{body}    return d.close.shift(1 if found else -1)\n"
    )
    (verdict,) = audit_python(path, "feature", {"BTC/USD": market})
    assert not verdict.causal


@pytest.mark.parametrize(
    "body",
    [
        "import os; os.mkdir('sub'); os.chdir('sub'); os.symlink('../request.json', '../result.npy'); os._exit(0)",
        "import ctypes, os; ctypes.CDLL(None).symlink(b'/etc/hostname', b'result.npy'); os._exit(0)",
        "import os; np.save('result.npy', np.zeros((7, 1))); os._exit(0)",
        "import os; open('result.npy', 'wb').write(b'not numbers'); os._exit(0)",
    ],
)
def test_a_result_that_a_job_did_not_compute_is_not_read(body: str, tmp_path: Path, market: pd.DataFrame) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"{HEAD}def feature(d):\n    {body}\n")
    (verdict,) = audit_python(path, "feature", {"BTC/USD": market})
    assert not verdict.causal
    assert verdict.probe == "run"
