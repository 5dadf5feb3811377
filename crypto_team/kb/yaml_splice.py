"""Changing one value in a document that people edit: everything else, comments and order included, stays as it is."""

from __future__ import annotations

from typing import Any

import yaml

from crypto_team.errors import InputError
from crypto_team.kb.explain import escaped
from crypto_team.kb.yaml_read import FindingsError, Loader, read_plain
from crypto_team.kb.yaml_write import dump_data


def splice(text: str, pointer: str, value: str | float | bool | None, *, where: str) -> str:
    """Return the text with the scalar at a JSON pointer replaced; the result is read again to be sure.

    Raises
    ------
    InputError
        Nothing stands at the pointer, or more than one value does.
    FindingsError
        The text is not a document that the loader reads.
    """
    before = read_plain(text, where)
    node: Any = yaml.compose(text, Loader=Loader)
    for part in pointer.split("/")[1:]:
        node = _child(node, part)
    if not isinstance(node, yaml.ScalarNode):
        raise InputError(f"no single value stands at {pointer}", where=where, hint="set it by hand")
    start, end = _offset(text, node.start_mark), _offset(text, node.end_mark)
    gap, tail = " " if start and text[start - 1] == ":" else "", "\n" if text[start:end].endswith("\n") else ""
    made = text[:start] + gap + _written(value) + tail + text[end:]
    if not _reads_as(made, where, _replaced(before, pointer.split("/")[1:], value)):
        raise InputError(f"the value at {pointer} cannot be replaced in place", where=where, hint="edit it by hand")
    return made


def comments(text: str) -> frozenset[str]:
    """Return the comments of a YAML text: what the scanner leaves out and is neither space nor a part of a value."""
    starts = [(token.start_mark, token.end_mark) for token in yaml.scan(text, Loader=Loader)]
    covered = [(_offset(text, start), _offset(text, end)) for start, end in starts if start.index != end.index]
    gaps = zip([0, *(end for _, end in covered)], [*(start for start, _ in covered), len(text)], strict=True)
    lines = (line.strip() for start, end in gaps for line in text[start:end].splitlines())
    return frozenset(line for line in lines if line.startswith("#") and "yaml-language-server" not in line)


def _reads_as(text: str, where: str, wanted: Any) -> bool:
    try:
        return bool(read_plain(text, where) == wanted)
    except FindingsError:
        return False


def _offset(text: str, mark: Any) -> int:
    """Return where a mark stands; by line and column, because the parser's own index counts differently."""
    lines = text.splitlines(keepends=True)
    return sum(len(line) for line in lines[: mark.line]) + int(mark.column)


def _child(node: Any, part: str) -> Any:
    if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
        return node.value[int(part)]
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if escaped(key.value) == part), None)
    return None


def _written(value: Any) -> str:
    """Write a scalar on one line."""
    return dump_data([value]).removeprefix("- ").rstrip("\n") if not _long(value) else _quoted(value)


def _long(value: Any) -> bool:
    return isinstance(value, str) and ("\n" in value or len(value) > 80)


def _quoted(value: str) -> str:
    """Quote a text so that it stays on one line: JSON text is YAML text."""
    import json

    return json.dumps(value)


def _replaced(node: Any, parts: list[str], value: Any) -> Any:
    """Return plain data with one value replaced."""
    if not parts:
        return value
    if isinstance(node, list):
        at = int(parts[0])
        return [_replaced(item, parts[1:], value) if number == at else item for number, item in enumerate(node)]
    return {key: _replaced(item, parts[1:], value) if escaped(key) == parts[0] else item for key, item in node.items()}
