"""A correlation that an edge may have beside a Sharpe ratio that none may have with it is knowledge of the future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.case import Case
from crypto_team.gates.corpus.evidence_faults_of_hindsight import centred_inputs
from crypto_team.gates.corpus.evidence_honest import study
from crypto_team.gates.corpus.evidence_market import Design
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.gates.registry import run_check


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    done = study(Design(edge=0.0, trials=1), 4)
    made = {"honest": done.parts, "centred": centred_inputs(done, np.random.default_rng(1))}
    return {name: case_from_folder(parts.write(tmp_path_factory.mktemp(name))) for name, parts in made.items()}


def test_centred_means_are_refused_though_each_knows_little(noise: dict[str, Case]) -> None:
    result = run_check("LK006", noise["centred"])
    assert result.outcome == "refused", result
    assert result.value is not None
    assert 0.2 < result.value < 0.35
    assert "Sharpe ratio is surely above" in result.explanation
    assert run_check("LK006", noise["honest"]).outcome == "passed"


def test_the_same_correlation_without_such_a_gain_is_plausible(noise: dict[str, Case]) -> None:
    case = noise["centred"]
    assert run_check("LK006", case, {"doubtful": 0.35}).outcome == "passed"
    dear = replace(case, meta=case.meta.model_copy(update={"cost_bps_per_side": 300.0})) if case.meta else case
    assert run_check("LK006", dear).outcome == "passed"
