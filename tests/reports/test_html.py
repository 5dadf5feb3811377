from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from rich.console import Console

from crypto_team.errors import InputError
from crypto_team.reports.html import StrategyPage, TradeLine, gate_name, render_page, render_single
from crypto_team.reports.inline import inline_svg, is_wide
from crypto_team.reports.pictures import TITLES, draw_pictures
from crypto_team.reports.report_data import ReportData
from crypto_team.reports.table import verdict_rows, verdict_table
from crypto_team.schemas.gate import GateReport
from crypto_team.schemas.reviews import Backtest

DIGEST = "sha256:" + "a" * 64
HOSTILE = '<script>alert(1)</script><img src="http://example.com/x.png" onerror="x">'
VOID = {"meta", "br", "img", "link", "hr", "input", "path", "use", "rect"}


class Reader(HTMLParser):
    """Collects tags, ids and attributes, and checks that tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._note(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._note(attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def _note(self, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        assert not any(name.startswith("on") for name in known)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name in {"href", "src", "xlink:href"} and value]


@pytest.fixture(scope="module")
def drawn(evidence: Any, data: ReportData) -> dict[str, str]:
    pictures = draw_pictures(evidence.meta, evidence.tables, data)
    return {TITLES[name]: content.decode() for name, content in pictures.items()}


@pytest.fixture
def backtest() -> Backtest:
    return Backtest(
        backtest_id="BT-001",
        strategy_id="STR-001",
        freqtrade_version="2026.9",
        code_hash=DIGEST,
        data_hash=DIGEST,
        start="2020-05-01T00:00:00Z",
        end="2020-10-01T00:00:00Z",
        metrics={"profit_total": 0.31},
        signal_agreement=1.0,
        candles_compared=7200,
        open_trades_left=0,
        files={},
        created="2026-01-01T00:00:00Z",
    )


@pytest.fixture
def pages(gate: GateReport, drawn: dict[str, str], data: ReportData, backtest: Backtest) -> list[StrategyPage]:
    trade = TradeLine("BTC/USDT", "long", "2020-05-01 10:00", "2020-05-02 11:00", 0.0123, "exit_signal")
    first = StrategyPage(
        "STR-001", "edge", "A planted edge.", "approved by the risk manager", None, [gate], {"Sharpe ratio": 1.5},
        drawn, ["It was planted."], data=data, backtest=backtest, trades=[trade],
    )  # fmt: skip
    second = StrategyPage(
        "STR-002", "noise", "Only luck.", "refused at data_collector", gate.results[1], [gate], {}, drawn
    )
    return [first, second]


def test_the_page_needs_nothing_outside_itself(pages: list[StrategyPage]) -> None:
    text = render_page("Demo", pages, "made by crypto-team")
    assert not re.search(r"https?://|\bsrc=|@import|url\((?!#)", text)
    read = Reader(text)
    assert not {"script", "link", "img", "iframe"} & set(read.tags)
    assert all(link.startswith("#") for link in read.links)


def test_tags_nest_and_ids_are_unique(pages: list[StrategyPage]) -> None:
    read = Reader(render_page("Demo", pages, ""))
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))
    assert {link[1:] for link in read.links} <= set(read.ids)


def test_all_pictures_are_on_the_page_for_each_strategy(pages: list[StrategyPage], drawn: dict[str, str]) -> None:
    assert Reader(render_page("Demo", pages, "")).tags.count("svg") == 2 * len(drawn)


def test_the_same_input_gives_the_same_page(pages: list[StrategyPage]) -> None:
    assert render_page("Demo", pages, "x") == render_page("Demo", pages, "x")


def test_the_verdict_table_shows_the_deciding_check_with_value_and_threshold(pages: list[StrategyPage]) -> None:
    head = render_page("Demo", pages, "").split('<section class="card strategy"')[0]
    assert "OF010" in head
    assert ">0.12<" in head
    assert ">0.95<" in head
    assert head.index("STR-001") < head.index("STR-002")


def test_every_check_of_every_gate_is_listed(pages: list[StrategyPage], gate: GateReport) -> None:
    text = render_page("Demo", pages, "")
    for result in gate.results:
        assert text.count(f"<td><code>{result.code}</code></td>") == 2
    assert "not enough evidence" in text


def test_hostile_text_is_shown_as_text(gate: GateReport) -> None:
    bad = gate.results[1].model_copy(
        update={"title": HOSTILE, "explanation": HOSTILE, "evidence": [HOSTILE], "next": [HOSTILE], "unit": HOSTILE}
    )
    report = gate.model_copy(update={"gate": HOSTILE, "results": [bad], "deviations": [HOSTILE]})
    page = StrategyPage("STR-009", HOSTILE, HOSTILE, HOSTILE, bad, [report], {HOSTILE: HOSTILE}, {}, [HOSTILE])
    read = Reader(render_page(HOSTILE, [page, page], HOSTILE, lead=HOSTILE))
    assert not {"script", "img"} & set(read.tags)


@pytest.mark.parametrize(
    "svg",
    [
        "not a picture",
        "<svg><script>x</script></svg>",
        '<svg onload="x"></svg>',
        '<svg><image href="http://example.com"/></svg>',
        '<svg><use href="http://example.com#a"/></svg>',
        '<svg><a href="javascript:x"></a></svg>',
        "<svg><style>@import 'x'</style></svg>",
        '<svg><rect fill="url(http://example.com#a)"/></svg>',
        "<svg><foreignObject/></svg>",
    ],
)
def test_a_picture_that_is_active_or_reaches_outside_is_refused(svg: str) -> None:
    with pytest.raises(InputError):
        inline_svg(svg, prefix="p", title="picture")


def test_ids_of_a_picture_get_its_prefix_and_unused_ones_go() -> None:
    svg = '<svg viewBox="0 0 600 10"><g id="a"/><clipPath id="b"/><g clip-path="url(#b)"/></svg>'
    inlined = inline_svg(svg, prefix="p", title='say "hi"')
    assert 'id="a"' not in inlined
    assert 'id="p-b"' in inlined
    assert "url(#p-b)" in inlined
    assert 'aria-label="say &quot;hi&quot;"' in inlined
    assert is_wide(svg)


def test_pictures_follow_the_colours_of_the_page(drawn: dict[str, str]) -> None:
    inlined = inline_svg(next(iter(drawn.values())), prefix="p", title="t")
    assert "var(--ink)" in inlined
    assert "#1d2939" not in inlined


def test_a_single_strategy_has_its_own_page_with_tables_and_backtest(pages: list[StrategyPage]) -> None:
    text = render_single(pages[0], "footer")
    assert "<title>STR-001 edge</title>" in text
    assert "Walk-forward folds" in text
    assert "Freqtrade 2026.9" in text
    assert "exit_signal" in text
    assert 'aria-label="Verdicts"' not in text


@pytest.mark.parametrize(
    ("verdict", "tone"), [("Approved", "good"), ("refused at backtester", "bad"), ("waiting for data", "open")]
)
def test_the_colour_of_a_verdict_follows_its_first_word(verdict: str, tone: str) -> None:
    assert StrategyPage("STR-001", "a", "b", verdict, None, [], {}, {}).tone == tone


def test_references_in_the_intent_become_computed_numbers(data: ReportData) -> None:
    page = StrategyPage("STR-001", "a", "{{ out_of_sample.folds }} folds", "open", None, [], {}, {}, data=data)
    assert '<p class="lead">5 folds</p>' in render_single(page, "")


def test_headline_numbers_fit_on_tiles(data: ReportData) -> None:
    page = StrategyPage("STR-001", "a", "b", "open", None, [], data.headline, {})
    text = render_single(page, "")
    assert text.count('class="tile"') == len(data.headline) == 12
    assert data.headline["Maximum drawdown"] in text


def test_gate_names_are_written_for_people() -> None:
    assert gate_name("ml_engineer->data_collector") == "ml engineer → data collector"
    assert gate_name("critic_to_risk_manager") == "critic → risk manager"


def test_the_terminal_table_shows_text_from_outside_literally(pages: list[StrategyPage]) -> None:
    sly = StrategyPage("STR-003", "[red]x[/red]", "c", "refused", None, [], {}, {})
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(verdict_table([*pages, sly]))
    text = console.export_text()
    assert "[red]x[/red]" in text
    assert "OF010" in text
    assert verdict_rows(pages)[1][3].startswith("OF010 Check OF010: 0.12, required 0.95")
