"""Checks of what was read and left behind: learnings, rejected strategies, code (PR005, PR007, PR008, PR011)."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from crypto_team.gates.case import Memory
from crypto_team.gates.linting import lint, typed
from crypto_team.gates.registry import Verdict, check, insufficient, judge, passed
from crypto_team.schemas.ml_spec import MlSpec

ALLOWED = frozenset(
    {
        *("__future__", "collections", "dataclasses", "datetime", "enum", "functools", "itertools", "logging", "math"),
        *("pathlib", "typing", "numpy", "pandas", "talib", "scipy", "sklearn", "lightgbm", "xgboost", "catboost"),
        *("freqtrade", "crypto_team", "torch", "technical"),
    }
)
REACHING = frozenset({"__globals__", "__builtins__", "__subclasses__", "to_pickle"})
FORBIDDEN = frozenset({"eval", "exec", "compile", "__import__", "open", "input", "breakpoint"})


@check(
    "PR005",
    "Critical learnings are answered",
    unit="learnings without an answer",
    source="ML engineer card: learnings and registry are read before work",
    remedy=(
        "crypto-team learnings search TEXT",
        "crypto-team ml-engineer consider STR --reference LEARNING --answer 'what it means here'",
    ),
    stricter={},
)
def learnings_answered(spec: MlSpec, memory: Memory) -> Verdict:
    """Require an answer under `considered:` in ml-spec.yaml to each critical learning that still counts."""
    answered = {item.reference for item in spec.considered if item.answer.strip()}
    open_ = [f"{key}: {title}" for key, title in memory.critical if key not in answered]
    text = "; ".join(open_[:4]) or f"{len(memory.critical)} critical learnings, all answered"
    return judge(
        not open_, text, len(open_), evidence=tuple(f"ml-spec.yaml: considered lacks {line}" for line in open_)
    )


@check(
    "PR007",
    "A learning is left behind",
    unit="learnings",
    source="team card: learnings are written after every experiment",
    remedy=("crypto-team learnings add --scope STR --title 'what was learned' --text 'what was observed'",),
    stricter={"learnings": "higher"},
)
def learning_proposed(memory: Memory, *, learnings: float = 1) -> Verdict:
    """Require at least one learning whose scope or evidence names the strategy.

    Numbers in them that are not those of the newest evidence are named, with file, line and column; they do not
    refuse, because a learning may speak of an earlier run.
    """
    count = memory.learned
    if count < learnings:
        told = f"{count} learnings name this strategy, {learnings:g} needed: write down what the experiment showed"
        return insufficient(told, count, evidence=("learnings: scope or evidence",))
    more = f"; {len(memory.doubtful)} number(s) in them are not those of its evidence" if memory.doubtful else ""
    return passed(f"{count} learnings name this strategy{more}", count, evidence=memory.doubtful)


@check(
    "PR008",
    "Strategy code is sound and closed",
    unit="problems",
    source="generated code runs with money: imports are on a list, nothing is evaluated or opened",
    remedy=("crypto-team ml-engineer export STR",),
    stricter={},
)
def code_is_closed(strategy_code: str) -> Verdict:
    """Require valid Python with a class, listed imports, no eval, exec or open, and no objection of ruff or mypy.

    Both are asked where they are installed, else the verdict says "not checked": ruff with rules of our own (E4, E7,
    E9, F, B), mypy about annotated functions, with any type for what is imported.
    """
    try:
        tree = ast.parse(strategy_code)
    except SyntaxError as error:
        line = f"line {error.lineno}: {error.msg}"
        return judge(False, f"the code is no valid Python: {line}", 1, evidence=(line,))
    problems = [*_imports(tree), *_calls(tree)]
    if not any(isinstance(node, ast.ClassDef) for node in tree.body):
        problems.append("there is no strategy class")
    asked = {"ruff": lint(strategy_code), "mypy": typed(strategy_code)}
    problems += [problem for told in asked.values() for problem in told.problems]
    words = [
        f"not checked by {name}: {told.unchecked}" if told.unchecked else f"{name} finds nothing"
        for name, told in asked.items()
    ]
    text = "; ".join(problems[:4]) or f"imports are on the list, nothing is evaluated or opened; {'; '.join(words)}"
    return judge(not problems, text, len(problems), evidence=tuple(problems))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "."]
        else:
            continue
        for name in names:
            if name.partition(".")[0] not in ALLOWED:
                yield f"line {node.lineno}: imports {name}"


def _calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in FORBIDDEN:
            yield f"line {node.lineno}: uses {node.id}"
        elif isinstance(node, ast.Attribute) and node.attr in REACHING:
            yield f"line {node.lineno}: reaches for {node.attr}"


@check(
    "PR011",
    "Not a repetition of what was rejected",
    unit="similarity to the nearest rejected strategy",
    source="was this tried before",
    remedy=(
        "crypto-team registry similar STR",
        "crypto-team ml-engineer consider STR --reference STR-NNN --answer 'what is different here'",
    ),
    stricter={"similarity": "lower"},
    passes="value < similarity",
)
def is_new(memory: Memory, spec: MlSpec, *, similarity: float = 0.95) -> Verdict:
    """Require that no rejected strategy is nearly the same design, unless ml-spec.yaml answers it."""
    if not memory.rejected:
        return passed("no rejected strategy is alike", 0.0)
    answered = {item.reference for item in spec.considered if item.answer.strip()}
    near = [(key, alike) for key, alike in memory.rejected if key not in answered]
    if not near:
        return passed("every rejected strategy that is alike is answered", 0.0)
    key, value = max(near, key=lambda item: item[1])
    text = f"{key} was rejected and is alike by {value:.2f}"
    return judge(value < similarity, text, value, evidence=(f"registry: {key}",))
