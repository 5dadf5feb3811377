"""Validation of 10,000 strategies (40,000 YAML files): cold, after nothing changed, after one file changed.

CPU seconds on one core, each in a process of its own, against plain libyaml loading of the same files.
`python benchmarks/bench_validate.py 1000` takes another number of strategies.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from crypto_team.kb import git, workspace
from crypto_team.kb.index_store import place
from crypto_team.kb.yaml import dump
from crypto_team.schemas import FeatureSet, MlSpec, Registration, RegistryEvent

COLD_SECONDS, WARM_SECONDS = 20.0, 1.5
FEATURES = 12
CODE = "import sys; from crypto_team.cli.main import main; sys.exit(main(['validate', '--workspace', sys.argv[1]]))"
PLAIN = (
    "import sys, yaml, pathlib\n"
    "for path in pathlib.Path(sys.argv[1]).rglob('*.yaml'):\n"
    "    yaml.load(path.read_text(), Loader=yaml.CSafeLoader)"
)
SETTINGS = ("-c", "gc.auto=0", "-c", "user.name=b", "-c", "user.email=b@localhost")
TIME = "2026-01-02T03:04:05Z"


def documents(strategy_id: str, number: int) -> tuple[Registration, RegistryEvent, MlSpec, FeatureSet]:
    """Return four records as tools write them."""
    entry = Registration(strategy_id=strategy_id, name=f"momentum_{number}", type="ml_based", created=TIME)
    event = RegistryEvent(
        strategy_id=strategy_id,
        time=TIME,
        role="ml_engineer",
        event="measured",
        status="in_progress",
        metrics={"oos_sharpe": number % 300 / 100, "oos_max_drawdown": -0.2},
    )
    target = {"type": "classification", "kind": "direction", "horizon": "24bars", "horizon_bars": 24}
    spec = MlSpec.model_validate(
        {
            "strategy_id": strategy_id,
            "strategy_name": f"momentum_{number}",
            "hypothesis": "Flows that follow a trend are slow, because large orders are split over hours.",
            "market": {"exchange": "binance", "pairs": ["BTC/USDT"], "timeframe": "1h"},
            "target": {**target, "definition": "close[t+24] / close[t] - 1 > 0"},
            "out_of_sample": {
                "bars": 1000,
                "folds": 5,
                "sharpe": number % 300 / 100,
                "total_return": 0.2,
                "max_drawdown": -0.2,
                "n_trades": 120,
                "hit_rate": 0.6,
                "information_coefficient": 0.05,
            },
        }
    )
    features = [
        {
            "name": f"rsi_{n + number % 50}",
            "category": "price_action",
            "formula": f"rsi(close, {n + number % 50})",
            "lookback": n + number % 50,
            "leakage_safe": True,
        }
        for n in range(3, 3 + FEATURES)
    ]
    return entry, event, spec, FeatureSet.model_validate({"strategy_id": strategy_id, "features": features})


def fill(root: Path, count: int) -> Path:
    """Make a workspace with so many strategies, committed; return its root."""
    layout = workspace.init(root)
    for number in range(1, count + 1):
        strategy_id = f"STR-{number:03d}"
        entry, event, spec, features = documents(strategy_id, number)
        texts = {
            layout.registry_entry(strategy_id): dump(entry, schema="registry"),
            layout.registry_event(strategy_id, event.event_id): dump(event, schema="registry_event"),
            layout.ml_spec(strategy_id): dump(spec, schema="ml_spec"),
            layout.features(strategy_id): dump(features, schema="features"),
        }
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    from crypto_team.kb import views

    views.refresh(layout)
    git.run(root, "add", "-A")
    git.run(root, *SETTINGS, "commit", "-q", "-m", "filled")
    return root


def cpu_seconds(code: str, root: Path) -> float:
    """Return user and system time of one process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, check=False, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, (done.stdout + done.stderr)[:2000]
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(count: int) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = fill(Path(folder) / "work", count)
        time.sleep(2.1)  # files younger than two seconds are hashed again
        plain, cold = cpu_seconds(PLAIN, root / ".crypto/knowledge"), cpu_seconds(CODE, root)
        warm = sorted(cpu_seconds(CODE, root) for _ in range(5))[2]
        features = root / ".crypto/knowledge/strategies/STR-001/features.yaml"
        features.write_text(features.read_text() + "# looked at\n", encoding="utf-8")
        one = cpu_seconds(CODE, root)
        from crypto_team.kb.paths import Layout

        index = place(Layout(root.resolve()))
        size = index.stat().st_size if index else 0
    print(f"{count} strategies, {4 * count} YAML files, {FEATURES} features each; index {size / 1e6:.0f} MB")
    print(f"yaml.CSafeLoader alone   {plain:7.2f} s")
    print(f"validate, cold           {cold:7.2f} s  ({cold / plain:.2f} times; target at most {COLD_SECONDS:.0f} s)")
    print(f"validate, nothing new    {warm:7.2f} s  ({warm / cold:.3f} of cold; target at most {WARM_SECONDS} s)")
    print(f"validate, one file new   {one:7.2f} s")
    scale = count / 10_000
    missed = [
        name
        for name, value, limit in (("cold", cold, COLD_SECONDS * scale), ("warm", warm, WARM_SECONDS * max(scale, 1)))
        if value > limit
    ]
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
