"""Everything that gates judge, gathered from the knowledge base and verified by hash on the way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import history, learnings, registry, store, told_results
from crypto_team.kb.evidence import load_manifest
from crypto_team.kb.similar import similar
from crypto_team.kb.validate import validate
from crypto_team.kb.yaml import load_record, parse, read_text
from crypto_team.roles import candles, holdout, ledgers, publishing, records, replay, reporting, trial_tables
from crypto_team.schemas import Backtest, CriticReview, RiskAssessment, Team

if TYPE_CHECKING:
    import pandas as pd

    from crypto_team.gates.case import Case, Memory, Players, ReplayResult
    from crypto_team.gates.documents import Documents, Written
    from crypto_team.kb.paths import Layout
    from crypto_team.roles.candles import Candles
    from crypto_team.schemas import FeatureSet, MlSpec
    from crypto_team.schemas.base import Document, RoleId
    from crypto_team.tools.session import Session
    from crypto_team.validation.evidence_io import Evidence

D = TypeVar("D", bound="Document")


def gather(session: Session, strategy_id: str, *, with_replay: bool) -> Case:
    """Collect the case of a strategy; what is missing or corrupt becomes a finding of the case, never an exception."""
    from crypto_team.gates.case import Case

    spec = records.ml_spec(session, strategy_id)
    report_text = _text_or_none(session.layout.ml_report(strategy_id))
    problems: list[str] = []
    evidence = _evidence_or_problem(session, strategy_id, problems)
    features = records.feature_set(session, strategy_id)
    found = _candles_or_problem(session, spec, features, problems)
    layout = session.layout
    backtest = newest_backtest(session, strategy_id)
    trades, equity = _backtest_tables(session, backtest, problems)
    return Case(
        strategy_id=strategy_id,
        spec=spec,
        features=features,
        **_tables(evidence),
        **_tries_or_problem(session, strategy_id, evidence, problems),
        datasets={item.dataset_id: item for item in found.all_datasets} if found else None,
        dataset_hashes=found.hashes if found else None,
        bars=found.bars if found else None,
        surroundings=found.around.surroundings if found else None,
        ledger=ledgers.ledger_view(session),
        code_dir=layout.code_dir(strategy_id),
        model_dir=layout.model_dir(strategy_id),
        strategy_code=_text_or_none(strategy_file(session, spec)),
        document_findings=[item for item in validate(layout) if strategy_id in (item.file or "")],
        evidence_problems=problems,
        replay=_replay(session, strategy_id) if with_replay and evidence else None,
        backtest=backtest,
        backtest_trades=trades,
        backtest_equity=equity,
        risk=_record_or_none(layout.risk_assessment(strategy_id), RiskAssessment),
        critic=_record_or_none(layout.critic_review(strategy_id), CriticReview),
        report_text=report_text,
        documents=_documents(session, spec, evidence, report_text),
        holdout=holdout.earlier_answer(session, strategy_id),
        registry=registry.entry(layout, strategy_id) if layout.registry_entry(strategy_id).exists() else None,
        memory=memory_of(session, strategy_id),
        players=players_of(session.layout, strategy_id),
    )


def memory_of(session: Session, strategy_id: str) -> Memory | None:
    """Return critical learnings, rejected strategies that are alike, and how many learnings name this one."""
    from crypto_team.gates.case import Memory

    try:
        known = learnings.entries(session.layout)
        alike = similar(session.layout, strategy_id).rows
    except CryptoTeamError:
        return None
    counting = [item for item in known if item.status in {"proposed", "accepted"}]
    rejected = [row for row in alike if row["status"] in {"refused", "rejected"}]
    own = [item for item in counting if strategy_id in " ".join([item.scope, *item.evidence, item.title])]
    return Memory(
        critical=tuple((item.learning_id, item.title) for item in counting if item.severity == "critical"),
        rejected=tuple((str(row["strategy_id"]), float(row["similarity"])) for row in rejected),
        learned=len(own),
        doubtful=tuple(
            f"learnings/{claim.learning_id}.md:{each.line}:{each.col}: {each.message}"
            for claim in own
            for each in told_results.doubts(session.layout, claim, learnings.render(claim))
        ),
    )


def players_of(layout: Layout, strategy_id: str) -> Players | None:
    """Return who wrote and who reviewed a strategy; None where `team.yaml` names nobody.

    A player whose address stands in `team.yaml` is known by the commits of the document; else all who may play the role
    count, because nothing says which of them did.
    """
    from crypto_team.gates.case import Players

    team = _record_or_none(layout.team, Team)
    if team is None or not team.members:
        return None
    named = {_player(member.known_as) for member in team.members}

    def played(role: RoleId, document: Path) -> frozenset[str]:
        members = frozenset(_player(member.known_as) for member in team.members if member.role == role)
        return history.authors(layout, document, role) & named or members

    return Players(
        authors=played("ml_engineer", layout.ml_spec(strategy_id)),
        reviewers=played("critic", layout.critic_review(strategy_id)),
    )


def _player(name: str) -> str:
    return name.strip().removeprefix("@").casefold()


def _documents(session: Session, spec: MlSpec, evidence: Evidence | None, report_text: str | None) -> Documents:
    """Read the documents that state numbers; the report can be rendered anew, with the ledger as it was back then."""
    from crypto_team.gates.documents import Documents, Written
    from crypto_team.reports.ml_report import numbers_in

    written = _written(session, spec.strategy_id)
    if evidence is None or not report_text:
        return Documents(written)
    written["ml-report.md"] = Written("ml-report.md", report_text)
    numbers = numbers_in(report_text)
    counted = numbers.get("luck.n_trials") or 0

    def rendering() -> str:
        return reporting.rendered_again(session, spec, evidence, ledgers.ledger_when(session, int(counted)))

    # Rendering takes a second and only PR002 asks for it: gates without it do not pay for it.
    return Documents(written, rendering, numbers)


def _written(session: Session, strategy_id: str) -> dict[str, Written]:
    """Read the YAML documents that state numbers, with the place of every value."""
    from crypto_team.gates.documents import Written

    layout, made = session.layout, {}
    for name, path in {
        "ml-spec.yaml": layout.ml_spec(strategy_id),
        "features.yaml": layout.features(strategy_id),
    }.items():
        if path.exists():
            text = read_text(path)
            made[name] = Written(name, text, parse(text, name).places)
    event = registry.measured(layout, strategy_id)
    if event is not None:
        name = f"registry/{strategy_id}/{event.name}"
        text = read_text(event)
        made[f"registry/{strategy_id}.yaml"] = Written(name, text, parse(text, name).places)
    return made


def _tables(evidence: Evidence | None) -> dict[str, Any]:
    """Return the stored tables under the names that checks know them by; none without evidence."""
    if evidence is None:
        return {}
    tables = evidence.tables
    return {
        "meta": evidence.meta,
        "predictions": tables.predictions,
        "market": tables.market,
        "features_sample": tables.features,
        "importances": tables.importances,
        "preprocessing": tables.preprocessing,
        "noise": tables.noise,
        "skill": tables.skill,
        "baselines": tables.baselines,
        "simple": tables.simple if len(tables.simple) else None,
    }


def strategy_file(session: Session, spec: MlSpec) -> Path:
    """Return where the exported Freqtrade strategy of a specification lies."""
    return session.layout.code_dir(spec.strategy_id) / f"ml_strategy_{spec.strategy_name}.py"


def newest_backtest(session: Session, strategy_id: str) -> Backtest | None:
    """Return the latest Freqtrade run of a strategy, or None."""
    found = sorted(session.layout.backtests_dir(strategy_id).glob("BT-*.yaml"))
    return load_record(found[-1], Backtest) if found else None


def _evidence_or_problem(session: Session, strategy_id: str, problems: list[str]) -> Evidence | None:
    try:
        return publishing.stored_evidence(session, strategy_id)
    except CryptoTeamError as problem:
        problems.append(str(problem))
        return None


def _tries_or_problem(
    session: Session, strategy_id: str, evidence: Evidence | None, problems: list[str]
) -> dict[str, Any]:
    if evidence is None:
        return {}
    try:
        made_by = load_manifest(session.layout, strategy_id).trial_id
        return trial_tables.trial_tables(session, strategy_id, evidence, made_by)
    except CryptoTeamError as problem:
        problems.append(str(problem))
        return {}


def _candles_or_problem(session: Session, spec: MlSpec, features: FeatureSet, problems: list[str]) -> Candles | None:
    """Reload the candles; the hashes are computed from the files, not copied from the catalog."""
    try:
        return candles.research(session, spec.market, features.features)
    except CryptoTeamError as problem:
        problems.append(str(problem))
        return None


def _replay(session: Session, strategy_id: str) -> ReplayResult | None:
    try:
        return replay.replay(session, strategy_id)
    except CryptoTeamError as problem:
        from crypto_team.gates.case import ReplayResult

        return ReplayResult(equal=False, differences=(str(problem),))


def _backtest_tables(
    session: Session, backtest: Backtest | None, problems: list[str]
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    import pandas as pd

    if backtest is None:
        return None, None
    try:
        trades = pd.read_csv(store.get(session.layout, backtest.files["trade_log.csv"]))
        equity = pd.read_csv(store.get(session.layout, backtest.files["equity_curve.csv"]))
    except (CryptoTeamError, KeyError, ValueError) as problem:
        problems.append(f"{backtest.backtest_id}: {problem}")
        return None, None
    return trades, equity


def _text_or_none(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _record_or_none(path: Path, model: type[D]) -> D | None:
    return load_record(path, model) if path.exists() else None
