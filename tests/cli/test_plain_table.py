"""The table for pipes is the one that rich draws."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from crypto_team.cli.plain_table import plain_table

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT = st.text(st.characters(codec="latin-1", exclude_categories=["Cc", "Cf", "Z"]), min_size=1, max_size=12)


def drawn(names: Sequence[str], cells: Sequence[Sequence[str]], numeric: Sequence[bool], *, header: bool) -> str:
    """Draw the same table with rich, very wide."""
    table = Table(box=box.SIMPLE_HEAD if header else None, show_header=header, pad_edge=False, show_edge=False)
    for name, right in zip(names, numeric, strict=True):
        table.add_column(Text(name), justify="right" if right else "left", overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    buffer = io.StringIO()
    Console(file=buffer, width=5000, highlight=False).print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().rstrip("\n").split("\n"))


@given(st.data(), st.integers(1, 4), st.booleans())
def test_both_draw_the_same(data: st.DataObject, columns: int, header: bool) -> None:
    row = st.lists(TEXT, min_size=columns, max_size=columns)
    names, cells = data.draw(row), data.draw(st.lists(row, min_size=1, max_size=4))
    numeric = data.draw(st.lists(st.booleans(), min_size=columns, max_size=columns))
    assert plain_table(names, cells, numeric, header=header) == drawn(names, cells, numeric, header=header)


def test_wide_letters_take_two_columns_and_lines_of_a_cell_stand_below_each_other() -> None:
    assert plain_table(["a", "b"], [["日本", "x\ny"], ["z", "1"]], [False, True], header=True) == (
        "a      b\n────────\n日本   x\n       y\nz      1"
    )
