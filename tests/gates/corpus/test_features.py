"""Every leak of the corpus is refused, column by column, and no honest feature is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crypto_team.features.frame_audit import audit_frames
from crypto_team.gates.corpus.feature_market import together
from crypto_team.gates.corpus.honest_features import honest_features
from crypto_team.gates.corpus.leaking_features import leaking_features

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from crypto_team.features.verdicts import ColumnVerdict

LEAKING = {item.name: item for item in leaking_features()}
HONEST = {item.name: item for item in honest_features()}
SEED = 11


@pytest.fixture(scope="module")
def found(
    tmp_path_factory: pytest.TempPathFactory, frames: tuple[pd.DataFrame, dict[str, pd.DataFrame]]
) -> dict[str, ColumnVerdict]:
    """Audit all of them as columns of a few functions, which costs as much as these."""
    folder: Path = tmp_path_factory.mktemp("corpus")
    made = {}
    leaks = list(LEAKING.values())
    groups = {"honest": list(HONEST.values()), **{f"leaking_{k}": leaks[k::3] for k in range(3)}}
    for kind, features in groups.items():
        together(features, folder / f"{kind}.py")
        audit = audit_frames(folder / f"{kind}.py", "features", *frames, seed=SEED)
        made |= {f"{kind.partition('_')[0]} {item.column}": item for item in audit.verdicts}
    return made


def test_the_corpus_is_large_and_every_mechanism_is_its_own() -> None:
    assert len(LEAKING) >= 60
    assert len(HONEST) >= 30
    for features in (LEAKING, HONEST):
        assert len({item.source for item in features.values()}) == len(features)
        assert len({item.mechanism for item in features.values()}) == len(features)


@pytest.mark.parametrize("name", LEAKING)
def test_every_leak_is_refused_and_shown(found: dict[str, ColumnVerdict], name: str) -> None:
    verdict = found[f"leaking {name}"]
    assert not verdict.causal, LEAKING[name].mechanism
    assert verdict.row <= verdict.cut


@pytest.mark.parametrize("name", HONEST)
def test_no_honest_feature_is_refused(found: dict[str, ColumnVerdict], name: str) -> None:
    verdict = found[f"honest {name}"]
    assert verdict.causal, verdict
