"""Claims, replay, provenance, ledger and risk limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.case import Case, LedgerView, Players, ReplayResult
from crypto_team.gates.documents import Documents
from crypto_team.gates.registry import run_check
from crypto_team.schemas import RegistryEntry
from crypto_team.schemas.ml_spec import Risk, TopFeature
from crypto_team.schemas.outcome import Finding
from crypto_team.schemas.reviews import Objection

CODES = (
    "PR001", "PR002", "PR003", "PR004", "PR006", "PR009", "PR010", "PR012", "RK001", "RK002", "RK003", "RK005",
)  # fmt: skip


@pytest.mark.parametrize("code", CODES)
def test_an_honest_strategy_passes(honest: Case, code: str) -> None:
    result = run_check(code, honest)
    assert result.outcome == "passed", result.explanation


def spec(**changes: object) -> Callable[[Case], Case]:
    return lambda case: replace(case, spec=case.spec.model_copy(update=changes))


def headline(**changes: object) -> Callable[[Case], Case]:
    def change(case: Case) -> Case:
        assert case.spec.out_of_sample is not None
        claim = case.spec.out_of_sample.model_copy(update=changes)
        return replace(case, spec=case.spec.model_copy(update={"out_of_sample": claim}))

    return change


def reported(name: str, value: float) -> Callable[[Case], Case]:
    return lambda case: replace(case, documents=Documents(report_numbers={name: value}))


def flattering_returns(case: Case) -> Case:
    """Raise the stored returns and the claims together, as an author who writes both would."""
    from crypto_team.validation.metrics import out_of_sample

    assert case.predictions is not None
    frame = case.predictions.assign(return_net=case.predictions["return_net"] + 0.001)
    return replace(case, predictions=frame, spec=case.spec.model_copy(update={"out_of_sample": out_of_sample(frame)}))


def in_the_registry(case: Case) -> Case:
    now = "2026-01-02T03:04:05Z"
    entry = RegistryEntry(
        strategy_id=case.strategy_id,
        name="edge",
        type="ml_based",
        stage="data_collector",
        status="in_progress",
        created=now,
        updated=now,
        metrics={"oos_sharpe": 9.9},
    )
    return replace(case, registry=entry)


def other_top_feature(case: Case) -> Case:
    claim = TopFeature(name="volume_1", importance=0.9)
    features = case.spec.features.model_copy(update={"top_features": [claim]})
    return replace(case, spec=case.spec.model_copy(update={"features": features}))


def balance(case: Case) -> Case:
    assert case.spec.target is not None
    target = case.spec.target.model_copy(update={"class_balance": [0.1, 0.9]})
    return replace(case, spec=case.spec.model_copy(update={"target": target}))


def other_seed(case: Case) -> Case:
    changed = case.spec.reproducibility.model_copy(update={"random_seed": 7})
    return replace(case, spec=case.spec.model_copy(update={"reproducibility": changed}))


def ledger(number: int, sharpes: tuple[float, ...] = (), *, problems: tuple[str, ...] = ()) -> Callable[[Case], Case]:
    return lambda case: replace(case, ledger=LedgerView(number, sharpes, not problems, problems))


def objection(case: Case) -> Case:
    assert case.critic is not None
    blocking = Objection(severity="blocking", claim="it is a leak", evidence="x", alternative="y")
    return replace(case, critic=case.critic.model_copy(update={"objections": [blocking]}))


def played_by(authors: set[str], reviewers: set[str]) -> Callable[[Case], Case]:
    return lambda case: replace(case, players=Players(frozenset(authors), frozenset(reviewers)))


def risk(**changes: object) -> Callable[[Case], Case]:
    def change(case: Case) -> Case:
        assert case.risk is not None
        return replace(case, risk=case.risk.model_copy(update=changes))

    return change


@pytest.mark.parametrize(
    ("code", "tamper", "says"),
    [
        (
            "PR001",
            lambda c: replace(c, document_findings=[Finding(code="x", severity="error", message="TODO left")]),
            "TODO left",
        ),
        ("PR001", lambda c: replace(c, evidence_problems=["noise.parquet: hash differs"]), "hash differs"),
        ("PR002", headline(sharpe=11.83), "out_of_sample.sharpe says 11.83"),
        ("PR002", headline(n_trades=1180), "n_trades says 1180"),
        ("PR002", flattering_returns, "out_of_sample.sharpe"),
        ("PR002", in_the_registry, "registry/STR-001.yaml: metrics.oos_sharpe says 9.9"),
        ("PR002", other_top_feature, "features.top_features[0] volume_1 says 0.9"),
        ("PR002", balance, "class_balance"),
        ("PR002", spec(hypothesis="It has a Sharpe ratio of 4.20 in all years."), "Sharpe ratio of 4.20"),
        ("PR002", reported("out_of_sample.auc", 0.9), "ml-report.md: out_of_sample.auc"),
        ("PR002", reported("fold_0.auc", 0.99), "ml-report.md: fold_0.auc"),
        ("PR003", lambda c: replace(c, replay=ReplayResult(False, ("predictions.parquet",))), "predictions"),
        ("PR004", other_seed, "seed 7"),
        ("PR006", lambda c: replace(c, report_text="## Overfitting analysis\n\nfine\n"), "Limitations"),
        ("PR009", objection, "it is a leak"),
        ("PR009", played_by({"ada@x.org", "bob@x.org"}, {"ada@x.org"}), "ada@x.org wrote the specification and"),
        ("PR010", ledger(3, problems=("trial 2 was removed",)), "removed"),
        ("PR012", ledger(0), "not booked"),
        ("PR012", ledger(1, (0.1, 0.2)), "2 Sharpe ratios"),
        ("RK001", spec(risk=Risk(position_fraction=0.5)), "12.50% at risk"),
        ("RK002", spec(risk=Risk(max_open_positions=10)), "12.50% in all"),
        ("RK003", spec(risk=Risk(position_fraction=0.2)), "20.00% of the account"),
        ("RK005", spec(risk=Risk(position_fraction=0.04)), "position_fraction: the assessment says 0.05"),
        ("RK005", risk(portfolio_heat=0.001), "portfolio_heat: the assessment says 0.001"),
        ("RK005", risk(breakers=[0.1, 0.2]), "breakers"),
        ("RK005", risk(breakers=[0.1, 0.2, 0.3, 0.4]), "breakers"),
    ],
)
def test_false_claims_and_broken_rules_are_refused(
    honest: Case, code: str, tamper: Callable[[Case], Case], says: str
) -> None:
    result = run_check(code, tamper(honest))
    assert result.outcome == "refused", result.explanation
    assert says in result.explanation


def test_another_player_than_the_author_may_review(honest: Case) -> None:
    other = run_check("PR009", played_by({"ada@x.org"}, {"bob@x.org"})(honest))
    assert (other.outcome, "reviewed by bob@x.org" in other.explanation) == ("passed", True)
    unknown = run_check("PR009", played_by({"ada@x.org"}, set())(honest))
    assert (unknown.outcome, "only the roles differ" in unknown.explanation) == ("passed", True)


def in_model(**changes: object) -> Callable[[Case], Case]:
    return lambda case: replace(
        case, spec=case.spec.model_copy(update={"model": case.spec.model.model_copy(update=changes)})
    )


def in_training(**changes: object) -> Callable[[Case], Case]:
    return lambda case: in_model(training=case.spec.model.training.model_copy(update=changes))(case)


def in_target(**changes: object) -> Callable[[Case], Case]:
    return lambda case: spec(target=case.spec.target.model_copy(update=changes))(case)


def in_selection(**changes: object) -> Callable[[Case], Case]:
    def change(case: Case) -> Case:
        assert case.features is not None
        selection = case.features.feature_selection.model_copy(update=changes)
        return replace(case, features=case.features.model_copy(update={"feature_selection": selection}))

    return change


def in_first_feature(**changes: object) -> Callable[[Case], Case]:
    def change(case: Case) -> Case:
        assert case.features is not None
        first, *others = case.features.features
        return replace(
            case, features=case.features.model_copy(update={"features": [first.model_copy(update=changes), *others]})
        )

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (in_model(calibration="isotonic"), 'model.calibration is "isotonic", trained with "shrunk"'),
        (in_model(hyperparameters={"l2": 0.5}), "model.hyperparameters.l2 is 0.5, trained with 2.0"),
        (in_training(anchor="end"), "model.training.anchor"),
        (in_training(window="rolling_50d"), "model.training.window"),
        (in_training(test="16d"), "model.training.test"),
        (in_training(step="16d"), "model.training.step"),
        (in_training(gap="2d"), "model.training.gap"),
        (in_target(label_weights="uniqueness"), "target.label_weights"),
        (in_target(class_weights="balanced"), "target.class_weights"),
        (in_target(horizon_set=[8]), "target.horizon_set"),
        (in_selection(ranking="rfe"), "feature_selection.ranking"),
        (in_selection(correlation_limit=0.5), "feature_selection.correlation_limit"),
        (in_first_feature(formula="roc(close, 3)"), "features.volume_0"),
        (in_first_feature(name="renamed"), "features.renamed"),
    ],
)
def test_a_design_that_changed_after_the_training_makes_the_evidence_stale(
    honest: Case, change: Callable[[Case], Case], says: str
) -> None:
    result = run_check("PR004", change(honest))
    assert result.outcome == "refused", result.explanation
    assert "the evidence is stale" in result.explanation
    assert says in result.explanation


@pytest.mark.parametrize(
    "change", [in_model(calibration="platt"), in_training(step="16d"), in_model(hyperparameters={"l2": 0.5})]
)
def test_older_evidence_is_compared_by_what_it_records(honest: Case, change: Callable[[Case], Case]) -> None:
    assert honest.meta is not None
    older = replace(honest, meta=honest.meta.model_copy(update={"trained_with": {}}))
    assert run_check("PR004", older).outcome == "passed"
    assert run_check("PR004", change(older)).outcome == "refused"


@pytest.mark.parametrize(
    "change",
    [
        in_model(hyperparameters={"l2": 2.0}),
        in_model(architecture="words"),
        in_first_feature(rationale="because", importance_rank=3),
        in_selection(output_count=3),
        spec(risk=Risk(max_open_positions=2)),
        spec(hypothesis="Another text."),
    ],
)
def test_prose_measures_and_later_decisions_leave_the_evidence_as_it_is(
    honest: Case, change: Callable[[Case], Case]
) -> None:
    result = run_check("PR004", change(honest))
    assert result.outcome == "passed", result.explanation


def test_a_setting_that_the_evidence_does_not_know_yet_counts_as_its_default(honest: Case) -> None:
    assert honest.meta is not None
    fewer = {key: value for key, value in honest.meta.trained_with.items() if key != "target.label_weights"}
    older = replace(honest, meta=honest.meta.model_copy(update={"trained_with": fewer}))
    assert run_check("PR004", older).outcome == "passed"
    assert run_check("PR004", in_target(label_weights="uniqueness")(older)).outcome == "refused"


def test_numbers_typed_correctly_to_their_digits_pass(honest: Case) -> None:
    assert honest.spec.out_of_sample is not None
    measured = honest.spec.out_of_sample
    text = f"Out of sample the Sharpe ratio is {measured.sharpe:.1f}, with an AUC of {measured.auc:.2f}."
    result = run_check("PR002", spec(hypothesis=text)(honest))
    assert result.outcome == "passed", result.explanation


def test_a_specification_without_measured_numbers_is_not_enough_evidence(honest: Case) -> None:
    assert run_check("PR002", spec(out_of_sample=None)(honest)).outcome == "not_enough_evidence"


def stands(case: Case, verdict: str, status: str) -> Case:
    """Let the risk manager and the registry say something about a strategy."""
    now = "2026-01-02T03:04:05Z"
    entry = RegistryEntry.model_validate(
        {
            "strategy_id": case.strategy_id,
            "name": "edge",
            "type": "ml_based",
            "stage": "risk_manager",
            "status": status,
            "created": now,
            "updated": now,
        }
    )
    return replace(risk(verdict=verdict, reasons=["fat tails"] if verdict == "rejected" else [])(case), registry=entry)


def test_only_what_the_risk_manager_approved_as_it_stands_is_handed_on(honest: Case) -> None:
    assert run_check("RK010", replace(honest, registry=None)).outcome == "not_enough_evidence"
    assert run_check("RK010", stands(honest, "approved", "approved")).outcome == "passed"
    rejected = run_check("RK010", stands(honest, "rejected", "rejected"))
    assert (rejected.outcome, rejected.value) == ("refused", 3)
    assert "the verdict is rejected; registry: it is rejected; risk-assessment.yaml: fat tails" in rejected.explanation
    assert run_check("RK010", stands(honest, "pending", "in_progress")).outcome == "refused"
    changed_since = run_check("RK010", stands(honest, "approved", "in_progress"))
    assert (changed_since.outcome, changed_since.value) == ("refused", 1)
