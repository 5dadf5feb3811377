"""One thread per learner: folds run beside each other, and idle OpenMP workers must not spin."""

from __future__ import annotations

import os


def quiet_openmp() -> None:
    """Ask OpenMP to let idle workers sleep; it is read once, so call this before a learner's first import.

    With the default active wait two learners on two busy cores take four times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
