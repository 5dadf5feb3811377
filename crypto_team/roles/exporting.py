"""The exported Freqtrade strategy of an ML strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.errors import NotFoundError, UsageError
from crypto_team.roles import records
from crypto_team.roles.cases import strategy_file
from crypto_team.schemas import ModelManifest
from crypto_team.schemas.outcome import Outcome

if TYPE_CHECKING:
    from crypto_team.tools.session import Session


def export(session: Session, strategy_id: str) -> Outcome:
    """Render the strategy file from the specification and the model manifest and commit both links."""
    from crypto_team.features.needs import optional_reads
    from crypto_team.freqtrade.export import render_strategy

    spec = records.ml_spec(session, strategy_id)
    manifest_path = session.layout.model_dir(strategy_id) / "manifest.yaml"
    if not manifest_path.exists():
        raise NotFoundError(
            f"{strategy_id} has no trained model yet", hint=f"crypto-team ml-engineer train {strategy_id}"
        )
    manifest = records.read(manifest_path, ModelManifest, missing=f"crypto-team ml-engineer train {strategy_id}")
    beyond = optional_reads(text for item in manifest.features for text in item.formulas)
    if beyond:
        raise UsageError(
            f"formulas read {', '.join(beyond)}, which Freqtrade's candles do not have",
            where=strategy_id,
            hint='import the values as a series (crypto-team data import-series) and read series("NAME") instead',
        )
    path = strategy_file(session, spec)
    repro = spec.reproducibility.model_copy(update={"code_path": f"code/{path.name}"})
    changes = [
        records.change(session, "code", path, render_strategy(spec, manifest)),
        records.change(
            session,
            "ml_spec",
            session.layout.ml_spec(strategy_id),
            spec.model_copy(update={"reproducibility": repro}),
        ),
        records.registry_change(session, strategy_id, role="ml_engineer", event="strategy code exported"),
    ]
    revision = records.save(
        session, "ml_engineer", "export", strategy_id, changes, f"{strategy_id}: strategy code exported"
    )
    return Outcome(
        ok=True,
        summary=f"Freqtrade strategy written to {path}",
        path=str(path),
        revision=revision,
        next=[f"crypto-team handoff {strategy_id} --to data_collector"],
    )
