"""The reference page of imported evidence: the files of a folder and their columns."""

from __future__ import annotations

from crypto_team.cli.markdown import table

ABOUT = """\
`crypto-team gate check --evidence DIR --format json` judges a folder of results from anywhere: a notebook, FreqAI,
another framework. It needs no workspace. `crypto-team evidence import DIR --strategy STR-001` keeps the folder in the
knowledge base and books the trials that it declares.

A folder holds `meta.yaml` ([its schema](../../schemas/imported_evidence.json)), optionally `folds.yaml` with the list
`folds`, and the tables below as Parquet or CSV. Times are UTC; naive ones are taken as UTC. A position is decided at
the close of its row's bar and earns the return of the next bar; `return_net` pays `cost_bps_per_side` on every change.
Ranges of folds are half-open.

The verdict is `passed`, `refused` (some check refuses) or `not_enough_evidence` (something demanded is missing or too
little). Every number is recomputed; a stated one that differs is a finding.
"""
MINIMAL = """\
```yaml
timeframe: 1h
horizon_bars: 4
gap_bars: 5
cost_bps_per_side: 7.0
n_trials: 12
label: {kind: direction, definition: close four bars ahead above this close}
feature_names: [rsi_14, volume_z]
model: lightgbm
random_seed: 42
versions: {lightgbm: 4.6.0}
dataset_hashes: ["sha256:..."]
holdout_start: 2024-06-01T00:00:00Z
claims: {sharpe: 1.4}
```
"""


def evidence_page() -> list[str]:
    """Return the parts of the page."""
    from crypto_team.gates.imported.contracts import CONTRACTS
    from crypto_team.gates.policy import OPTIONAL_TABLES

    parts = [ABOUT, "## `meta.yaml`", MINIMAL, "## Which tables are demanded"]
    rows = [
        [f"`{profile}`", ", ".join(f"`{name}`" for name in sorted(names))] for profile, names in OPTIONAL_TABLES.items()
    ]
    parts.append(table(["profile", "may be missing without blocking"], rows))
    for name, contract in CONTRACTS.items():
        columns = [
            [f"`{column}`", said.type, "yes" if said.required else "", said.what, ", ".join(said.aliases)]
            for column, said in contract.columns.items()
        ]
        parts += [f"## `{name}.parquet`", contract.what[:1].upper() + contract.what[1:] + "."]
        parts.append(table(["column", "type", "needed", "meaning", "also called"], columns))
        parts.append(f"Further columns: {contract.extra}." if contract.extra else "")
    return parts
