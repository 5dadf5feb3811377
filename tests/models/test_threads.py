"""PyTorch's products have the same bits in every process, or the user is told that they may not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ASKED = """
import torch
{before}
from crypto_team.models.threads import fixed_kernels
fixed_kernels()
"""


def _warned(before: str) -> bool:
    """Return whether a fresh process, MKL's mode not set from outside, is told that it came too late."""
    environment = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"}
    told = subprocess.run(
        [sys.executable, "-c", ASKED.format(before=before)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return "MKL_CBWR=COMPATIBLE before Python starts" in told.stderr


def test_who_has_not_computed_yet_gets_the_one_kind_of_kernels() -> None:
    assert not _warned("")


def test_who_computed_before_is_told_that_bits_can_differ() -> None:
    torch = pytest.importorskip("torch")

    if not torch.backends.mkl.is_available():
        pytest.skip("this PyTorch computes without MKL")
    assert _warned("torch.ones(64, 64) @ torch.ones(64, 64)")
