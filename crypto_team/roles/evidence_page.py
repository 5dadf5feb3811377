"""The verdict of a gate as one page: every check with its number, and pictures where they say more."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from crypto_team.gates.imported.case import IMPORTED_ID
from crypto_team.kb.files import write_atomic

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from crypto_team.gates.case import Case
    from crypto_team.schemas.gate import CheckResult, GateReport

    Floats = npt.NDArray[np.float64]

WIDTH, HEIGHT, EDGE = 640, 240, 36
COLOURS = {"passed": "#1a7f37", "refused": "#b42318", "not_enough_evidence": "#9a6700"}
STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1f2328;background:#fff}
table{border-collapse:collapse;width:100%}td,th{padding:.4rem .6rem;border-bottom:1px solid #d0d7de;text-align:left;
vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}code{background:#f6f8fa;padding:.1rem .3rem}
svg{max-width:100%;height:auto}.o{font-weight:600;white-space:nowrap}
"""


def write_page(path: Path, report: GateReport, case: Case | None) -> None:
    """Write the page of a report; pictures only where the case with its evidence is given."""
    from crypto_team.gates.run import verdict

    word = verdict(report)
    parts = [
        f"<h1>{escape(report.gate)}: <span style='color:{COLOURS[word]}'>{word.replace('_', ' ')}</span></h1>",
        f"<p>{escape(_whose(report, case))}, profile {report.profile}</p>",
        *_pictures(report, case),
        "<table><thead><tr><th>check<th>outcome<th>value<th>threshold<th>what was found<th>next</tr></thead><tbody>",
        *(_row(item) for item in sorted(report.results, key=lambda item: (item.outcome == "passed", item.code))),
        "</tbody></table>",
    ]
    title = f"<title>{escape(report.gate)}: {word}</title>"
    head = f"<!doctype html><html lang=en><meta charset=utf-8>{title}<style>{STYLE}</style>"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, (head + "\n".join(parts) + "</html>\n").encode())


def _whose(report: GateReport, case: Case | None) -> str:
    """Name what was judged; foreign evidence that belongs to no strategy has no id."""
    foreign = case is not None and case.imported is not None
    return "imported evidence" if foreign and report.strategy_id == IMPORTED_ID else report.strategy_id


def _row(item: CheckResult) -> str:
    colour = COLOURS[item.outcome]
    value = "" if item.value is None else f"{item.value:.4g}"
    interval = f"<br>[{item.interval[0]:.3g}, {item.interval[1]:.3g}]" if item.interval else ""
    bound = "" if item.threshold is None or item.bound is None else f"{item.bound.replace('_', ' ')} {item.threshold:g}"
    steps = "<br>".join(f"<code>{escape(step)}</code>" for step in item.next)
    proof = "".join(f"<li>{escape(line)}</li>" for line in item.evidence[:8]) if item.outcome != "passed" else ""
    outcome = item.outcome.replace("_", " ") + ("" if item.blocking else " (not demanded)")
    return (
        f"<tr><td><b>{item.code}</b><br>{escape(item.title)}<td class=o style='color:{colour}'>{outcome}"
        f"<td class=n>{value}{interval}<td class=n>{bound}<br><small>{escape(item.unit)}</small>"
        f"<td>{escape(item.explanation)}<ul>{proof}</ul><td>{steps}</tr>"
    )


def _pictures(report: GateReport, case: Case | None) -> list[str]:
    if case is None or case.returns is None or case.meta is None:
        return []
    return [*_equity(report, case), *_reliability(case)]


def _equity(report: GateReport, case: Case) -> list[str]:
    """Draw the sum of daily net returns, and beside it without the fold that earned most."""
    from crypto_team.validation.metrics import daily_returns

    assert case.returns is not None  # noqa: S101 - the caller looked
    table = case.returns.predictions
    _, daily = daily_returns(table)
    if daily.size < 3:
        return []
    gains = case.returns.test.groupby("fold")["return_net"].sum()
    best = gains.idxmax()
    rest = table.assign(return_net=table["return_net"].where(table["fold"] != best, 0.0))
    _, without = daily_returns(rest)
    lines = [("all folds", daily.cumsum(), "#0969da"), (f"without fold {best}", without.cumsum(), "#9a6700")]
    return [f"<h2>Sum of net returns, out of sample</h2>{_lines(lines)}"]


def _reliability(case: Case) -> list[str]:
    """Draw how often forecasts of each size came true."""
    import numpy as np

    from crypto_team.gates.skill import outcomes

    assert case.returns is not None  # noqa: S101 - the caller looked
    assert case.meta is not None  # noqa: S101 - the caller looked
    p, y = outcomes(case.returns.test, case.meta)
    known = np.isfinite(p) & np.isfinite(y)
    if known.sum() < 200:
        return []
    edges = np.unique(np.quantile(p[known], np.linspace(0, 1, 11)))
    place = np.clip(np.searchsorted(edges, p[known], side="right") - 1, 0, edges.size - 2)
    points = [(float(p[known][place == k].mean()), float(y[known][place == k].mean())) for k in np.unique(place)]
    dots = "".join(f"<circle cx='{_at(x):.1f}' cy='{_at(1 - v):.1f}' r='4' fill='#0969da'/>" for x, v in points)
    frame = f"<line x1='{_at(0)}' y1='{_at(1)}' x2='{_at(1)}' y2='{_at(0)}' stroke='#8c959f' stroke-dasharray='4'/>"
    told = "forecast from 0 to 1; upwards: how often it came true"
    words = f"<text x='{EDGE}' y='{EDGE + 200 + 28}' font-size='12'>{told}</text>"
    side = 200 + 2 * EDGE
    return [
        f"<h2>Reliability</h2><svg viewBox='0 0 {side} {side}' width='{side}' role='img'>{frame}{dots}{words}</svg>"
    ]


def _at(share: float) -> float:
    return EDGE + 200 * share


def _lines(lines: list[tuple[str, Floats, str]]) -> str:
    low = min(float(values.min()) for _, values, _ in lines)
    high = max(float(values.max()) for _, values, _ in lines)
    spread = (high - low) or 1.0
    made = []
    for number, (name, values, colour) in enumerate(lines):
        width = (WIDTH - 2 * EDGE) / max(1, len(values) - 1)
        points = " ".join(
            f"{EDGE + k * width:.1f},{HEIGHT - EDGE - (v - low) / spread * (HEIGHT - 2 * EDGE):.1f}"
            for k, v in enumerate(values.tolist())
        )
        made.append(f"<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='2'/>")
        made.append(f"<text x='{EDGE}' y='{16 + 15 * number}' font-size='12' fill='{colour}'>{escape(name)}</text>")
    made.append(
        f"<text x='{WIDTH - EDGE}' y='{HEIGHT - 8}' font-size='12' text-anchor='end'>{low:+.1%} to {high:+.1%}</text>"
    )
    return f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}' role='img'>{''.join(made)}</svg>"
