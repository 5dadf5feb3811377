from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_team.kb.yaml import FindingsError, Marked, check, dump_data, load_record, parse
from crypto_team.schemas import FeatureSet, MlSpec, RegistryEntry

if TYPE_CHECKING:
    from pathlib import Path


def refused(text: str) -> FindingsError:
    with pytest.raises(FindingsError) as caught:
        parse(text, "file.yaml")
    return caught.value


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "2020-01-01", "1:30", "0o17", "0x1F", "1_000", "y"])
def test_words_that_other_loaders_convert_stay_text(word: str) -> None:
    assert parse(f"key: {word}", "f").data == {"key": word}


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("~", None), ("-3", -3), ("1e3", 1000.0), (".5", 0.5), ("-.inf", float("-inf"))]
)
def test_core_scalars_are_read(text: str, value: object) -> None:
    assert parse(f"key: {text}", "f").data == {"key": value}


def test_an_alias_bomb_is_refused_at_its_first_anchor() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    assert refused(bomb).findings[0].code == "yaml-alias"
    assert refused(bomb).findings[0].line == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: !!python/object:os.system x", "yaml-tag"),
        ("a: !custom x", "yaml-tag"),
        ("a: 1\na: 2", "yaml-duplicate-key"),
        ("base: &b {x: 1}\nc:\n  <<: *b", "yaml-alias"),
        ("? [a, b]\n: 1", "yaml-key"),
        ("a: [1, 2", "yaml-syntax"),
        ("a: 1\n---\nb: 2", "yaml-syntax"),
        ("[" * 200 + "]" * 200, "yaml-limit"),
        ("a: " + "x" * 6_000_000, "yaml-limit"),
        ("a: \x01", "yaml-syntax"),
    ],
)
def test_what_could_hide_or_expand_is_refused_with_a_code(text: str, code: str) -> None:
    assert refused(text).findings[0].code == code


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_but_never_crashes(text: str) -> None:
    with contextlib.suppress(FindingsError):
        assert isinstance(parse(text, "f"), Marked)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=10), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(min_size=1, max_size=10), plain, max_size=5))
def test_what_is_written_is_read_back_equal(data: dict[str, object]) -> None:
    assert parse(dump_data(data), "f").data == data


def test_an_unknown_field_is_found_with_its_place_and_a_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "features.yaml"
    path.write_text("strategy_id: STR-001\nfeature_selection:\n  methd: none\n")
    with pytest.raises(FindingsError) as caught:
        load_record(path, FeatureSet)
    finding = caught.value.findings[0]
    assert (finding.line, finding.pointer) == (3, "/feature_selection/methd")
    assert finding.hint == "did you mean 'method'?"
    assert str(caught.value).startswith(f"{path}:3:")


def test_every_problem_of_a_document_is_reported_at_once() -> None:
    text = "strategy_id: STR-1\nfeatures: 3\nextra: 1\n"
    with pytest.raises(FindingsError) as caught:
        check(parse(text, "f"), FeatureSet)
    assert len(caught.value.findings) == 3


@pytest.mark.parametrize("value", ["STR-{NNN}", "{descriptive_name}", "[list]"])
def test_an_unfilled_placeholder_is_a_finding(value: str) -> None:
    with pytest.raises(FindingsError) as caught:
        check(parse(f'strategy_id: STR-001\nhypothesis: "{value}"\n', "f"), MlSpec)
    assert "placeholder" in {item.code for item in caught.value.findings}


def test_a_document_of_a_newer_version_is_refused_with_the_way_out() -> None:
    with pytest.raises(FindingsError) as caught:
        check(parse("schema_version: 2\nstrategy_id: STR-001\n", "f"), FeatureSet)
    assert caught.value.findings[0].code == "schema-version"
    assert "pip install" in str(caught.value)


def test_a_coercion_is_an_error_because_shapes_are_strict() -> None:
    with pytest.raises(FindingsError):
        check(parse('schema_version: "1"\nstrategy_id: STR-001\n', "f"), FeatureSet)


def test_bytes_that_are_not_utf8_are_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "features.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FindingsError, match="UTF-8"):
        load_record(path, FeatureSet)


@pytest.mark.parametrize(
    "text",
    [
        "strategy_id: [a",
        "\tstrategy_id: STR-001",
        "name: a: b",
        "name: 'open",
        "name: {a: 1",
        "strategy_id STR-001\nname: x",
        "a: &x 1",
        "a: !!python/object 1",
        "a: 1\na: 2",
        "? [a]\n: 1",
        "a: 1\n---\nb: 2",
        "name: \x07",
        "- 1",
        "strategy_id: STR-{NNN}",
        "strategy_nam: momentum",
        "schema_version: 99",
        "stage: critics\ntype: ml\nname: 7\nmetrics: {x: high}\nhistory: none",
    ],
)
def test_every_finding_says_what_to_do(text: str) -> None:
    with pytest.raises(FindingsError) as caught:
        check(parse(text, "registry.yaml"), RegistryEntry)
    for item in caught.value.findings:
        assert item.hint, item
        assert "^" not in item.hint
        assert item.line


def test_a_wrong_choice_is_told_the_nearest_one() -> None:
    with pytest.raises(FindingsError) as caught:
        check(parse("stage: critics", "registry.yaml"), RegistryEntry)
    assert "did you mean 'critic'?" in {item.hint for item in caught.value.findings}
