"""`features.yaml`: every feature, how it is computed, and what selection did with it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from crypto_team.schemas.base import Document, FeatureName, Fraction, Record, ShortText, StrategyId

Category = Literal[
    "price_action", "volume", "cross_asset", "statistical", "derived", "temporal", "microstructure", "flow", "custom"
]
Formula = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
PythonReference = Annotated[
    str, StringConstraints(pattern=r"^code/[a-z][a-z0-9_]{0,39}\.py:[A-Za-z_][A-Za-z0-9_]{0,59}$")
]


class Feature(Record):
    """One column of the feature matrix: a formula, or a Python function that passed the causality audit."""

    name: FeatureName
    category: Category
    formula: Formula | None = Field(default=None, description="Expression over operators, executable as it stands.")
    python: PythonReference | None = Field(default=None, description="`code/features.py:function` beside this file.")
    reads: Annotated[list[Formula], Field(max_length=20)] = Field(
        default=[], description="Formulas whose values the Python function is handed as `aux`."
    )
    lookback: Annotated[int, Field(ge=0)] = Field(description="Bars needed before the value counts; derived by tools.")
    leakage_safe: bool = Field(description="True by construction for formulas, by the audit for Python; derived.")
    importance_rank: Annotated[int, Field(ge=1)] | None = None
    rationale: str = Field(default="", max_length=2000)

    @model_validator(mode="after")
    def _one_source(self) -> Feature:
        if (self.formula is None) == (self.python is None):
            raise ValueError("a feature has either a formula or a python reference")
        if self.reads and self.python is None:
            raise ValueError("only a python reference reads formulas")
        return self

    @property
    def formulas(self) -> list[str]:
        """Every formula that has to be computed for it: its own, or those that its function reads."""
        return [self.formula] if self.formula is not None else list(self.reads)


Ranking = Literal["importance", "rfe", "shap", "chain"]


class RemovedFeature(Record):
    """A candidate that selection dropped, and why."""

    name: FeatureName
    reason: ShortText


class FeatureSelection(Record):
    """What is done inside each training window, and what came out of it over all folds."""

    method: ShortText = "correlation_filter(0.95) -> importance -> top(30)"
    correlation_limit: Fraction = 0.95
    max_features: Annotated[int, Field(ge=1, le=50)] = 30
    ranking: Ranking = Field(
        default="importance",
        description="What follows the correlation filter: one quick fit ranks (importance), recursive elimination "
        "with a fit for each round (rfe), the mean absolute SHAP value ranks (shap), or all in a row (chain): the 50 "
        "most important, elimination, and pruning of what SHAP finds next to nothing in.",
    )
    input_count: Annotated[int, Field(ge=0)] = 0
    output_count: Annotated[int, Field(ge=0)] = 0
    removed_features: list[RemovedFeature] = []


class FeatureSet(Document):
    """All candidate features of a strategy."""

    strategy_id: StrategyId
    features: list[Feature] = []
    feature_selection: FeatureSelection = FeatureSelection()

    @model_validator(mode="after")
    def _unique_names(self) -> FeatureSet:
        names = [feature.name for feature in self.features]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"feature names must be unique, twice: {', '.join(twice)}")
        return self
