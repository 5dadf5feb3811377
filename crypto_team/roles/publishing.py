"""Putting a training run into the knowledge base: evidence into the store, measures into the documents."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crypto_team.kb import store
from crypto_team.kb.evidence import load_manifest
from crypto_team.roles import records
from crypto_team.schemas import EvidenceManifest, ModelManifest
from crypto_team.schemas.evidence import EvidenceObject
from crypto_team.schemas.features import RemovedFeature
from crypto_team.schemas.ml_spec import HEADLINE, TopFeature
from crypto_team.schemas.model import FoldModelFile, SeriesSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from crypto_team.kb.writer import Change
    from crypto_team.roles.training import Design
    from crypto_team.schemas import FeatureSet, MlSpec
    from crypto_team.schemas.evidence import EvidenceMeta
    from crypto_team.schemas.features import Feature
    from crypto_team.tools.session import Session
    from crypto_team.validation.evidence_io import Evidence


def store_evidence(session: Session, plan: Design, evidence: Evidence, trial_id: str) -> EvidenceManifest:
    """Write the tables into the content-addressed store and return the manifest that names them."""
    from crypto_team.validation.evidence_io import write

    objects: dict[str, EvidenceObject] = {}
    with tempfile.TemporaryDirectory(dir=session.layout.scratch) as folder:
        for name in write(evidence, Path(folder)):
            objects[name] = store.put(session.layout, (Path(folder) / name).read_bytes())
    return EvidenceManifest(
        strategy_id=plan.spec.strategy_id,
        trial_id=trial_id,
        spec_hash=plan.fingerprint,
        recorded=records.utc_text(session),
        objects=objects,
    )


def stored_evidence(session: Session, strategy_id: str) -> Evidence:
    """Read the evidence of a strategy; every object is checked against its hash first."""
    from crypto_team.validation.evidence_io import read

    manifest = load_manifest(session.layout, strategy_id)
    with tempfile.TemporaryDirectory(dir=session.layout.scratch) as folder:
        for name, item in manifest.objects.items():
            target = Path(folder) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(store.get(session.layout, item.sha256).read_bytes())
        return read(Path(folder))


def changes(session: Session, plan: Design, evidence: Evidence, manifest: EvidenceManifest) -> list[Change]:
    """Stage every document that a finished training run changes."""
    from crypto_team.validation.metrics import out_of_sample

    layout, strategy_id = session.layout, plan.spec.strategy_id
    measured = out_of_sample(evidence.tables.predictions)
    ranking = mean_importances(evidence.tables.importances)
    spec = _measured_spec(plan, evidence, ranking).model_copy(update={"out_of_sample": measured})
    model_files = [
        records.change(session, "model", layout.model_dir(strategy_id) / name, content)
        for name, content in sorted(evidence.models.items())
    ]
    stale = [
        records.removal("model", path)
        for path in sorted(layout.model_dir(strategy_id).glob("fold_*.json"))
        if path.name not in evidence.models
    ]
    model_manifest = _model_manifest(plan, evidence.meta)
    headline = {name: float(getattr(measured, field)) for name, field in HEADLINE.items()}
    return [
        records.change(session, "ml_spec", layout.ml_spec(strategy_id), spec),
        records.change(session, "features", layout.features(strategy_id), _measured_features(plan, evidence, ranking)),
        records.change(session, "evidence", layout.evidence(strategy_id), manifest),
        records.change(session, "model_manifest", layout.model_dir(strategy_id) / "manifest.yaml", model_manifest),
        *model_files,
        *stale,
        records.registry_change(
            session,
            strategy_id,
            role="ml_engineer",
            event=f"trained: out-of-sample Sharpe {measured.sharpe:.2f} over {measured.folds} folds",
            stage="ml_engineer",
            status="in_progress",
            metrics=headline,
        ),
    ]


def mean_importances(importances: pd.DataFrame) -> pd.Series[float]:
    """Return each feature's share of importance averaged over folds (absent = 0), largest first, ties by name."""
    folds = importances["fold"].nunique()
    total = importances.groupby("feature")["value"].sum() / max(1, folds)
    frame = total.rename("value").reset_index().sort_values(["value", "feature"], ascending=[False, True])
    series: pd.Series[float] = frame.set_index("feature")["value"]
    return series


def class_balance(plan: Design, predictions: pd.DataFrame) -> list[float]:
    """Return the share of each class among the labelled test rows."""
    if plan.target.type != "classification":
        return []
    labels = predictions.loc[predictions["part"] == "test", "label"].dropna()
    return [round(float((labels == number).mean()), 6) for number in range(len(plan.target.classes))]


