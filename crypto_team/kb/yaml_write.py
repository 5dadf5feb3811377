"""The canonical form: block style, declared order, text quoted wherever another loader might disagree."""

from __future__ import annotations

import math
import re
from typing import Any

import yaml


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # chosen at run time
    """Writes the canonical form."""


def _text(dumper: Any, value: str) -> Any:
    if "\n" in value and not re.search(r"[ \t]\n|[^\x20-\x7e\n\u00a0-\uffff]", value):
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|")
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_/.@+ -]*[A-Za-z0-9_]|[A-Za-z_]", value)
    odd = value.lower() in {"yes", "no", "on", "off", "y", "n", "true", "false", "null", "nan", "inf"}
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain and not odd else '"')


def _number(dumper: Any, value: float) -> Any:
    """Write a float so that every loader reads a float: the exponent form needs a point for YAML 1.1."""
    text = {float("inf"): ".inf", float("-inf"): "-.inf"}.get(value) or (".nan" if math.isnan(value) else repr(value))
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")
    if "e" in text and "e-" not in text and "e+" not in text:
        text = text.replace("e", "e+")
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)


def dump_data(data: Any) -> str:
    """Write plain data in canonical form."""
    made: str = yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100, default_flow_style=False
    )
    return made
