"""What the ML engineer decides before training: pure changes of a specification, without reading or writing."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from crypto_team.errors import UsageError
from crypto_team.schemas.base import in_words
from crypto_team.schemas.ml_spec import Training

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crypto_team.schemas import FeatureSet, MlSpec
    from crypto_team.schemas.base import Record
    from crypto_team.schemas.features import Feature, Ranking
    from crypto_team.schemas.ml_spec import CalibrationMethod, ModelName

R = TypeVar("R", bound="Record")
MOST_FEATURES = 50
RANKINGS: dict[Ranking, str] = {
    "importance": "importance -> top({most})",
    "rfe": "importance -> RFE({most})",
    "shap": "SHAP -> top({most})",
    "chain": "importance -> top(50) -> RFE({most}) -> SHAP pruning",
}
SEED_TRAIN_DAYS, SEED_TEST_DAYS, LEAST_FOLDS = 252, 63, 5


def geometry(bars: int, timeframe: str) -> Training:
    """Choose walk-forward windows for a series of `bars` bars.

    The year of trading days that the team starts from (252 days of training, 63 of test) where at least five folds
    fit; otherwise three tenths of the data train and the rest is cut into seven tests, so that short histories are
    still judged over several windows.
    """
    from crypto_team.trading.durations import bars as to_bars

    day = to_bars("1d", timeframe)
    needed = (SEED_TRAIN_DAYS + LEAST_FOLDS * SEED_TEST_DAYS + 2) * day
    if bars >= needed:
        return Training()
    train = max(10, int(bars * 0.3))
    test = max(1, int((bars - train) * 0.95) // 7)
    return Training(window=f"rolling_{train}bars", test=f"{test}bars", step=f"{test}bars", gap="1bars")


def checked(model: type[R], values: Mapping[str, object]) -> R:
    """Make a record from what a user gave; a value out of range is a usage error that names it."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or None
        words = in_words(first).removeprefix("Value error, ")
        if words.startswith("it "):
            words = f"{where} is {first['input']!r}: {words}"
        raise UsageError(words, where=where) from problem


def without_measures(spec: MlSpec) -> MlSpec:
    """Return the specification as designed: everything that `train` measures is blank."""
    blank_target = None if spec.target is None else spec.target.model_copy(update={"class_balance": []})
    return spec.model_copy(
        update={
            "market": spec.market.model_copy(update={"datasets": []}),
            "model": spec.model.model_copy(update={"version": None, "architecture": ""}),
            "features": spec.features.model_copy(update={"top_features": []}),
            "target": blank_target,
            "reproducibility": spec.reproducibility.model_copy(
                update={"data_hash": None, "library_versions": {}, "code_path": None}
            ),
            "out_of_sample": None,
            "considered": [],
        }
    )


def without_ranks(features: FeatureSet) -> FeatureSet:
    """Return the feature set as designed: without importance ranks and selection counts."""
    selection = features.feature_selection.model_copy(
        update={"input_count": 0, "output_count": 0, "removed_features": []}
    )
    plain = [feature.model_copy(update={"importance_rank": None}) for feature in features.features]
    return features.model_copy(update={"features": plain, "feature_selection": selection})


def with_model(
    spec: MlSpec,
    model: ModelName,
    hyperparameters: Mapping[str, bool | int | float | str],
    calibration: CalibrationMethod,
    seed: int | None,
    *,
    refit: bool = False,
) -> MlSpec:
    """Return the specification with another learner; the seed stays where none is given."""
    section = spec.model.model_copy(
        update={
            "primary": model,
            "hyperparameters": dict(hyperparameters),
            "calibration": calibration,
            "refit": refit,
        }
    )
    repro = spec.reproducibility
    if seed is not None:
        repro = checked(type(repro), repro.model_dump() | {"random_seed": seed})
    return spec.model_copy(update={"model": section, "reproducibility": repro})


def with_most_features(features: FeatureSet, most: int, ranking: Ranking = "importance") -> FeatureSet:
    """Return the feature set with another limit on how many features survive selection, ranked in a stated way."""
    if not 1 <= most <= MOST_FEATURES:
        raise UsageError(f"between 1 and {MOST_FEATURES} features may survive selection", where="--max-features")
    old = features.feature_selection
    method = f"correlation_filter({old.correlation_limit:g}) -> {RANKINGS[ranking].format(most=most)}"
    selection = old.model_copy(update={"max_features": most, "method": method, "ranking": ranking})
    return features.model_copy(update={"feature_selection": selection})


def summarise(spec: MlSpec, features: Sequence[Feature], method: str) -> MlSpec:
    """Write the counts by category that follow from the feature list into the specification."""
    categories: dict[str, list[str]] = {}
    for feature in features:
        categories.setdefault(feature.category, []).append(feature.name)
    summary = spec.features.model_copy(
        update={"total_count": len(features), "categories": categories, "selection_method": method, "top_features": []}
    )
    return without_measures(spec).model_copy(update={"features": summary, "considered": spec.considered})
