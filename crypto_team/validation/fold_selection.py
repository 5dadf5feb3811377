"""What a fold learns from: features picked on its training rows, and the learner fitted on them."""

from __future__ import annotations

from crypto_team.errors import InputError, UsageError
from crypto_team.models.base import Explained, Floats, Inputs, Model, ModelSettings, rows_of
from crypto_team.models.bins import SharedBins
from crypto_team.models.registry import factory
from crypto_team.validation.fold_rows import Rows, inputs_of, target_of, weights_of
from crypto_team.validation.panel import Panel
from crypto_team.validation.selection import Selection, select
from crypto_team.validation.settings import WalkForwardSettings
from crypto_team.validation.workbench import IDLE, Workbench

SHAP_ROWS = 2000


def refitted(
    panel: Panel, rows: Rows, columns: list[int], settings: WalkForwardSettings, bench: Workbench = IDLE
) -> Model:
    """Fit a learner on some rows of columns that were chosen before."""
    y, weight = target_of(panel, rows, settings), weights_of(panel, rows, settings)
    return _fit(settings, inputs_of(panel, rows, columns, settings), y, weight, panel.bins_of(columns), bench=bench)


def _fit(
    settings: WalkForwardSettings,
    x: Inputs,
    y: Floats,
    weight: Floats | None,
    bins: SharedBins | None = None,
    *,
    bench: Workbench = IDLE,
    quick: bool = False,
) -> Model:
    learner = factory(settings.model)
    hyperparameters = {**settings.hyperparameters, **(learner.quick if quick else {})}
    given = ModelSettings(
        settings.n_classes, hyperparameters, settings.seed, bench.checkpoints, bench.progress, bins=bins
    )
    model = learner.create(given)
    model.fit(x, y, weight)
    return model


def _ranked(
    settings: WalkForwardSettings,
    x: Inputs,
    y: Floats,
    weight: Floats | None,
    bins: SharedBins | None,
    bench: Workbench,
) -> Floats:
    """Return what a quick fit on the training rows says about each column; networks see whole windows of it."""
    model = _fit(settings, x, y, weight, bins, bench=bench.naming("choosing features"), quick=True)
    if settings.ranking != "shap":
        return model.importances()
    if not isinstance(model, Explained):
        raise UsageError(
            f"{settings.model} has no SHAP values of its own",
            where="features.yaml: feature_selection.ranking",
            hint="choose --ranking importance or rfe",
        )
    # Evenly spread rows say the same as all of them, at a fraction of the cost.
    rows = rows_of(x)
    return model.contributions(rows[:: max(1, len(rows) // SHAP_ROWS)])


def fitted_selection(
    panel: Panel, rows: Rows, settings: WalkForwardSettings, bench: Workbench = IDLE
) -> tuple[Selection, Model]:
    """Select features and fit a learner on the same rows, and on nothing else."""
    y = target_of(panel, rows, settings)
    weight = weights_of(panel, rows, settings)

    def given(columns: list[int]) -> tuple[Inputs, Floats, Floats | None, SharedBins | None]:
        return inputs_of(panel, rows, columns, settings), y, weight, panel.bins_of(columns)

    selection = select(
        panel.features[rows],
        y,
        names=panel.names,
        correlation_limit=settings.correlation_limit,
        max_features=settings.max_features,
        rank=lambda columns: _ranked(settings, *given(columns), bench),
        recursive=settings.ranking == "rfe",
    )
    if not selection.kept:
        reasons = ", ".join(f"{panel.names[column]}: {why}" for column, why in list(selection.removed.items())[:3])
        raise InputError(
            f"no feature has any spread in the training rows ({reasons})",
            where="features.yaml: features",
            hint="add features that vary (crypto-team ml-engineer add-feature STR --set standard), or a longer window",
        )
    return selection, _fit(settings, *given(selection.kept), bench=bench)
