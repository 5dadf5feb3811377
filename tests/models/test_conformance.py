"""What every learner of the table promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from crypto_team.errors import CryptoTeamError, EvidenceError, InputError, NotFoundError, UsageError
from crypto_team.models.base import Hyperparameter, Model, ModelSettings
from crypto_team.models.registry import MODELS, factory, libraries, library_version, resolve

KINDS = [
    (name, classes)
    for name, learner in sorted(MODELS.items())
    for classes in (0, 2, 3)
    if (learner.regression if classes == 0 else learner.classification)
]
ROWS, COLUMNS = 600, 6
# Rows of a plain matrix have no history: short windows show the same in less time.
NETWORK: dict[str, Hyperparameter] = {"sequence": 3, "learning_rate": 0.01}
STACK: dict[str, Hyperparameter] = {"blocks": 2, "gru.sequence": 2, "gru.epochs": 8, "gru.learning_rate": 0.02}
SMALL: dict[str, dict[str, Hyperparameter]] = {
    "lstm": NETWORK,
    "gru": NETWORK,
    "transformer": NETWORK,
    "lstm_cnn": NETWORK,
    "stacking": STACK,
    "meta_network": STACK,
}
PREDICT = """
import sys
import numpy as np
from pathlib import Path
from crypto_team.models.registry import MODELS
name, classes, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
model = MODELS[name].load((folder / "model").read_bytes(), classes)
np.save(folder / "fresh.npy", model.predict(np.load(folder / "x.npy")))
"""


def _data(classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((ROWS, COLUMNS)).astype(np.float32)
    driver = x[:, 0] + 0.5 * rng.standard_normal(ROWS)
    x[rng.random(x.shape) < 0.05] = np.nan
    y = 20.0 * driver if classes == 0 else np.digitize(driver, np.linspace(-0.5, 0.5, classes - 1)).astype(np.float64)
    return x, np.asarray(y, dtype=np.float64)


def _fitted(name: str, classes: int, *, weight: np.ndarray | None = None) -> Model:
    model = factory(name).create(ModelSettings(classes, resolve(name, SMALL.get(name, {})), 7))
    model.fit(*_data(classes), weight)
    return model


@pytest.mark.parametrize(("name", "classes"), KINDS)
def test_two_fits_are_equal_to_the_bit(name: str, classes: int) -> None:
    x, _ = _data(classes)
    one, two = _fitted(name, classes), _fitted(name, classes)
    assert one.save() == two.save()
    assert np.array_equal(one.predict(x), two.predict(x))


@pytest.mark.parametrize(("name", "classes"), KINDS)
def test_a_saved_model_predicts_the_same_bits_in_a_fresh_process(name: str, classes: int, tmp_path: Path) -> None:
    x, _ = _data(classes)
    model = _fitted(name, classes)
    (tmp_path / "model").write_bytes(model.save())
    np.save(tmp_path / "x.npy", x)
    subprocess.run([sys.executable, "-c", PREDICT, name, str(classes), str(tmp_path)], check=True, timeout=120)
    assert np.array_equal(np.load(tmp_path / "fresh.npy"), model.predict(x))


@pytest.mark.parametrize(("name", "classes"), KINDS)
def test_a_row_gets_the_same_bits_alone_and_in_a_batch(name: str, classes: int) -> None:
    x, _ = _data(classes)
    model = _fitted(name, classes)
    batch = model.predict(x[:64])
    alone = np.concatenate([model.predict(x[row : row + 1]) for row in range(64)])
    assert np.array_equal(alone, batch)
    assert model.predict(x[:0]).shape == (0, max(classes, 1))


@pytest.mark.parametrize(("name", "classes"), KINDS)
def test_it_learns_and_survives_unknown_values(name: str, classes: int) -> None:
    x, y = _data(classes)
    predicted = _fitted(name, classes).predict(np.vstack([x, np.full((1, COLUMNS), np.nan, dtype=np.float32)]))
    assert np.isfinite(predicted).all()
    assert predicted.shape == (ROWS + 1, max(classes, 1))
    if classes:
        assert np.allclose(predicted.sum(axis=1), 1.0)
    assert np.corrcoef(predicted[:ROWS, -1], y)[0, 1] > 0.5


@pytest.mark.parametrize(("name", "classes"), KINDS)
def test_importances_sum_to_one_and_name_the_driver(name: str, classes: int) -> None:
    importances = _fitted(name, classes).importances()
    assert importances.sum() == pytest.approx(1.0)
    assert importances.shape == (COLUMNS,)
    assert int(importances.argmax()) == 0


@pytest.mark.parametrize(("name", "classes"), KINDS)
def test_weights_matter(name: str, classes: int) -> None:
    x, _ = _data(classes)
    weight = np.linspace(0.01, 2.0, ROWS)
    assert not np.array_equal(_fitted(name, classes, weight=weight).predict(x), _fitted(name, classes).predict(x))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_an_unknown_hyperparameter_names_the_nearest_one(name: str) -> None:
    known = next(iter(MODELS[name].defaults))
    with pytest.raises(UsageError, match=f"has no hyperparameter '{known}x'") as caught:
        resolve(name, {f"{known}x": 1})
    assert f"did you mean {known}?" in str(caught.value)


def test_the_library_s_own_name_of_a_hyperparameter_is_recognised() -> None:
    with pytest.raises(UsageError) as caught:
        resolve("lightgbm", {"feature_fraction": 0.3})
    assert "did you mean colsample_bytree?" in str(caught.value)


def test_a_hyperparameter_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(UsageError, match="lightgbm n_estimators is int, got 'many'"):
        resolve("lightgbm", {"n_estimators": "many"})


@pytest.mark.parametrize(("name", "bad"), [("lightgbm", {"learning_rate": -1.0}), ("xgboost", {"subsample": 7.0})])
def test_a_value_that_the_library_refuses_is_a_usage_error(name: str, bad: dict[str, float]) -> None:
    # Ranges that hold for every learner are checked before; what only the library knows is told in its words.
    model = factory(name).create(ModelSettings(2, {**resolve(name, {}), **bad}, 7))
    with pytest.raises(UsageError, match="refuses the hyperparameters"):
        model.fit(*_data(2))


def test_an_unknown_model_lists_the_known_ones() -> None:
    with pytest.raises(NotFoundError) as caught:
        factory("oracle")
    assert ", ".join(MODELS) in str(caught.value)


def test_rows_that_xgboost_cannot_learn_from_are_not_blamed_on_its_hyperparameters() -> None:
    model = MODELS["xgboost"].create(ModelSettings(2, resolve("xgboost", {"n_estimators": 2}), 0))
    x = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    y = (x[:, 0] > 0.0).astype(np.float64)
    x[5, 1] = np.inf
    with pytest.raises(InputError) as caught:
        model.fit(x, y)
    assert "cannot learn from the training rows" in caught.value.what
    assert "inf" in caught.value.what
    assert not any(word in caught.value.what for word in ("[bt]", "/", "\n", "hyperparameters"))


def test_catboost_says_nothing_of_a_class_that_does_not_occur(capfd: pytest.CaptureFixture[str]) -> None:
    model = MODELS["catboost"].create(ModelSettings(3, resolve("catboost", {"iterations": 2}), 0))
    x = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    model.fit(x, (x[:, 0] > 0.0).astype(np.float64))
    assert model.predict(x).shape == (200, 3)
    heard = capfd.readouterr()
    assert heard.out + heard.err == ""


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_text_that_is_no_model_is_an_evidence_error(name: str) -> None:
    with pytest.raises(EvidenceError):
        MODELS[name].load(b"{nonsense", 2)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_version_of_the_library_is_known(name: str) -> None:
    assert library_version(name).split()[1][0].isdigit()


@pytest.mark.parametrize(
    ("name", "hyperparameters", "expected"),
    [
        ("stacking", {}, {"scikit-learn", "lightgbm", "torch"}),
        ("stacking", {"members": "xgboost, lstm"}, {"scikit-learn", "xgboost", "torch"}),
        ("agreement", {}, {"numpy", "lightgbm", "scikit-learn"}),
        ("meta_network", {"members": "catboost,ridge"}, {"torch", "catboost", "numpy"}),
        ("horizons", {}, {"numpy", "lightgbm"}),
        ("horizons", {"member": "gru"}, {"numpy", "torch"}),
        ("linear_trees", {}, {"lightgbm"}),
    ],
)
def test_the_libraries_of_the_members_of_an_ensemble_are_known(
    name: str, hyperparameters: dict[str, str], expected: set[str]
) -> None:
    found = libraries(name, hyperparameters)
    assert set(found) == expected
    assert all(version[0].isdigit() for version in found.values())


@pytest.mark.parametrize(
    ("name", "key", "value", "says"),
    [
        ("gru", "sequence", 0, "has to be at least 1"),
        ("gru", "hidden", -4, "has to be at least 1"),
        ("gru", "epochs", 0, "has to be at least 1"),
        ("gru", "dropout", 1.5, "has to be between 0 and 1"),
        ("lightgbm", "n_estimators", 0, "has to be at least 1"),
        ("lightgbm", "learning_rate", float("nan"), "has to be a finite number, at least 0"),
        ("ridge", "l2", float("inf"), "l2 is inf, it has to be a finite number, at least 0"),
        ("lightgbm", "reg_lambda", -1.0, "has to be at least 0"),
        ("online_linear", "update_rows", 0, "has to be at least 1"),
        ("stacking", "gru.sequence", 0, "gru sequence is 0"),
        ("random_forest", "max_samples", 2.0, "has to be between 0 and 1"),
    ],
)
def test_numbers_that_no_learner_can_work_with_are_refused_before_any_training(
    name: str, key: str, value: float, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        resolve(name, {key: value})


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_defaults_and_presets_of_every_learner_are_in_range(name: str) -> None:
    for preset in MODELS[name].presets.values():
        resolve(name, preset)
    resolve(name, {**MODELS[name].defaults, **MODELS[name].quick})
    resolve(name, {key: 0 for key in ("early_stopping",) if key in MODELS[name].defaults})


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_constant_feature_fewer_rows_than_features_and_one_class_are_survived_or_refused(name: str) -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((90, 100)).astype(np.float32)
    x[:, 3], x[:, 4] = 1.0, np.nan
    small = SMALL.get(name, {})
    for y in (rng.integers(0, 2, 90).astype(np.float64), np.zeros(90)):
        model = factory(name).create(ModelSettings(2 if MODELS[name].classification else 0, resolve(name, small), 7))
        try:
            model.fit(x, y)
        except CryptoTeamError as refusal:
            assert len(str(refusal)) > 20  # noqa: PT017 - refusing is one of two right answers
            continue
        assert np.isfinite(model.predict(x)).all()
        importances = model.importances()
        assert (importances >= 0.0).all()
        assert importances.shape == (100,)
