from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from crypto_team.errors import NotFoundError
from crypto_team.features import machine
from crypto_team.features import opcodes as op
from crypto_team.features.composition import formula_values
from crypto_team.features.formula import canonical_text, family, feature_name, parse
from crypto_team.features.needs import pinned
from crypto_team.features.plan import compile_formulas, lookback
from crypto_team.features.sets import SETS, feature_set
from tests.features.worlds import everything, listed

if TYPE_CHECKING:
    from tests.features.conftest import Market


def test_the_standard_set_holds_about_a_hundred_candidates_of_all_families() -> None:
    found = feature_set("standard")
    assert 80 <= len(found) <= 120
    assert {item.category for item in found} == {"price_action", "volume", "statistical", "derived", "temporal"}


@pytest.mark.parametrize("name", SETS)
def test_every_feature_of_a_set_has_its_own_name_and_is_in_canonical_form(name: str) -> None:
    found = feature_set(name)
    assert len({item.name for item in found}) == len({item.formula for item in found}) == len(found)
    for item in found:
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,79}", item.name)
        assert item.name == feature_name(item.formula)
        assert item.category == family(parse(item.formula))
        assert item.formula == canonical_text(parse(item.formula))


COMPOSED = {"temporal", "cross_asset", "flow", "microstructure_84"}


def test_sets_have_the_sizes_that_their_names_say() -> None:
    assert len(feature_set("indicators_52")) == 52
    assert len(feature_set("alpha_25")) == 25
    assert len(feature_set("microstructure_84")) == 84
    assert all(20 <= len(feature_set(name)) <= 40 for name in ("cross_asset", "flow", "kraken_5m"))


@pytest.mark.parametrize("name", sorted(COMPOSED))
def test_composed_sets_are_computed_from_what_lies_around(name: str) -> None:
    made = everything()
    texts = [pinned(item.formula, listed, "1h") for item in feature_set(name)]
    nodes = [parse(text, "1h") for text in texts if not text.startswith("hmm")]
    found = formula_values(nodes, made.frame, made.around)
    for node, values in zip(nodes, found, strict=True):
        behind = lookback(node, made.frame.step)
        assert behind < 3000
        known = np.isfinite(values[max(behind, 200) :])
        assert known.mean() > 0.9, canonical_text(node)


@pytest.mark.parametrize("name", sorted(SETS.keys() - COMPOSED))
def test_every_feature_of_a_set_is_known_after_a_moderate_look_back(name: str, market: Market) -> None:
    plan = compile_formulas([item.formula for item in feature_set(name)])
    assert max(plan.lookback) <= 500
    values = plan.compute(market.columns, market.times)
    for number, item in enumerate(feature_set(name)):
        known = values[plan.lookback[number] :, number]
        assert np.isfinite(known).all(), item.name
        assert np.std(known) > 0, item.name


@pytest.mark.parametrize("name", sorted(SETS.keys() - COMPOSED))
def test_values_are_recomputed_from_their_look_back_as_the_reference_promises(name: str, market: Market) -> None:
    for item in feature_set(name):
        plan = compile_formulas([item.formula])
        codes = set(plan.program.steps.reshape(-1, machine.COLUMNS)[:, machine.CODE].tolist())
        whole = plan.doubles(market.columns, market.times)[:, 0]
        for end in (811, 1501, 2500):
            window = market.part(end - 1 - plan.lookback[0], end)
            again = plan.doubles(window.columns, window.times)[-1, 0]
            allowed = 1e-5 * float(np.nanstd(whole)) if op.SMOOTHED in codes else 1e-12 * (op.HURST in codes)
            assert abs(again - whole[end - 1]) <= allowed, item.name


@pytest.mark.parametrize("name", sorted(SETS.keys() - COMPOSED))
def test_features_do_not_depend_on_the_price_level(name: str, market: Market) -> None:
    plan = compile_formulas([item.formula for item in feature_set(name)])
    scaled = {key: values * (1.0 if key == "volume" else 1000.0) for key, values in market.columns.items()}
    found, whole = (plan.compute(columns, market.times) for columns in (scaled, market.columns))
    for number, item in enumerate(feature_set(name)):
        spread = float(np.nanstd(whole[:, number]))
        assert np.allclose(found[:, number], whole[:, number], rtol=1e-4, atol=1e-4 * spread, equal_nan=True), item.name


def test_half_of_alpha_25_reads_the_order_book_where_there_is_one() -> None:
    better = [item for item in feature_set("alpha_25") if item.better]
    assert len(better) == 16
    assert len({item.better for item in better}) == len(better)
    assert all('book("' in str(item.better) for item in better)


@pytest.mark.parametrize("name", ["indicators_52", "kraken_5m"])
def test_sets_of_seeds_that_count_trades_have_their_trends(name: str, market: Market) -> None:
    better = [str(item.better) for item in feature_set(name) if item.better]
    assert len(set(better)) == 3
    columns = market.columns | {"trades": np.ceil(market.columns["volume"])}
    values = compile_formulas(better).compute(columns, market.times)
    assert np.isfinite(values[300:]).all()
    assert (np.std(values[300:], axis=0) > 0).all()


def test_returns_of_an_hour_to_a_week_ago_stand_in_the_temporal_set() -> None:
    formulas = {item.formula for item in feature_set("temporal")}
    assert {f"lag(ret(close, 1), {n})" for n in (1, 4, 24, 168)} <= formulas


def test_an_unknown_set_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(NotFoundError, match="did you mean standard"):
        feature_set("standrad")
    with pytest.raises(NotFoundError, match="sets: standard"):
        feature_set("zzz")
