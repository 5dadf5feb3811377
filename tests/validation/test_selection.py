from __future__ import annotations

import numpy as np

from crypto_team.validation.selection import select

NAMES = ["edge", "copy", "noise", "constant", "missing", "weak"]


def _rank(columns: list[int], kind: str) -> np.ndarray:
    del kind
    return np.full(len(columns), 1.0 / len(columns))


def _data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.standard_normal(1000)
    edge = y + rng.standard_normal(1000)
    columns = [edge, edge + 0.01 * rng.standard_normal(1000), rng.standard_normal(1000)]
    columns += [np.full(1000, 3.0), np.full(1000, np.nan), 0.2 * y + rng.standard_normal(1000)]
    return np.column_stack(columns).astype(np.float32), y


def test_constants_and_empty_columns_go_first() -> None:
    x, y = _data()
    chosen = select(x, y, names=NAMES, correlation_limit=0.95, max_features=10, rank=_rank)
    assert chosen.removed[3] == "constant in the training rows"
    assert chosen.removed[4] == "no value in the training rows"
    assert chosen.kept == [0, 2, 5]


def test_of_two_twins_the_more_relevant_one_stays() -> None:
    x, y = _data()
    chosen = select(x, y, names=NAMES, correlation_limit=0.95, max_features=10, rank=_rank)
    assert chosen.removed[1] == "correlation 1.000 with edge"


def test_a_column_is_compared_with_kept_ones_only() -> None:
    rng = np.random.default_rng(1)
    a = rng.standard_normal(5000)
    b = 0.9 * a + np.sqrt(1 - 0.81) * rng.standard_normal(5000)
    c = 0.9 * b + np.sqrt(1 - 0.81) * rng.standard_normal(5000)
    x, y = np.column_stack([a, b, c]).astype(np.float32), a + 0.0 * b
    # b falls to a; c is near b (.9) but not near a (.81), so it stays.
    chosen = select(x, y, names=["a", "b", "c"], correlation_limit=0.85, max_features=10, rank=_rank)
    assert chosen.kept == [0, 2]


def test_the_importance_of_a_quick_fit_decides_when_too_many_are_left() -> None:
    x, y = _data()
    chosen = select(
        x, y, names=NAMES, correlation_limit=0.95, max_features=1, rank=lambda columns, kind: np.array([0.2, 0.7, 0.1])
    )
    assert chosen.kept == [2]
    assert chosen.removed[0] == "importance rank 2 of 3"


def test_recursive_elimination_ranks_again_after_each_round() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((200, 8)).astype(np.float32), rng.standard_normal(200)
    seen: list[int] = []

    def rank(columns: list[int], kind: str) -> np.ndarray:
        assert kind == "importance"
        seen.append(len(columns))
        return np.arange(len(columns), dtype=np.float64)

    chosen = select(x, y, names=list("abcdefgh"), correlation_limit=0.95, max_features=3, rank=rank, ranking="rfe")
    assert seen == [8, 6, 5, 4]
    assert chosen.kept == [5, 6, 7]
    assert chosen.removed[0] == "round 1 of 4, importance rank 8 of 8"
    assert len(chosen.removed) == 5


def test_recursive_elimination_reunites_the_importance_that_twins_share() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((200, 4)).astype(np.float32), rng.standard_normal(200)
    effect = ["one effect", "one effect", "another", "none"]
    size = {"one effect": 0.5, "another": 0.4, "none": 0.0}

    def rank(columns: list[int], kind: str) -> np.ndarray:
        assert kind == "importance"
        kinds = [effect[column] for column in columns]
        return np.array([size[kind] / kinds.count(kind) for kind in kinds])

    once = select(x, y, names=list("abcd"), correlation_limit=1.0, max_features=1, rank=rank)
    again = select(x, y, names=list("abcd"), correlation_limit=1.0, max_features=1, rank=rank, ranking="rfe")
    assert once.kept == [2]
    assert again.kept == [0]


def test_the_chain_filters_ranks_eliminates_and_prunes_one_after_the_other() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((300, 80)).astype(np.float32), rng.standard_normal(300)
    x[:, 79] = x[:, 0]
    seen: list[tuple[str, int]] = []

    def rank(columns: list[int], kind: str) -> np.ndarray:
        seen.append((kind, len(columns)))
        # SHAP finds nothing in column 5; both find the more the lower the number of the column.
        return np.array([0.0 if kind == "shap" and column == 5 else 100.0 - column for column in columns])

    chosen = select(
        x, y, names=[f"f{at}" for at in range(80)], correlation_limit=0.95, max_features=30, rank=rank, ranking="chain"
    )
    assert seen == [("importance", 79), ("importance", 50), ("importance", 38), ("shap", 30)]
    assert len(chosen.kept) == 29
    assert 5 not in chosen.kept
    assert chosen.removed[5] == "SHAP share 0.00000, below 0.00333"
    reasons = set(chosen.removed.values())
    assert any(reason.startswith("correlation 1.000 with") for reason in reasons)
    assert "importance rank 51 of 79" in reasons
    assert "round 2 of 2, importance rank 38 of 38" in reasons
    assert len(chosen.removed) + len(chosen.kept) == 80


def test_pruning_never_takes_the_last_column() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((300, 5)).astype(np.float32), rng.standard_normal(300)

    def silent(columns: list[int], kind: str) -> np.ndarray:
        return np.zeros(len(columns)) if kind == "shap" else np.arange(len(columns), dtype=np.float64)

    chosen = select(x, y, names=list("abcde"), correlation_limit=0.95, max_features=3, rank=silent, ranking="chain")
    assert chosen.kept == [2, 3, 4]
