"""Turns what pydantic says about a document into findings with a place and a hint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crypto_team.kb import remedies
from crypto_team.schemas.base import in_words

if TYPE_CHECKING:
    from pydantic import BaseModel

    from crypto_team.kb.yaml import Marked
    from crypto_team.schemas.outcome import Finding


def escaped(key: str) -> str:
    """Write a key as a part of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def explain(document: Marked, model: type[BaseModel], problem: Any) -> Finding:
    """Turn one pydantic error into a finding with its place and a hint."""
    pointer = "".join(f"/{escaped(str(part))}" for part in problem["loc"])
    message, fields = in_words(problem), list[str]()
    if problem["type"] == "extra_forbidden":
        name = str(problem["loc"][-1])
        message, fields = f"unknown field {name!r}", _fields(model, problem["loc"][:-1])
    elif problem["type"] == "missing":
        message = f"the field {problem['loc'][-1]!r} is missing"
    else:
        message = f"{'.'.join(str(part) for part in problem['loc']) or 'document'}: {message}"
    hint = remedies.of_value(problem, fields)
    return document.finding(str(problem["type"]).replace("_", "-"), message, pointer, hint)


def _fields(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    """Return the field names of the part of a model that a path leads to."""
    schema = model.model_json_schema()
    node: dict[str, Any] = schema
    for part in path:
        node = _resolve(schema, node)
        node = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
    return list(_resolve(schema, node).get("properties", {}))


def _resolve(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    for option in node.get("anyOf", []):
        if "$ref" in option:
            node = option
    if "$ref" in node:
        found: dict[str, Any] = schema["$defs"][node["$ref"].rpartition("/")[2]]
        return found
    return node
