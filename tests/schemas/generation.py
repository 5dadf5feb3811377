"""Documents made from the published JSON Schemas: mostly right, with something wrong in some place."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**7),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer()),
    st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), max_size=12),
    st.just([]),
    st.just({}),
    st.just({"surprise": 1}),
)


def made_from(schema: dict[str, Any], *, errors: bool) -> st.SearchStrategy[Any]:
    """Return documents that fit a schema; with `errors`, now and then a value is replaced by something else."""
    right = _right(schema, errors)
    if not errors:
        return right
    return st.integers(0, 19).flatmap(lambda dice: JUNK if dice == 0 else right)


def _right(schema: dict[str, Any], errors: bool) -> st.SearchStrategy[Any]:
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([made_from(option, errors=errors) for option in schema["anyOf"]])
    kind = schema.get("type")
    if kind == "object":
        return _mapping(schema, errors)
    if kind == "array":
        item = made_from(schema.get("items", {}), errors=errors)
        low = schema.get("minItems", 0)
        return st.lists(item, min_size=low, max_size=max(low, min(schema.get("maxItems", 3), 3)))
    return _scalar(schema, kind)


def _scalar(schema: dict[str, Any], kind: str | None) -> st.SearchStrategy[Any]:
    if kind == "string":
        if "pattern" in schema:
            return st.from_regex(schema["pattern"].rstrip("$"), fullmatch=True)
        low = schema.get("minLength", 0)
        return st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), min_size=low, max_size=low + 12)
    if kind == "integer":
        return st.integers(schema.get("minimum", -50), schema.get("maximum", schema.get("minimum", 0) + 1000))
    if kind == "number":
        low = schema.get("minimum", schema.get("exclusiveMinimum", -10.0))
        high = schema.get("maximum", schema.get("exclusiveMaximum", low + 20.0))
        return st.floats(low, high, exclude_min="exclusiveMinimum" in schema, exclude_max="exclusiveMaximum" in schema)
    return {"boolean": st.booleans(), "null": st.none()}.get(kind or "", JUNK)


def _mapping(schema: dict[str, Any], errors: bool) -> st.SearchStrategy[Any]:
    fields = schema.get("properties")
    if fields is None:
        value = made_from(schema.get("additionalProperties") or {}, errors=errors)
        return st.dictionaries(st.from_regex("[a-z]{1,6}", fullmatch=True), value, max_size=3)
    needed = {name: made_from(fields[name], errors=errors) for name in schema.get("required", [])}
    optional = {name: made_from(part, errors=errors) for name, part in fields.items() if name not in needed}
    return st.fixed_dictionaries(needed, optional=optional)
