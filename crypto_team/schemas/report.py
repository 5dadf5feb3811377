"""The sections that every `ml-report.md` has, in order; the gate reads what the report writes."""

from __future__ import annotations

from typing import Final

SECTIONS: Final = (
    "Problem framing and hypothesis",
    "Feature engineering rationale",
    "Model selection justification",
    "Walk-forward results per fold",
    "Overfitting analysis",
    "Confidence calibration",
    "Regime sensitivity",
    "Limitations and caveats",
)
