"""`ml-report.md`: the eight sections of an ML report, every number of them rendered from evidence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from crypto_team.models.registry import MODELS
from crypto_team.reports import markdown
from crypto_team.reports.formats import FILTERS
from crypto_team.reports.limitations import limitations
from crypto_team.reports.pictures import TITLES
from crypto_team.reports.report_data import ReportData
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.schemas.features import FeatureSet
from crypto_team.schemas.ml_spec import MlSpec
from crypto_team.schemas.report import SECTIONS

_BLOCK = re.compile(r"^```yaml numbers\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def render_ml_report(
    spec: MlSpec,
    features: FeatureSet,
    meta: EvidenceMeta,
    data: ReportData,
    pictures: Mapping[str, str],
    *,
    changed: Sequence[str] = (),
) -> str:
    """Render the report.

    Parameters
    ----------
    spec, features
        The author's documents; their free text is shown as data, `{{ name }}` in it is replaced by a computed number.
    meta, data
        The evidence and the numbers computed from it.
    pictures
        Name -> path relative to the report; names are keys of :data:`~crypto_team.reports.pictures.TITLES`.
    changed
        What of the design is not what the evidence was made with.

    Raises
    ------
    InputError
        When the author's text refers to a number that does not exist.
    """
    numbers = data.numbers
    shown = {name: markdown.picture(TITLES.get(name, name), path) for name, path in sorted(pictures.items())}
    environment = _environment()
    environment.filters["quote"] = lambda text: markdown.quote(text, numbers)
    text = environment.get_template("ml-report.md.j2").render(
        spec=spec,
        features=_listed(features),
        selection=features.feature_selection,
        meta=meta,
        data=data,
        pictures=shown,
        sections=SECTIONS,
        reason=MODELS[meta.model].about,
        caveats=limitations(meta, data),
        numbers=_block(numbers),
        changed=changed,
    )
    return re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n"


def numbers_in(text: str) -> dict[str, float | None]:
    """Read the machine-readable numbers back out of a report; empty when there is no such block or it is broken."""
    blocks = _BLOCK.findall(text)
    if not blocks:
        return {}
    try:
        loaded: Any = yaml.safe_load(blocks[-1])
    except yaml.YAMLError:
        return {}
    items = loaded.items() if isinstance(loaded, dict) else ()
    return {str(name): None if value is None else float(value) for name, value in items if _is_number(value)}


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _block(numbers: Mapping[str, float | int | None]) -> str:
    return yaml.safe_dump(dict(numbers), sort_keys=False, allow_unicode=True, width=200).rstrip("\n")


def _listed(features: FeatureSet) -> list[Any]:
    return sorted(features.features, key=lambda one: (one.importance_rank is None, one.importance_rank or 0, one.name))


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=PackageLoader("crypto_team", "templates/reports"),
        undefined=StrictUndefined,
        autoescape=False,  # Markdown, not HTML: the author's text goes through `md`, `code` and `quote`
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= FILTERS | {"md": markdown.escape, "code": markdown.code}
    return environment
