"""Labels: what a model is asked to predict. They look ahead on purpose and can never be inputs.

The decision at bar t is taken at its close. A label over h bars covers the half-open interval [t, t + h): it is known
at the close of bar t + h.
"""

from crypto_team.labels.barriers import (
    Barrier,
    Prices,
    Touch,
    barrier_labels,
    cusum_events,
    first_touches,
    triple_barrier,
)
from crypto_team.labels.fixed import (
    Labels,
    classes_of,
    expected_move,
    forward_returns,
    make_labels,
    past_volatility,
    scaled_labels,
)
from crypto_team.labels.targets import horizon_returns, target_labels
from crypto_team.labels.weights import (
    average_uniqueness,
    class_balance,
    class_weights,
    concurrency,
    return_attribution,
    sequential_bootstrap,
    sequential_probabilities,
    time_decay,
    uniqueness_weights,
)

__all__ = [
    "Barrier",
    "Labels",
    "Prices",
    "Touch",
    "average_uniqueness",
    "barrier_labels",
    "class_balance",
    "class_weights",
    "classes_of",
    "concurrency",
    "cusum_events",
    "expected_move",
    "first_touches",
    "forward_returns",
    "horizon_returns",
    "make_labels",
    "past_volatility",
    "return_attribution",
    "scaled_labels",
    "sequential_bootstrap",
    "sequential_probabilities",
    "target_labels",
    "time_decay",
    "triple_barrier",
    "uniqueness_weights",
]
