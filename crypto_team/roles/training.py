"""From a designed strategy to evidence: candles, matrix, purged walk-forward. Reads the catalog, writes nothing."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto_team.errors import NotFoundError, UsageError
from crypto_team.roles import candles, records
from crypto_team.roles.design import without_measures, without_ranks
from crypto_team.schemas import EvidenceMeta

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from crypto_team.features.matrix import FeatureMatrix
    from crypto_team.roles.candles import Candles
    from crypto_team.schemas import FeatureSet, MlSpec
    from crypto_team.schemas.ml_spec import Target, Training
    from crypto_team.tools.session import Session
    from crypto_team.validation.evidence_io import Evidence
    from crypto_team.validation.fold_store import FoldStore
    from crypto_team.validation.settings import WalkForwardSettings
    from crypto_team.validation.walk_forward import Panel, WalkForwardResult

DAYS_PER_YEAR = 365


@dataclass(frozen=True, slots=True)
class Design:
    """All that the result of a training run depends on, and its fingerprint."""

    spec: MlSpec
    features: FeatureSet
    target: Target
    candles: Candles
    code_dir: Path
    fingerprint: str
    seedless: str

    @property
    def data_hash(self) -> str:
        """Return one hash over the content hashes of all datasets, in the order of the pairs."""
        joined = "\n".join(item.content_hash for item in self.candles.all_datasets)
        return "sha256:" + hashlib.sha256(joined.encode()).hexdigest()


def design(session: Session, strategy_id: str) -> Design:
    """Collect a complete design or say which tool is still to be called."""
    spec = records.ml_spec(session, strategy_id)
    if spec.target is None:
        raise NotFoundError(
            f"{strategy_id} has no target yet",
            where="ml-spec.yaml",
            hint=f"crypto-team ml-engineer define-target {strategy_id} --kind direction --horizon 24",
        )
    features = records.feature_set(session, strategy_id)
    if not features.features:
        raise NotFoundError(
            f"{strategy_id} has no features yet",
            where="features.yaml",
            hint=f"crypto-team ml-engineer add-feature {strategy_id} --set standard",
        )
    return assemble(session, spec, features)


def assemble(session: Session, spec: MlSpec, features: FeatureSet, found: Candles | None = None) -> Design:
    """Attach candles (the unsealed ones, unless others are given) and fingerprint to a specification with a target."""
    assert spec.target is not None  # noqa: S101 - callers have checked; this tells the type checker
    found = found or candles.research(session, spec.market, features.features)
    code_dir = session.layout.code_dir(spec.strategy_id).parent
    return Design(
        spec=spec,
        features=features,
        target=spec.target,
        candles=found,
        code_dir=code_dir,
        fingerprint=_fingerprint(spec, features, found, code_dir),
        seedless=_fingerprint(_with_seed(spec, 0), features, found, code_dir),
    )


def _with_seed(spec: MlSpec, seed: int) -> MlSpec:
    changed = spec.reproducibility.model_copy(update={"random_seed": seed})
    return spec.model_copy(update={"reproducibility": changed})


def _fingerprint(spec: MlSpec, features: FeatureSet, found: Candles, code_dir: Path) -> str:
    """Hash everything that the result depends on; measures and prose do not count."""
    plain = without_measures(spec).model_copy(
        update={"hypothesis": "", "strategy_name": "any", "strategy_id": "STR-000"}
    )
    code = {
        feature.python: hashlib.sha256((code_dir / feature.python.split(":")[0]).read_bytes()).hexdigest()
        for feature in features.features
        if feature.python and (code_dir / feature.python.split(":")[0]).exists()
    }
    inputs = {
        # The shape of a document decides nothing: its migration must not make known evidence look like another's.
        "spec": plain.model_dump(mode="json") | {"schema_version": 1},
        "features": [
            feature.model_dump(mode="json", exclude={"rationale"}) for feature in without_ranks(features).features
        ],
        "selection": without_ranks(features).feature_selection.model_dump(mode="json"),
        "code": code,
        "data": found.hashes,
        "research_end": found.research_end,
    }
    return "sha256:" + hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def matrices(plan: Design, session: Session) -> dict[str, FeatureMatrix]:
    """Compute the feature matrix of every pair."""
    from crypto_team.features.matrix import build_matrix

    made, around = {}, plan.candles.around.surroundings
    for number, (pair, bars) in enumerate(plan.candles.bars.items()):
        session.progress(0.15 * number / len(plan.candles.bars), f"features of {pair}")
        seen = around.seen_from(pair) if around else None
        made[pair] = build_matrix(plan.features.features, bars, code_dir=plan.code_dir, surroundings=seen)
    return made


def panel(plan: Design, session: Session) -> Panel:
    """Compute the features of a design and join them with its labels."""
    return joined(plan, matrices(plan, session))


def ready(plan: Design, session: Session) -> Panel:
    """Return the panel of a design that can be trained here.

    Everything that can be refused before something is fitted is refused now, before a trial is booked: packages that
    are not installed, hyperparameters that the learner does not take, folds with too few rows.
    """
    from crypto_team.validation.walk_forward import planned

    settings = checked(plan.spec, plan.features)
    prepared = panel(plan, session)
    planned(prepared, settings)
    return prepared


def checked(spec: MlSpec, features: FeatureSet) -> WalkForwardSettings:
    """Return the settings of a design whose learner can be trained here."""
    from crypto_team.models import readiness
    from crypto_team.validation.settings import settings_from_spec

    selection = features.feature_selection
    settings = settings_from_spec(spec, selection)
    readiness.check(
        settings.model,
        spec.model.hyperparameters,
        n_classes=settings.n_classes,
        by_shap=selection.ranking in {"shap", "chain"},
    )
    return settings


def joined(plan: Design, computed: dict[str, FeatureMatrix]) -> Panel:
    """Join computed features with the labels of a design."""
    from crypto_team.validation.panel import build_panel

    return build_panel(plan.candles.bars, computed, plan.target, plan.spec.market.timeframe)


def walk_forward(
    plan: Design, prepared: Panel, session: Session, *, store: FoldStore | None = None
) -> WalkForwardResult:
    """Run the purged walk-forward of a design over its panel; a replay has no store, it has to fit everything."""
    from crypto_team.validation.settings import settings_from_spec
    from crypto_team.validation.walk_forward import run

    settings = settings_from_spec(plan.spec, plan.features.feature_selection)
    return run(prepared, settings, progress=lambda done, text: session.progress(0.15 + 0.8 * done, text), store=store)


def fold_store(session: Session) -> FoldStore:
    """Return where the workspace keeps finished folds, and trainings that have not finished; it is not in git."""
    from crypto_team.validation.fold_store import FoldStore

    return FoldStore(session.layout.store / "folds")


def evidence(plan: Design, prepared: Panel, result: WalkForwardResult, *, declared_n_trials: int) -> Evidence:
    """Put the result into the form in which it is stored."""
    import pandas as pd

    from crypto_team.validation.evidence_io import Evidence, EvidenceTables, features_sample

    market = pd.concat(
        [bars.rename(columns={"timestamp": "time"}).assign(pair=pair) for pair, bars in plan.candles.bars.items()],
        ignore_index=True,
    )
    tables = EvidenceTables(
        predictions=result.predictions,
        market=market,
        features=features_sample(prepared, result),
        importances=result.importances,
        preprocessing=result.preprocessing,
        noise=result.noise,
        skill=result.skill,
        baselines=result.baselines,
        simple=result.simple,
    )
    return Evidence(meta=_meta(plan, prepared, result, declared_n_trials), tables=tables, models=dict(result.models))


def _meta(plan: Design, prepared: Panel, result: WalkForwardResult, declared_n_trials: int) -> EvidenceMeta:
    from crypto_team.models.registry import resolve
    from crypto_team.trading.durations import periods_per_year
    from crypto_team.validation.trained_with import trained_with

    spec, training = plan.spec, plan.spec.model.training
    return EvidenceMeta(
        strategy_id=spec.strategy_id,
        timeframe=spec.market.timeframe,
        pairs=list(prepared.pairs),
        periods_per_year=periods_per_year(spec.market.timeframe),
        horizon_bars=plan.target.horizon_bars,
        gap_bars=max(fold.gap_bars for fold in result.folds),
        cost_bps_per_side=spec.costs.fee_bps + spec.costs.slippage_bps,
        target=plan.target.model_copy(update={"class_balance": []}),
        signal=spec.signal,
        model=spec.model.primary,
        hyperparameters=resolve(spec.model.primary, spec.model.hyperparameters),
        calibration=spec.model.calibration,
        window=training.window,
        test=training.test,
        step=training.step,
        feature_names=[feature.name for feature in plan.features.features],
        trained_with=trained_with(spec, plan.features, plan.code_dir),
        random_seed=spec.reproducibility.random_seed,
        versions=library_versions(spec.model.primary, spec.model.hyperparameters),
        dataset_ids=[item.dataset_id for item in plan.candles.all_datasets],
        dataset_hashes=[item.content_hash for item in plan.candles.all_datasets],
        data_hash=plan.data_hash,
        research_end=plan.candles.research_end,
        declared_n_trials=declared_n_trials,
        folds=result.folds,
    )


# Calibration and blending are SciPy's; hyperparameters may come from a search by Optuna.
CONSTANT = 1e-6
LIBRARIES = ("numpy", "pandas", "numba", "scikit-learn", "scipy", "optuna")


def library_versions(
    model: str, hyperparameters: Mapping[str, bool | int | float | str] | None = None
) -> dict[str, str]:
    """Return the versions that numbers depend on, those of an ensemble's members among them."""
    from importlib.metadata import PackageNotFoundError, version

    from crypto_team import __version__
    from crypto_team.models.registry import libraries

    found: dict[str, str] = {}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return {"crypto-team": __version__, **found, **libraries(model, hyperparameters)}


