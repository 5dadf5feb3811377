"""What a fold learns from: features picked on its training rows, and the learner fitted on them."""

from __future__ import annotations

from typing import TypeAlias

from crypto_team.errors import InputError
from crypto_team.models.attribution import contributions
from crypto_team.models.base import Floats, Inputs, Model, ModelSettings
from crypto_team.models.bins import SharedBins
from crypto_team.models.registry import factory
from crypto_team.validation.fold_rows import Rows, history_of, inputs_of, target_of, weights_of
from crypto_team.validation.panel import Panel
from crypto_team.validation.selection import Kind, Selection, select
from crypto_team.validation.settings import WalkForwardSettings
from crypto_team.validation.workbench import IDLE, Workbench

Taught: TypeAlias = tuple[Inputs, Floats, Floats | None, SharedBins | None]


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


def _ranked(settings: WalkForwardSettings, taught: Taught, kind: Kind, bench: Workbench) -> Floats:
    """Return what a quick fit on the training rows says about each column; networks see whole windows of it."""
    model = _fit(settings, *taught, bench=bench.naming("choosing features"), quick=True)
    if kind == "importance":
        return model.importances()
    return contributions(model, taught[0], history=history_of(settings), seed=settings.seed)


def chosen(panel: Panel, rows: Rows, settings: WalkForwardSettings, bench: Workbench = IDLE) -> Selection:
    """Select features on some rows, and on nothing else."""
    return select(
        panel.features[rows],
        target_of(panel, rows, settings),
        names=panel.names,
        correlation_limit=settings.correlation_limit,
        max_features=settings.max_features,
        rank=lambda columns, kind: _ranked(settings, _taught(panel, rows, columns, settings), kind, bench),
        ranking=settings.ranking,
    )


def _taught(panel: Panel, rows: Rows, columns: list[int], settings: WalkForwardSettings) -> Taught:
    """Return what a learner gets of some rows and columns."""
    inputs, y = inputs_of(panel, rows, columns, settings), target_of(panel, rows, settings)
    return inputs, y, weights_of(panel, rows, settings), panel.bins_of(columns)


def fitted_selection(
    panel: Panel, rows: Rows, settings: WalkForwardSettings, bench: Workbench = IDLE
) -> tuple[Selection, Model]:
    """Select features and fit a learner on the same rows, and on nothing else."""
    selection = chosen(panel, rows, settings, bench)
    if not selection.kept:
        reasons = ", ".join(f"{panel.names[column]}: {why}" for column, why in list(selection.removed.items())[:3])
        raise without_spread(f" in the training rows ({reasons})")
    return selection, _fit(settings, *_taught(panel, rows, selection.kept, settings), bench=bench)


def without_spread(where: str) -> InputError:
    """Return the error of a design of which no feature varies."""
    return InputError(
        f"no feature has any spread{where}",
        where="features.yaml: features",
        hint="add features that vary (crypto-team ml-engineer add-feature STR --set standard), or a longer window",
    )
