"""The shapes of everything that is stored: pydantic models are the only source, ``RECORDS`` lists every kind."""

from __future__ import annotations

from typing import Final

from crypto_team.schemas.base import Document
from crypto_team.schemas.data import Dataset, DataSpec
from crypto_team.schemas.evidence import EvidenceManifest, EvidenceMeta, ImportedMeta
from crypto_team.schemas.features import FeatureSet
from crypto_team.schemas.gate import Handoff, Policy
from crypto_team.schemas.holdout import HoldoutLook
from crypto_team.schemas.ml_spec import MlSpec
from crypto_team.schemas.model import ModelManifest
from crypto_team.schemas.registry import Learning, LearningEvent, Registration, RegistryEntry, RegistryEvent, Trial
from crypto_team.schemas.reviews import (
    Backtest,
    CriticReview,
    Deployment,
    Ownership,
    QuantReview,
    RiskAssessment,
    StrategySpec,
    Team,
)

RECORDS: Final[dict[str, type[Document]]] = {
    "ml_spec": MlSpec,
    "features": FeatureSet,
    "strategy_spec": StrategySpec,
    "dataset": Dataset,
    "data_spec": DataSpec,
    "model": ModelManifest,
    "evidence": EvidenceManifest,
    "evidence_meta": EvidenceMeta,
    "imported_evidence": ImportedMeta,
    "registry": Registration,
    "registry_event": RegistryEvent,
    "learning": Learning,
    "learning_event": LearningEvent,
    "trial": Trial,
    "handoff": Handoff,
    "holdout_look": HoldoutLook,
    "backtest": Backtest,
    "quant_review": QuantReview,
    "critic_review": CriticReview,
    "risk_assessment": RiskAssessment,
    "deployment": Deployment,
    "policy": Policy,
    "team": Team,
    "ownership": Ownership,
}

__all__ = [
    "RECORDS",
    "Backtest",
    "CriticReview",
    "DataSpec",
    "Dataset",
    "Deployment",
    "Document",
    "EvidenceManifest",
    "EvidenceMeta",
    "FeatureSet",
    "Handoff",
    "HoldoutLook",
    "ImportedMeta",
    "Learning",
    "LearningEvent",
    "MlSpec",
    "ModelManifest",
    "Ownership",
    "Policy",
    "QuantReview",
    "Registration",
    "RegistryEntry",
    "RegistryEvent",
    "RiskAssessment",
    "StrategySpec",
    "Team",
    "Trial",
]
