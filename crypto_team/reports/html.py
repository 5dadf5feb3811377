"""One self-contained HTML page about one or several strategies: verdicts, gates, pictures, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from crypto_team.reports.backtest_numbers import written
from crypto_team.reports.formats import FILTERS
from crypto_team.reports.inline import inline_svg, is_wide
from crypto_team.reports.markdown import fill
from crypto_team.schemas.gate import CheckResult, GateReport
from crypto_team.schemas.reviews import Backtest

if TYPE_CHECKING:
    from crypto_team.reports.report_data import ReportData

Tone = Literal["good", "bad", "open"]
OUTCOMES: dict[str, tuple[Tone, str]] = {
    "passed": ("good", "passed"),
    "refused": ("bad", "refused"),
    "not_enough_evidence": ("open", "not enough evidence"),
}


@dataclass(frozen=True)
class TradeLine:
    """One trade of a Freqtrade run; times as text, profit as a fraction of the stake."""

    pair: str
    side: str
    opened: str
    closed: str
    profit_ratio: float
    reason: str


@dataclass(frozen=True, eq=False)
class StrategyPage:
    """What the page shows about one strategy.

    Attributes
    ----------
    intent
        What it is, in one sentence; with `data`, `{{ name }}` in it becomes a computed number.
    verdict
        In words; it is green when it starts with approved or passed, red with refused, rejected or blocked.
    deciding
        The check that decided, or None.
    gates
        Reports of the gates in the order of the pipeline.
    numbers
        Label -> headline number or ready text.
    pictures
        Title -> SVG document.
    notes
        What happened, one paragraph each.
    """

    strategy_id: str
    name: str
    intent: str
    verdict: str
    deciding: CheckResult | None
    gates: Sequence[GateReport]
    numbers: Mapping[str, str | float | int | None]
    pictures: Mapping[str, str]
    notes: Sequence[str] = ()
    data: ReportData | None = None
    backtest: Backtest | None = None
    trades: Sequence[TradeLine] = field(default=())

    @property
    def tone(self) -> Tone:
        """How the verdict is coloured."""
        first = self.verdict.lower().lstrip()
        if first.startswith(("approved", "passed")):
            return "good"
        return "bad" if first.startswith(("refused", "rejected", "blocked")) else "open"


def render_page(title: str, strategies: Sequence[StrategyPage], footer: str, *, lead: str = "") -> str:
    """Render one page that needs nothing outside itself; the same input gives the same text.

    Parameters
    ----------
    title, lead, footer
        Plain text.
    strategies
        In the order of the page.

    Raises
    ------
    InputError
        When a picture is not a plain, self-contained SVG document, or an intent refers to an unknown number.
    """
    template = _environment().get_template("page.html.j2")
    pages = [(replace(page, intent=_intent(page)), _pictures(page)) for page in strategies]
    return template.render(title=title, lead=lead, footer=footer, pages=pages, outcomes=OUTCOMES)


def render_single(page: StrategyPage, footer: str) -> str:
    """Render the page of one strategy."""
    return render_page(f"{page.strategy_id} {page.name}", [page], footer, lead=_intent(page))


def _intent(page: StrategyPage) -> str:
    return fill(page.intent, page.data.numbers) if page.data is not None else page.intent


def _pictures(page: StrategyPage) -> list[dict[str, Any]]:
    return [
        {
            "title": title,
            "wide": is_wide(svg),
            # inline_svg has refused everything active or external
            "svg": Markup(inline_svg(svg, prefix=f"{page.strategy_id}-{number}".lower(), title=title)),  # noqa: S704
        }
        for number, (title, svg) in enumerate(page.pictures.items())
    ]


def gate_name(name: str) -> str:
    """Write the name of a gate for people, with spaces and an arrow."""
    arrow = name.replace("->", " → ").replace("_to_", " → ").replace("_", " ")
    return " ".join(arrow.split())


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=PackageLoader("crypto_team", "templates/reports"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= FILTERS | {"gate_name": gate_name, "written": written}
    return environment