def _measured_spec(plan: Design, evidence: Evidence, ranking: pd.Series[float]) -> MlSpec:
    from crypto_team.models.registry import library_version

    spec, meta = plan.spec, evidence.meta
    top = [TopFeature(name=str(name), importance=float(value)) for name, value in ranking.head(10).items()]
    return spec.model_copy(
        update={
            "market": spec.market.model_copy(update={"datasets": meta.dataset_ids}),
            "model": spec.model.model_copy(
                update={
                    "version": library_version(spec.model.primary, spec.model.hyperparameters),
                    "architecture": _architecture(meta),
                }
            ),
            "features": spec.features.model_copy(update={"top_features": top}),
            "target": plan.target.model_copy(
                update={"class_balance": class_balance(plan, evidence.tables.predictions)}
            ),
            "reproducibility": spec.reproducibility.model_copy(
                update={"data_hash": meta.data_hash, "library_versions": meta.versions}
            ),
        }
    )


def _architecture(meta: EvidenceMeta) -> str:
    """Say in words what was trained."""
    settings = ", ".join(f"{name}={value}" for name, value in sorted(meta.hyperparameters.items()))
    return (
        f"One {meta.model} model per walk-forward fold ({len(meta.folds)} folds), {settings}; "
        f"calibration: {meta.calibration}"
        f"{'' if meta.calibration == 'none' else ', fitted on a purged tail of each training window'}"
        f"{', then the model on all of it' if any(fold.refit_rows for fold in meta.folds) else ''}."
    )


def _measured_features(plan: Design, evidence: Evidence, ranking: pd.Series[float]) -> FeatureSet:
    ranks = {str(name): number for number, (name, value) in enumerate(ranking.items(), start=1) if value > 0}
    kept = {name for fold in evidence.meta.folds for name in fold.selected}
    features = [
        feature.model_copy(update={"importance_rank": ranks.get(feature.name)}) for feature in plan.features.features
    ]
    reasons = _reasons(evidence.tables.preprocessing)
    removed = [
        RemovedFeature(name=feature.name, reason=reasons.get(feature.name) or "not selected in any fold")
        for feature in plan.features.features
        if feature.name not in kept
    ]
    selection = plan.features.feature_selection.model_copy(
        update={"input_count": len(features), "output_count": len(kept), "removed_features": removed}
    )
    return plan.features.model_copy(update={"features": features, "feature_selection": selection})


def _reasons(preprocessing: pd.DataFrame) -> dict[str, str]:
    """Return why selection dropped each feature in the last fold that saw it; empty where it was kept there."""
    rows = preprocessing[preprocessing["stage"] == "selection"].sort_values("fold", kind="stable")
    return dict(zip(rows["feature"].astype(str), rows["reason"].astype(str), strict=True))


def _model_manifest(plan: Design, meta: EvidenceMeta) -> ModelManifest:
    selected = {name for fold in meta.folds for name in fold.selected}
    used = [feature for feature in plan.features.features if feature.name in selected]
    return ModelManifest(
        strategy_id=plan.spec.strategy_id,
        timeframe=plan.spec.market.timeframe,
        features=used,
        signal=plan.spec.signal,
        target_type=plan.target.type,
        folds=[
            FoldModelFile(
                fold=fold.fold,
                file=fold.model_file,
                sha256=fold.model_hash,
                test_start=fold.test_start,
                test_end=fold.test_end,
            )
            for fold in meta.folds
        ],
        lookback_bars=max(feature.lookback for feature in plan.features.features) + _history(plan.spec),
        python_code=_python_hash(plan, used),
        **_read_beside(plan, used),
    )


def _history(spec: MlSpec) -> int:
    """Return the bars before a candle that the model reads besides the look-back of its features."""
    from crypto_team.models.registry import factory, resolve

    return factory(spec.model.primary).history(resolve(spec.model.primary, spec.model.hyperparameters))


def _read_beside(plan: Design, used: Sequence[Feature]) -> dict[str, Any]:
    """Return the other pairs and the series that the features in use read."""
    from crypto_team.features.needs import needs

    wanted = needs([text for item in used for text in item.formulas], plan.spec.market.pairs)
    sources = plan.candles.around.sources
    series = [
        SeriesSource.model_validate(
            {
                "kind": key.kind,
                "source": key.source,
                "pair": key.pair or None,
                "column": key.column,
                "path": sources[key].path,
                "lag_seconds": sources[key].lag_seconds,
                "stale_after_seconds": sources[key].stale_after_seconds,
            }
        )
        for key in wanted.series
    ]
    return {"informative_pairs": list(wanted.pairs), "series": series}


def _python_hash(plan: Design, used: Sequence[Feature]) -> str | None:
    """Return a hash over the files of the Python features in use, None without any."""
    import hashlib

    files = sorted({item.python.split(":")[0] for item in used if item.python})
    if not files:
        return None
    digest = hashlib.sha256()
    for name in files:
        digest.update((plan.code_dir / name).read_bytes())
    return "sha256:" + digest.hexdigest()
