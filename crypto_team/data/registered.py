"""Reading a dataset of the catalog: never without comparing its content with the registered hash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from crypto_team.data.frame import content_hash
from crypto_team.errors import EvidenceError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.schemas import Dataset


def read_registered(path: Path, dataset: Dataset) -> pd.DataFrame:
    """Return the canonical frame of a dataset.

    Raises
    ------
    NotFoundError
        The file is not on this machine.
    EvidenceError
        It cannot be read, or its content is not what was registered.
    """
    again = f"import the original file again: crypto-team data import FILE --exchange {dataset.exchange}"
    if not path.exists():
        raise NotFoundError(f"the data of {dataset.dataset_id} are not on this machine", where=str(path), hint=again)
    try:
        frame = pd.read_parquet(path)
        found = content_hash(frame)
    except (OSError, ValueError, KeyError, TypeError) as problem:
        reason = str(problem).splitlines()[0]
        raise EvidenceError(f"{dataset.dataset_id} cannot be read: {reason}", where=str(path), hint=again) from problem
    if found != dataset.content_hash:
        raise EvidenceError(
            f"the data changed since they were registered as {dataset.dataset_id}",
            where=str(path),
            hint=f"{again}; changed data get a dataset of their own",
        )
    return frame