def why_idle(spec: MlSpec, predictions: pd.DataFrame) -> str:
    """Say how far the signal of a strategy that never traded stayed from its entry threshold; nothing of others."""
    if spec.out_of_sample is None or spec.out_of_sample.n_trades:
        return ""
    signal = predictions.loc[predictions["part"] == "test", "signal"]
    reached = f"the signal, {signal.min():.3f} to {signal.max():.3f}, never reached the entry"
    return f" ({reached} {spec.signal.entry_threshold:g})"


def what_helps_idle(spec: MlSpec, predictions: pd.DataFrame) -> str:
    """Return the command that may let a strategy act which never traded: no entry is reached by a constant signal."""
    signal = predictions.loc[predictions["part"] == "test", "signal"]
    if signal.max() - signal.min() > CONSTANT:
        return f"crypto-team ml-engineer set-signal {spec.strategy_id} --entry P"
    if spec.target is not None and spec.target.kind in {"triple_barrier", "meta_label"}:
        nearer = spec.target.profit_sigma / 2.0
        return f"crypto-team ml-engineer set-labels {spec.strategy_id} --profit-sigma {nearer:g}"
    return f"crypto-team ml-engineer add-feature {spec.strategy_id} --set standard"


def check_step(made: Training, timeframe: str) -> None:
    """Refuse test parts that would overlap."""
    from crypto_team.trading.durations import bars

    if bars(made.step, timeframe) < bars(made.test, timeframe):
        raise UsageError(
            f"test parts of {made.test} every {made.step} would overlap",
            where="--step",
            hint=f"crypto-team ml-engineer set-split STR --test {made.test} --step {made.test}",
        )
