"""Numbers that somebody wrote against numbers that were computed, with the line and column where they stand."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from crypto_team.errors import CryptoTeamError
from crypto_team.gates.documents import Documents, Written
from crypto_team.gates.importance import mean_shares
from crypto_team.schemas.ml_spec import HEADLINE
from crypto_team.schemas.spoken import Numbers, contradictions
from crypto_team.validation.scores import skill

if TYPE_CHECKING:
    import pandas as pd

    from crypto_team.gates.recompute import Returns
    from crypto_team.schemas.features import FeatureSet
    from crypto_team.schemas.ml_spec import MlSpec
    from crypto_team.schemas.registry import RegistryEntry

_NUMBER = re.compile(r"[-\u2212+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def equal(stated: float | None, value: float | None, tolerance: float = 1e-6) -> bool:
    """Say whether a stated number is the computed one; undefined equals undefined."""
    if stated is None or value is None:
        return stated is None and value is None
    if math.isnan(stated) and math.isnan(value):
        return True
    return math.isclose(stated, value, rel_tol=tolerance, abs_tol=tolerance)


def headline_differences(spec: MlSpec, computed: Numbers, documents: Documents) -> Iterator[str]:
    """Compare `out_of_sample` of the specification."""
    stated = spec.out_of_sample.model_dump() if spec.out_of_sample else {}
    written = documents.find("ml-spec.yaml")
    for name, claim in stated.items():
        if not equal(claim, computed.get(name)):
            place = written.at(f"/out_of_sample/{name}")
            yield f"{place}: out_of_sample.{name} says {claim}, it is {computed.get(name)}"


def registry_differences(registry: RegistryEntry | None, computed: Numbers, documents: Documents) -> Iterator[str]:
    """Compare the metrics that the registry repeats."""
    if registry is None:
        return
    written = documents.find(f"registry/{registry.strategy_id}.yaml")
    for name, claim in sorted(registry.metrics.items()):
        value = computed.get(HEADLINE.get(name, ""))
        if not equal(claim, value):
            yield f"{written.at(f'/metrics/{name}')}: metrics.{name} says {claim}, it is {value}"


def top_feature_differences(spec: MlSpec, importances: pd.DataFrame, documents: Documents) -> Iterator[str]:
    """Compare the shares of importance in the specification."""
    shares = mean_shares(importances)
    written = documents.find("ml-spec.yaml")
    for place, claim in enumerate(spec.features.top_features):
        if not equal(claim.importance, float(shares.get(claim.name, 0.0)), 1e-4):
            yield (
                f"{written.at(f'/features/top_features/{place}/importance')}: features.top_features[{place}] "
                f"{claim.name} says {claim.importance}, it is {shares.get(claim.name, 0.0):.6f}"
            )


def balance_differences(spec: MlSpec, predictions: pd.DataFrame, documents: Documents) -> Iterator[str]:
    """Compare the class balance with the labels of the test rows."""
    if spec.target is None or not spec.target.class_balance:
        return
    labels = predictions.loc[predictions["part"] == "test", "label"].dropna()
    shares = [float((labels == number).mean()) for number in range(len(spec.target.class_balance))]
    if not all(equal(claim, share, 1e-4) for claim, share in zip(spec.target.class_balance, shares, strict=True)):
        told = [round(share, 4) for share in shares]
        place = documents.find("ml-spec.yaml").at("/target/class_balance")
        yield f"{place}: target.class_balance says {spec.target.class_balance}, the test rows have {told}"


def report_differences(computed: Numbers, returns: Returns, documents: Documents) -> Iterator[str]:
    """Compare the machine-readable block of the report."""
    folds = {int(str(number)): skill(rows) for number, rows in returns.test.groupby("fold")}
    for name, claim in documents.report_numbers.items():
        group, _, key = name.partition(".")
        if group == "out_of_sample":
            known: Numbers = computed
        elif group.startswith("fold_") and group[5:].isdigit():
            known = folds.get(int(group[5:]), {})
        else:
            continue
        if key in known and not equal(claim, known[key], 1e-4):
            yield f"ml-report.md: {name} says {claim}, it is {known[key]}"


def prose_differences(
    spec: MlSpec, features: FeatureSet | None, computed: Numbers, documents: Documents
) -> Iterator[str]:
    """Compare numbers that the author typed behind the name of a metric, to the digits that were typed."""
    authored = {
        "ml-spec.yaml": [spec.hypothesis, spec.model.architecture, *(item.answer for item in spec.considered)],
        "features.yaml": [item.rationale for item in features.features] if features else [],
    }
    for name, texts in authored.items():
        written = documents.find(name)
        for text in texts:
            yield from _typed(text, computed, written)


def _typed(text: str, computed: Numbers, written: Written) -> Iterator[str]:
    for saying in contradictions(text, computed):
        yield f"{_place(written, saying.said)}: {saying.words()}"


def _place(written: Written, said: str) -> str:
    """Find a phrase in the document; YAML may have folded it over two lines."""
    found = re.search(r"\s+".join(map(re.escape, said.split())), written.text)
    return written.at_offset(found.start()) if found else written.name


def rendering_differences(documents: Documents, computed: Numbers | None = None) -> Iterator[str]:
    """Compare the report with what evidence and documents render to, line by line; numbers to their last digit.

    Sentences that somebody added are named one by one with their numbers, those about results against `computed`.
    """
    written = documents.find("ml-report.md")
    if documents.rendering is None:
        return
    try:
        before, after = documents.rendering().splitlines(), written.text.splitlines()
    except CryptoTeamError as problem:
        yield f"{written.name} cannot be rendered: {problem}"
        return
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "replace" and i2 - i1 == j2 - j1:
            for offset in range(i2 - i1):
                yield from _line(written.name, j1 + offset, after[j1 + offset], before[i1 + offset])
        elif tag in {"replace", "insert"}:
            yield from _added(written.name, j1, after[j1:j2], computed or {})
        elif tag == "delete":
            gone = next((line for line in before[i1:i2] if line.strip()), before[i1])
            yield f"{written.name}:{j1 + 1}:1: {_short(gone)} is missing before this line"


def _added(name: str, first: int, lines: Sequence[str], computed: Numbers) -> Iterator[str]:
    """Name every line that the evidence does not render to, and what its numbers are or that nobody computed them."""
    spoken = [(row, line) for row, line in enumerate(lines, first + 1) if line.strip()] or [(first + 1, lines[0])]
    for row, line in spoken:
        numbers = [found[0] for found in _NUMBER.finditer(line)]
        told = f"; nobody computed {', '.join(numbers)}" if numbers else ""
        yield f"{name}:{row}:1: {_short(line)} is not what the evidence renders to{told}"
        for saying in contradictions(line, computed):
            yield f"{name}:{row}:{saying.start + 1}: {saying.words()}"


def _line(name: str, row: int, said: str, rendered: str) -> Iterator[str]:
    ours, theirs = list(_NUMBER.finditer(said)), list(_NUMBER.finditer(rendered))
    if _NUMBER.sub("0", said) != _NUMBER.sub("0", rendered):
        yield f"{name}:{row + 1}:1: {_short(said)} is not what the evidence renders to: {_short(rendered)}"
        return
    for one, other in zip(ours, theirs, strict=True):
        if not _same_digits(one[0], other[0]):
            yield f"{name}:{row + 1}:{one.start() + 1}: the report says {one[0]}, it is {other[0]}"


def _same_digits(one: str, other: str) -> bool:
    """Two renderings of one number may differ by one in the last digit, where a half was rounded elsewhere."""
    a, b = (float(text.replace("\u2212", "-")) for text in (one, other))
    digits = min(len(text.partition(".")[2].lower().partition("e")[0]) for text in (one, other))
    whole = digits == 0
    return a == b or (not whole and (abs(a - b) <= 1.01 * 10.0**-digits or math.isclose(a, b, rel_tol=1e-9)))


def _short(text: str) -> str:
    plain = text.strip()
    return f"'{plain}'" if len(plain) <= 70 else f"'{plain[:67]}...'"
