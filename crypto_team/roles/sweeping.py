"""A search over designs of one strategy: every configuration is measured out of sample, booked, and counted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crypto_team.errors import UsageError
from crypto_team.roles import records, training
from crypto_team.roles.booking import booked
from crypto_team.roles.ml_engineer import write_design
from crypto_team.schemas.outcome import Outcome

if TYPE_CHECKING:
    import numpy as np

    from crypto_team.features.matrix import FeatureMatrix
    from crypto_team.roles.training import Design
    from crypto_team.tools.session import Session

ENTRY_CHOICES = (0.5, 0.51, 0.52, 0.53, 0.55)
MOST_TRIALS = 1000


def sweep(session: Session, strategy_id: str, *, trials: int, features_per_trial: int) -> Outcome:
    """Draw configurations, measure each by walk-forward, book all, and write the best one as the design."""
    import numpy as np

    plan = training.design(session, strategy_id)
    _check_limits(plan, trials, features_per_trial)
    computed = _ready(plan, session)
    rng = np.random.default_rng(plan.spec.reproducibility.random_seed)
    rows: list[dict[str, Any]] = []
    best: tuple[float, Design] | None = None
    with booked(session, strategy_id, kind="sweep", fingerprint=plan.fingerprint, n_trials=trials) as booking:
        for number in range(trials):
            session.progress(0.1 + 0.9 * number / trials, f"configuration {number + 1} of {trials}")
            candidate = _draw(plan, rng, features_per_trial)
            booking.measure(_predictions(candidate, computed, session))
            daily = booking.sharpes[-1]
            rows.append(
                {
                    "trial": number + 1,
                    "sharpe_annual": round(daily * training.DAYS_PER_YEAR**0.5, 4),
                    "entry": candidate.spec.signal.entry_threshold,
                    "features": ", ".join(feature.name for feature in candidate.features.features),
                }
            )
            if best is None or daily > best[0]:
                best = (daily, candidate)
        records.save(
            session, "ml_engineer", "sweep", strategy_id, [booking.finished()], f"{strategy_id}: {trials} trials"
        )
    assert best is not None  # noqa: S101 - at least two trials ran
    chosen = best[1]
    revision = write_design(session, "sweep", chosen.spec, chosen.features, f"best of {trials} configurations")
    rows.sort(key=lambda row: -row["sharpe_annual"])
    return Outcome(
        ok=True,
        summary=f"{strategy_id}: best of {trials} has an annual Sharpe of {rows[0]['sharpe_annual']:.2f}; "
        f"all {trials} are in the ledger",
        revision=revision,
        data=rows[:20],
        next=[f"crypto-team ml-engineer train {strategy_id}"],
    )


def _ready(plan: Design, session: Session) -> dict[str, FeatureMatrix]:
    """Return the features of all candidates; a design that cannot be trained is refused before it is booked."""
    from crypto_team.validation.walk_forward import planned

    settings = training.checked(plan.spec, plan.features)
    computed = training.matrices(plan, session)
    planned(training.joined(plan, computed), settings)
    return computed


def _check_limits(plan: Design, trials: int, features_per_trial: int) -> None:
    """Refuse a search that is too small to compare, too large to finish, or draws more features than there are."""
    candidates = len(plan.features.features)
    if not 2 <= trials <= MOST_TRIALS:
        raise UsageError(f"between 2 and {MOST_TRIALS} trials, not {trials}", where="--trials")
    if not 1 <= features_per_trial <= candidates:
        raise UsageError(f"{plan.spec.strategy_id} has {candidates} candidate features", where="--features-per-trial")


def _draw(plan: Design, rng: np.random.Generator, count: int) -> Design:
    """Draw a subset of the candidates and a threshold."""
    picked = sorted(rng.choice(len(plan.features.features), size=count, replace=False))
    features = plan.features.model_copy(update={"features": [plan.features.features[index] for index in picked]})
    entry = float(rng.choice(ENTRY_CHOICES))
    signal = plan.spec.signal.model_copy(update={"entry_threshold": entry, "exit_threshold": round(1.0 - entry, 6)})
    return replace(plan, spec=plan.spec.model_copy(update={"signal": signal}), features=features)


def _predictions(candidate: Design, computed: dict[str, FeatureMatrix], session: Session) -> Any:
    """Run the walk-forward of one configuration on columns that are computed already, as training it alone would."""
    names = [feature.name for feature in candidate.features.features]
    longest = max(feature.lookback for feature in candidate.features.features)
    chosen = {}
    for pair, matrix in computed.items():
        columns = [matrix.names.index(name) for name in names]
        fitted = {name: item for name, item in matrix.fitted.items() if name in names}
        chosen[pair] = replace(
            matrix, names=tuple(names), values=matrix.values[:, columns], lookback=longest, fitted=fitted
        )
    quiet = replace(session, progress=lambda _fraction, _text: None)
    return training.walk_forward(candidate, training.joined(candidate, chosen), quiet).predictions
