"""JSON Schemas (2020-12) of all records, for editors and for checks outside of Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from crypto_team.schemas import RECORDS
from crypto_team.schemas.migrations import latest

if TYPE_CHECKING:
    from pydantic_core import core_schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"
BEYOND = "Rules between fields stand in the Python model; `crypto-team validate` checks them."


class _Marked(GenerateJsonSchema):
    """Marks the parts whose rules between fields JSON Schema cannot say."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Return the schema of one model."""
        found = super().model_schema(schema)
        if schema["cls"].__pydantic_decorators__.model_validators:
            found["$comment"] = BEYOND
        return found


def json_schema(kind: str) -> dict[str, Any]:
    """Return the dereferenced JSON Schema of one kind of record."""
    raw = RECORDS[kind].model_json_schema(schema_generator=_Marked)
    definitions = raw.pop("$defs", {})
    body: dict[str, Any] = _resolved(raw, definitions)
    return {"$schema": DIALECT, "$id": f"urn:crypto-team:schema:{kind}:{latest(kind)}", **body}


def _resolved(node: Any, definitions: dict[str, Any]) -> Any:
    """Replace every reference by what it refers to; the models are trees, so this ends."""
    if isinstance(node, list):
        return [_resolved(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = definitions[node["$ref"].removeprefix("#/$defs/")]
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return _resolved({**target, **rest}, definitions)
    return {key: _resolved(value, definitions) for key, value in node.items()}
