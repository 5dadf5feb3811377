"""Files that a strategy names are looked at as models; a word of the source is no name of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto_team.freqtrade.diagnose_runs import _names


@pytest.mark.parametrize(
    ("text", "name", "named"),
    [
        ("def f(self, *args): pass", "args", False),
        ("open('args')", "args", True),
        ('load(folder / "weights")', "weights", True),
        ("load(f'{folder}/weights')", "weights", True),
        ("load(model.joblib)", "model.joblib", True),
        ("weights = 3", "weights", False),
    ],
)
def test_a_name_without_a_suffix_has_to_stand_in_quotes(text: str, name: str, named: bool) -> None:
    assert _names(text, Path(name)) is named
