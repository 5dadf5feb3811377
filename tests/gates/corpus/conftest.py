"""The market that the features of the corpus are computed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crypto_team.gates.corpus.feature_market import market

if TYPE_CHECKING:
    import pandas as pd


@pytest.fixture(scope="session")
def frames() -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Return the market of the corpus."""
    return market()
