"""Combinatorial purged cross-validation of a trained design: its paths, stored by their content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crypto_team.errors import RefusedError
from crypto_team.kb import store
from crypto_team.kb.evidence import load_manifest
from crypto_team.roles import publishing, training

if TYPE_CHECKING:
    import pandas as pd

    from crypto_team.schemas.evidence import EvidenceObject
    from crypto_team.tools.session import Session


@dataclass(frozen=True)
class PathStudy:
    """Paths of one design: a row of numbers for each, and where their predictions are stored."""

    rows: list[dict[str, Any]]
    stored: EvidenceObject

    @property
    def metrics(self) -> dict[str, float]:
        """Spread of the paths, as a review carries it."""
        import numpy as np

        sharpes = np.array([row["sharpe"] for row in self.rows], dtype=np.float64)
        return {
            "paths": float(len(self.rows)),
            "path_sharpe_lowest": float(sharpes.min()),
            "path_sharpe_median": float(np.median(sharpes)),
            "path_sharpe_highest": float(sharpes.max()),
            "paths_profitable": float(np.mean(sharpes > 0.0)),
        }


def study(
    session: Session, strategy_id: str, *, groups: int = 6, tested: int = 2, embargo_bars: int | None = None
) -> PathStudy:
    """Fit every split of the current design and put the predictions of its paths into the store.

    It is no trial: the design is the one that was trained, and its paths cannot be reported as a track record. Any
    other design is refused, for its paths would show bars that the walk-forward tests, and nobody would count the look.
    """
    from crypto_team.validation import cpcv
    from crypto_team.validation.settings import settings_from_spec

    scheme = cpcv.Scheme(groups=groups, tested=tested, embargo_bars=embargo_bars)
    plan = _as_trained(session, strategy_id)
    prepared = training.panel(plan, session)
    settings = settings_from_spec(plan.spec, plan.features.feature_selection)
    paths = cpcv.run(prepared, settings, scheme, progress=lambda done, text: session.progress(0.15 + 0.8 * done, text))
    table = cpcv.path_table(paths)
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict(orient="records")]
    return PathStudy(rows, store.put(session.layout, _parquet(paths), rows=len(paths)))


def _as_trained(session: Session, strategy_id: str) -> training.Design:
    """Return the current design if it is the one that the evidence was made with, else refuse."""
    from crypto_team.validation.trained_with import changed_since

    manifest = load_manifest(session.layout, strategy_id)
    plan, meta = training.design(session, strategy_id), publishing.stored_evidence(session, strategy_id).meta
    changed = changed_since(meta, plan.spec, plan.features, plan.code_dir)
    if (plan.data_hash, plan.candles.research_end) != (meta.data_hash, meta.research_end):
        changed.append("the candles are others")
    if not meta.trained_with and plan.fingerprint != manifest.spec_hash:
        changed.append("specification, features, code or candles are others")
    if changed:
        raise RefusedError(
            f"the design is not the one that was trained: {'; '.join(changed[:6])}",
            where=f"{strategy_id}/ml-spec.yaml",
            hint=f"crypto-team ml-engineer train {strategy_id}",
        )
    return plan


def _parquet(paths: pd.DataFrame) -> bytes:
    """Return a table as Parquet without what names library versions: equal tables give equal bytes."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(paths, preserve_index=False).replace_schema_metadata(None)
    made = io.BytesIO()
    pq.write_table(table, made, compression="zstd", version="2.6")
    return made.getvalue()
