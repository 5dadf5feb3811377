"""The self-test writes what it found, and judges strategies in real Freqtrade."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto_team.gates.corpus.judged import Judged, judge_noise
from crypto_team.gates.corpus.published import restored
from crypto_team.gates.corpus.rates import rates
from crypto_team.roles.selftest import finding, judged_strategies, publish


def test_a_page_is_written_with_its_verdicts_beside_it(tmp_path: Path) -> None:
    found = judge_noise(50, 8, repeats=4)
    publish(tmp_path / "rates.md", found)
    assert restored((tmp_path / "rates.json").read_text(encoding="utf-8")) == found
    assert "| noise | 4 of 4" in (tmp_path / "rates.md").read_text(encoding="utf-8")


def test_a_miss_is_an_error_only_where_it_breaks_a_promise() -> None:
    kept = [Judged("honest evidence", str(number), "", number == 0, True, ("OF010",)) for number in range(20)]
    broken = [*kept, Judged("honest evidence", "another", "", True, True, ("OF010",))]
    for found, severity in ((kept, "info"), (broken, "error")):
        table = [item for item in rates(found) if not item.kept]
        assert finding(found[0], table).severity == severity
        assert "was refused by OF010" in finding(found[0], table).message


@pytest.mark.slow
def test_strategies_are_judged_by_name() -> None:
    pytest.importorskip("freqtrade")
    found = judged_strategies(lambda _share, _text: None, names=("unshifted_file", "averages"))
    assert {(item.kind, item.name): item.refused for item in found} == {
        ("leaking strategy", "unshifted_file"): True,
        ("honest strategy", "averages"): False,
    }
