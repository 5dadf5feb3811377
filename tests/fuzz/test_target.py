"""A short form of `make fuzz`: seeds, and what hypothesis makes of them."""

from __future__ import annotations

import os
import resource
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import seeds
from tests.fuzz.target import one_input

SEEDS = list(seeds())
CALM = settings(max_examples=int(os.environ.get("FUZZ_EXAMPLES", "12")) * 10, deadline=2000, database=None)


@pytest.mark.parametrize("number", range(len(SEEDS)))
def test_every_seed_is_read_or_refused(number: int) -> None:
    one_input(SEEDS[number])


@CALM
@given(st.sampled_from(SEEDS), st.integers(0, 5000), st.binary(max_size=6), st.integers(0, 12))
def test_a_document_with_a_piece_replaced_is_read_or_refused(seed: bytes, at: int, piece: bytes, cut: int) -> None:
    place = at % max(len(seed), 1)
    one_input(seed[:place] + piece + seed[place + cut :])


@CALM
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    one_input(data)


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 100_000,
        "- " * 200_000,
        "a: {" * 50_000,
        "x: 1\n" * 300_000,
        "".join(f"k{number}: 1\n" for number in range(300_000)),
        "? " * 100_000,
        "a: '" + "''" * 1_000_000,
        "&a " * 200_000,
        "- - - - " * 100_000,
        "# " + "x" * 4_000_000,
        "a: " + "9" * 100_000,
        "ignore " * 300_000,
    ],
    ids=lambda text: text[:8],
)
def test_hostile_documents_take_little_time_and_memory(text: str) -> None:
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    one_input(b"\x00" + text.encode())
    seconds, grown = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert seconds < 10
    assert grown < 600_000, "kilobytes"
