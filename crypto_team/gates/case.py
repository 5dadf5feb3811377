"""Everything that a gate may look at for one strategy, as plain data, and what is derived from it once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from crypto_team.features.surroundings import Surroundings
from crypto_team.gates.documents import Documents
from crypto_team.gates.recompute import Returns, recompute_returns
from crypto_team.schemas.data import Dataset
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.schemas.features import FeatureSet
from crypto_team.schemas.holdout import HoldoutLook
from crypto_team.schemas.ml_spec import MlSpec
from crypto_team.schemas.outcome import Finding
from crypto_team.schemas.registry import RegistryEntry
from crypto_team.schemas.reviews import Backtest, CriticReview, RiskAssessment

if TYPE_CHECKING:
    from crypto_team.gates.audit import FeatureAudit
    from crypto_team.gates.imported.case import ImportedFacts
    from crypto_team.gates.leaning import Leaning
    from crypto_team.gates.plateau import Plateau


@dataclass(frozen=True)
class LedgerView:
    """What the ledger of trials says: how many, their daily Sharpe ratios, and whether its chain is whole.

    `searches` are its parts, by strategy, kind and booking: how many trials each counts, and their ratios.
    """

    n_trials: int
    sharpes: tuple[float, ...]
    chain_ok: bool
    problems: tuple[str, ...] = ()
    searches: tuple[tuple[int, tuple[float, ...]], ...] = ()

    def variance(self, n_periods: int) -> float:
        """Return the variance of Sharpe ratios that luck has to be granted; the largest search is never diluted."""
        from crypto_team.validation.significance import trial_variance

        return trial_variance(self.sharpes, n_periods, n_trials=self.n_trials, searches=self.searches)


@dataclass(frozen=True)
class ReplayResult:
    """Outcome of rebuilding the evidence from data, spec, code and seed."""

    equal: bool
    differences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Memory:
    """What the team knew: critical learnings (id, title), rejected strategies by likeness, learnings of this one.

    `doubtful` names the numbers in its learnings that its evidence does not give, each with file, line and column.
    """

    critical: tuple[tuple[str, str], ...] = ()
    rejected: tuple[tuple[str, float], ...] = ()
    learned: int = 0
    doubtful: tuple[str, ...] = ()


@dataclass(frozen=True)
class Players:
    """Who wrote the specification and who reviewed it, as `team.yaml` and the history name them; empty if unknown."""

    authors: frozenset[str] = frozenset()
    reviewers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Case:
    """One strategy before a gate. What is ``None`` is missing, and a check that needs it does not pass."""

    strategy_id: str
    spec: MlSpec | None = None
    features: FeatureSet | None = None
    meta: EvidenceMeta | None = None
    predictions: pd.DataFrame | None = None
    market: pd.DataFrame | None = None
    features_sample: pd.DataFrame | None = None
    importances: pd.DataFrame | None = None
    preprocessing: pd.DataFrame | None = None
    noise: pd.DataFrame | None = None
    skill: pd.DataFrame | None = None
    baselines: pd.DataFrame | None = None
    simple: pd.DataFrame | None = None
    datasets: Mapping[str, Dataset] | None = None
    dataset_hashes: Mapping[str, str] | None = None
    bars: Mapping[str, pd.DataFrame] | None = None
    surroundings: Surroundings | None = None
    ledger: LedgerView | None = None
    code_dir: Path | None = None
    model_dir: Path | None = None
    strategy_code: str | None = None
    document_findings: list[Finding] | None = None
    evidence_problems: list[str] = field(default_factory=list)
    replay: ReplayResult | None = None
    backtest: Backtest | None = None
    backtest_trades: pd.DataFrame | None = None
    backtest_equity: pd.DataFrame | None = None
    risk: RiskAssessment | None = None
    critic: CriticReview | None = None
    report_text: str | None = None
    documents: Documents | None = None
    registry: RegistryEntry | None = None
    holdout: HoldoutLook | None = None
    memory: Memory | None = None
    players: Players | None = None
    universe: pd.DataFrame | None = None
    trials: pd.DataFrame | None = None
    trial_returns: pd.DataFrame | None = None
    seeds: pd.DataFrame | None = None
    thresholds: pd.DataFrame | None = None
    imported: ImportedFacts | None = None

    @cached_property
    def returns(self) -> Returns | None:
        """Positions, costs and returns of the test parts, recomputed from signals and market closes."""
        if self.predictions is None or self.market is None or self.meta is None:
            return None
        if self.imported is not None and self.imported.timed.timing != "not_stored":
            return recompute_returns(self.predictions, self.market, self.meta, self.imported.timed.position)
        return recompute_returns(self.predictions, self.market, self.meta)

    @cached_property
    def plateau(self) -> Plateau | None:
        """Returns of the same forecasts with thresholds near the stated ones; foreign evidence brings a table."""
        if self.imported is not None or self.returns is None or self.market is None or self.meta is None:
            return None
        from crypto_team.gates.plateau import traded_near

        return traded_near(self.returns, self.market, self.meta)

    @cached_property
    def leaning(self) -> Leaning | None:
        """What the forecasts lean on, recomputed once from the features beside them."""
        if self.returns is None or self.features_sample is None:
            return None
        from crypto_team.gates.leaning import leaning

        return leaning(self.returns, self.features_sample)

    @cached_property
    def audit(self) -> FeatureAudit | None:
        """Causality audit of every feature, run once for all checks that look at it."""
        if self.bars is None or self.features is None or self.spec is None:
            return None
        from crypto_team.gates.audit import audit_features

        return audit_features(self.features, self.bars, self.code_dir, self.spec.market.timeframe, self.surroundings)


DERIVED: Mapping[str, tuple[str, ...]] = {
    "returns": ("predictions", "market", "meta"),
    "audit": ("bars", "features", "spec"),
    "plateau": ("predictions", "market", "meta"),
    "leaning": ("features_sample", "predictions", "market", "meta"),
}
EVIDENCE = frozenset({each.name for each in fields(Case)} | set(DERIVED))

LOCATIONS: Mapping[str, str] = {
    "spec": "ml-spec.yaml",
    "features": "features.yaml",
    "memory": "learnings and registry",
    "players": "team.yaml: members",
    "universe": "evidence: universe.parquet",
    "trials": "evidence: trials.parquet",
    "trial_returns": "evidence: trial_returns.parquet",
    "seeds": "evidence: seeds.parquet",
    "thresholds": "evidence: thresholds.parquet",
    "meta": "evidence: meta.yaml",
    "predictions": "evidence: predictions.parquet",
    "market": "evidence: market.parquet",
    "features_sample": "evidence: features.parquet",
    "importances": "evidence: importances.parquet",
    "preprocessing": "evidence: preprocessing.parquet",
    "noise": "evidence: noise.parquet",
    "skill": "evidence: skill.parquet",
    "baselines": "evidence: baselines.parquet",
    "simple": "evidence: simple.parquet, the simplest model of each fold",
    "datasets": "data catalog records",
    "dataset_hashes": "hashes of the datasets' files",
    "bars": "candles of the registered datasets",
    "surroundings": "other pairs and series that formulas read",
    "ledger": "ledger of trials",
    "code_dir": "code/ of the strategy",
    "model_dir": "fold model files",
    "strategy_code": "exported strategy file",
    "document_findings": "validation of the documents",
    "replay": "replay of the evidence",
    "backtest": "Freqtrade backtest record",
    "backtest_trades": "trade_log.csv of the backtest",
    "backtest_equity": "equity_curve.csv of the backtest",
    "holdout": "the sealed bars, which the handoff opens once every other check of its gate has passed",
    "risk": "risk-assessment.yaml",
    "critic": "critic-review.yaml",
    "report_text": "ml-report.md",
    "documents": "text of the documents, with places",
    "imported": "what imported evidence says about itself",
}


def missing(case: Case, name: str) -> list[str]:
    """Return where the evidence called `name`, or what it is derived from, would have to lie; empty if all is there."""
    return [LOCATIONS.get(each, each) for each in DERIVED.get(name, (name,)) if getattr(case, each) is None]


def places(name: str) -> list[str]:
    """Return where the evidence called `name`, or what it is derived from, lies."""
    return [LOCATIONS.get(each, each) for each in DERIVED.get(name, (name,))]
