"""What is generated is fresh, and the published JSON Schemas agree with the models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from crypto_team.cli.generate import stale
from crypto_team.schemas import RECORDS
from crypto_team.schemas.published import json_schema

ROOT = Path(__file__).resolve().parents[2]
HASH = "sha256:" + "0" * 64
TIME = "2021-03-04T05:00:00Z"
SAMPLES: dict[str, dict[str, Any]] = {
    "ml_spec": {
        "strategy_id": "STR-001",
        "strategy_name": "momentum",
        "market": {"exchange": "binance", "pairs": ["BTC/USDT"], "timeframe": "1h"},
    },
    "features": {
        "strategy_id": "STR-001",
        "features": [
            {
                "name": "rsi_14",
                "category": "price_action",
                "formula": "rsi(close, 14)",
                "lookback": 15,
                "leakage_safe": True,
            }
        ],
    },
    "dataset": {
        "dataset_id": "DS-001",
        "exchange": "bitstamp",
        "pair": "BTC/USD",
        "timeframe": "1h",
        "trading_mode": "spot",
        "path": "bitstamp/BTC_USD-1h.parquet",
        "content_hash": HASH,
        "rows": 10,
        "first": TIME,
        "last": TIME,
        "source": "a file",
        "registered": TIME,
    },
    "registry": {
        "strategy_id": "STR-001",
        "name": "momentum",
        "type": "ml_based",
        "created": TIME,
    },
    "registry_event": {"strategy_id": "STR-001", "time": TIME, "role": "critic", "event": "doubted"},
    "learning_event": {
        "learning_id": "2021-03-04-critic-0123abcd",
        "time": TIME,
        "role": "lead",
        "fate": "accepted",
    },
    "learning": {
        "learning_id": "2021-03-04-critic-0123abcd",
        "role": "critic",
        "created": TIME,
        "status": "proposed",
        "scope": "all",
        "title": "Costs eat weak signals",
    },
    "policy": {},
    "team": {},
    "ownership": {"rules": [{"kind": "ml_spec", "role": "ml_engineer", "mode": "own"}]},
}
CHANGES: list[tuple[str, str, Any]] = [
    ("ml_spec", "strategy_id", "STR-1"),
    ("ml_spec", "strategy_name", "Not A Slug"),
    ("ml_spec", "surprise", 1),
    ("ml_spec", "market", {"exchange": "binance", "pairs": [], "timeframe": "1h"}),
    ("ml_spec", "market", {"exchange": "binance", "pairs": ["BTC/USDT"], "timeframe": "7m"}),
    ("ml_spec", "costs", {"fee_bps": -1.0}),
    ("ml_spec", "costs", {"fee_bps": "5"}),
    ("ml_spec", "schema_version", 3),
    ("features", "features", [{"name": "x"}]),
    ("dataset", "rows", 0),
    ("dataset", "content_hash", "md5:0"),
    ("registry", "before", {"stage": "lead", "status": "draft", "updated": TIME}),
    ("registry", "stage", "ml_engineer"),
    ("registry_event", "stage", "lead"),
    ("registry_event", "after", ["yesterday"]),
    ("learning_event", "fate", "praised"),
    ("registry", "created", "yesterday"),
    ("learning", "severity", "huge"),
    ("policy", "holdout_fraction", 1.5),
    ("policy", "profile", "lenient"),
    ("ownership", "rules", [{"kind": "ml_spec", "role": "nobody", "mode": "own"}]),
]


def both(kind: str, document: dict[str, Any]) -> tuple[bool, bool]:
    """Return whether pydantic and JSON Schema accept a document."""
    try:
        RECORDS[kind].model_validate(document)
        model = True
    except ValidationError:
        model = False
    return model, Draft202012Validator(json_schema(kind)).is_valid(document)


def test_generated_files_are_fresh() -> None:
    assert stale(ROOT) == [], "run `make generate`"


@pytest.mark.parametrize("kind", RECORDS)
def test_every_published_schema_is_a_valid_schema_without_references(kind: str) -> None:
    schema = json_schema(kind)
    Draft202012Validator.check_schema(schema)
    assert "$ref" not in json.dumps(schema)
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("kind", SAMPLES)
def test_schema_and_model_accept_the_same_documents(kind: str) -> None:
    assert both(kind, SAMPLES[kind]) == (True, True)


@pytest.mark.parametrize(("kind", "field", "value"), CHANGES)
def test_schema_and_model_refuse_the_same_documents(kind: str, field: str, value: object) -> None:
    assert both(kind, {**SAMPLES[kind], field: value}) == (False, False)


@pytest.mark.parametrize("kind", SAMPLES)
def test_schema_and_model_miss_the_same_required_fields(kind: str) -> None:
    for field in json_schema(kind).get("required", []):
        document = {key: value for key, value in SAMPLES[kind].items() if key != field}
        assert both(kind, document) == (False, False), field
