"""Every path of a workspace. Nothing else makes paths, and none of them leaves `.crypto`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from unicodedata import category, normalize

from crypto_team.errors import InputError, NotFoundError

_PATTERNS = {
    "strategy": r"STR-[0-9]{3,6}",
    "dataset": r"DS-[0-9]{3,6}",
    "backtest": r"BT-[0-9]{3,6}",
    "trial": r"[0-9A-HJKMNP-TV-Z]{26}",
    "learning": r"[0-9]{4}-[0-9]{2}-[0-9]{2}-[a-z_]+-[0-9a-f]{8}",
    "event": r"[0-9]{8}T[0-9]{6}Z-[a-z_]+-[0-9a-f]{20}",
    "slug": r"[a-z0-9][a-z0-9_-]{0,99}",
    "file": r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}",
}


def _checked(kind: str, text: str) -> str:
    """Return an id or a name that is safe as a part of a path."""
    if not re.fullmatch(_PATTERNS[kind], text):
        raise InputError(f"{text[:80]!r} is not a valid {kind} name", hint=f"it has to match {_PATTERNS[kind]}")
    return text


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one workspace; `root` is the folder that holds `.crypto`."""

    root: Path

    @property
    def crypto(self) -> Path:
        """Return `.crypto`."""
        return self.root / ".crypto"

    @property
    def knowledge(self) -> Path:
        """Return the knowledge base."""
        return self.crypto / "knowledge"

    @property
    def team(self) -> Path:
        """Return `team.yaml`."""
        return self.crypto / "team.yaml"

    @property
    def policy(self) -> Path:
        """Return `policy.yaml`."""
        return self.crypto / "policy.yaml"

    @property
    def ownership(self) -> Path:
        """Return `ownership.yaml`."""
        return self.crypto / "ownership.yaml"

    @property
    def store(self) -> Path:
        """Return the folder of the content-addressed evidence store (not in git)."""
        return self.crypto / "store"

    @property
    def scratch(self) -> Path:
        """Return a folder for temporary files on the same file system as the store; made on demand."""
        folder = self.store / "scratch"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def reports(self) -> Path:
        """Return the folder of rendered pages (not in git)."""
        return self.crypto / "reports"

    @property
    def data_dir(self) -> Path:
        """Return the folder of market data (not in git)."""
        return self.crypto / "data"

    def backtest_files(self, strategy_id: str, backtest_id: str) -> Path:
        """Return the folder of readable copies of the files of one Freqtrade run (not in git)."""
        return self.reports / _checked("strategy", strategy_id) / _checked("backtest", backtest_id)

    @property
    def registry_view(self) -> Path:
        """Return the generated list of strategies."""
        return self.knowledge / "registry.yaml"

    @property
    def learnings_view(self) -> Path:
        """Return the generated list of accepted learnings."""
        return self.knowledge / "learnings.md"

    @property
    def sources_view(self) -> Path:
        """Return the generated list of datasets."""
        return self.knowledge / "data-catalog" / "sources.yaml"

    @property
    def registry_dir(self) -> Path:
        """Return the folder of registry entries."""
        return self.knowledge / "registry"

    @property
    def learnings_dir(self) -> Path:
        """Return the folder of learnings."""
        return self.knowledge / "learnings"

    @property
    def trials_root(self) -> Path:
        """Return the folder of the trial ledger."""
        return self.knowledge / "trials"

    @property
    def holdout_root(self) -> Path:
        """Return the folder of the looks at sealed bars."""
        return self.knowledge / "holdout"

    @property
    def datasets_dir(self) -> Path:
        """Return the folder of catalog entries."""
        return self.knowledge / "data-catalog" / "datasets"

    @property
    def strategies_root(self) -> Path:
        """Return the folder of all strategies."""
        return self.knowledge / "strategies"

    def strategy_dir(self, strategy_id: str) -> Path:
        """Return the folder of one strategy."""
        return self.strategies_root / _checked("strategy", strategy_id)

    def ml_spec(self, strategy_id: str) -> Path:
        """Return `ml-spec.yaml`."""
        return self.strategy_dir(strategy_id) / "ml-spec.yaml"

    def features(self, strategy_id: str) -> Path:
        """Return `features.yaml`."""
        return self.strategy_dir(strategy_id) / "features.yaml"

    def ml_report(self, strategy_id: str) -> Path:
        """Return `ml-report.md`."""
        return self.strategy_dir(strategy_id) / "ml-report.md"

    def pictures_dir(self, strategy_id: str) -> Path:
        """Return the folder of the pictures of `ml-report.md`."""
        return self.strategy_dir(strategy_id) / "pictures"

    def code_dir(self, strategy_id: str) -> Path:
        """Return the folder of strategy code and Python features."""
        return self.strategy_dir(strategy_id) / "code"

    def model_dir(self, strategy_id: str) -> Path:
        """Return the folder of trained models."""
        return self.strategy_dir(strategy_id) / "model"

    def strategy_spec(self, strategy_id: str) -> Path:
        """Return `strategy-spec.yaml` of a rule-based strategy."""
        return self.strategy_dir(strategy_id) / "strategy-spec.yaml"

    def hypothesis(self, strategy_id: str) -> Path:
        """Return `hypothesis.md` of a rule-based strategy."""
        return self.strategy_dir(strategy_id) / "hypothesis.md"

    def data_spec(self, strategy_id: str) -> Path:
        """Return `data-spec.yaml`."""
        return self.strategy_dir(strategy_id) / "data-spec.yaml"

    def evidence(self, strategy_id: str) -> Path:
        """Return the evidence manifest."""
        return self.strategy_dir(strategy_id) / "evidence.yaml"

    def imported_evidence(self, strategy_id: str) -> Path:
        """Return the manifest of evidence from elsewhere."""
        return self.strategy_dir(strategy_id) / "imported-evidence.yaml"

    def handoffs_dir(self, strategy_id: str) -> Path:
        """Return the folder of handoff records."""
        return self.strategy_dir(strategy_id) / "handoffs"

    def backtests_dir(self, strategy_id: str) -> Path:
        """Return the folder of Freqtrade runs."""
        return self.strategy_dir(strategy_id) / "backtests"

    def backtest(self, strategy_id: str, backtest_id: str) -> Path:
        """Return the record of one Freqtrade run."""
        return self.backtests_dir(strategy_id) / f"{_checked('backtest', backtest_id)}.yaml"

    def backtest_report(self, strategy_id: str) -> Path:
        """Return `backtest-report.md`."""
        return self.strategy_dir(strategy_id) / "backtest-report.md"

    def quant_review(self, strategy_id: str) -> Path:
        """Return `quant-review.yaml`."""
        return self.strategy_dir(strategy_id) / "quant-review.yaml"

    def critic_review(self, strategy_id: str) -> Path:
        """Return `critic-review.yaml`."""
        return self.strategy_dir(strategy_id) / "critic-review.yaml"

    def risk_assessment(self, strategy_id: str) -> Path:
        """Return `risk-assessment.yaml`."""
        return self.strategy_dir(strategy_id) / "risk-assessment.yaml"

    def deployment(self, strategy_id: str) -> Path:
        """Return `deployment.yaml`."""
        return self.strategy_dir(strategy_id) / "deployment.yaml"

    def registry_entry(self, strategy_id: str) -> Path:
        """Return the registry entry of one strategy."""
        return self.registry_dir / f"{_checked('strategy', strategy_id)}.yaml"

    def registry_events(self, strategy_id: str) -> Path:
        """Return the folder of what happened to one strategy."""
        return self.registry_dir / _checked("strategy", strategy_id)

    def registry_event(self, strategy_id: str, event_id: str) -> Path:
        """Return the file of one event of a strategy."""
        return self.registry_events(strategy_id) / f"{_checked('event', event_id)}.yaml"

    def learning(self, learning_id: str) -> Path:
        """Return the file of one learning."""
        return self.learnings_dir / f"{_checked('learning', learning_id)}.md"

    def learning_events(self, learning_id: str) -> Path:
        """Return the folder of what became of one learning."""
        return self.learnings_dir / _checked("learning", learning_id)

    def learning_event(self, learning_id: str, event_id: str) -> Path:
        """Return the file of one thing that became of a learning."""
        return self.learning_events(learning_id) / f"{_checked('event', event_id)}.yaml"

    def trials_dir(self, strategy_id: str) -> Path:
        """Return the folder of the trials of one strategy."""
        return self.trials_root / _checked("strategy", strategy_id)

    def trial(self, strategy_id: str, trial_id: str) -> Path:
        """Return the file of one trial, in one of 1,024 folders by the random end of its id.

        Git writes the list of a whole folder anew with every commit: in one folder for all, each trial would cost more
        than the one before. Trials from before that stay where they are.
        """
        folder, name = self.trials_dir(strategy_id), f"{_checked('trial', trial_id)}.yaml"
        return folder / name if (folder / name).exists() else folder / trial_id[-2:] / name

    def holdout_look(self, strategy_id: str, look_id: str) -> Path:
        """Return the file of one look at sealed bars."""
        return self.holdout_root / _checked("strategy", strategy_id) / f"{_checked('trial', look_id)}.yaml"

    def dataset(self, dataset_id: str, slug: str) -> Path:
        """Return the catalog entry of one dataset."""
        return self.datasets_dir / f"{_checked('dataset', dataset_id)}-{_checked('slug', slug)}.yaml"

    def data_file(self, relative: str) -> Path:
        """Return the file that a catalog entry names; it has to stay inside the data folder."""
        return self.inside(self.data_dir / relative, self.data_dir)

    def inside(self, path: Path, folder: Path | None = None) -> Path:
        """Return the path; refuse one that lies outside of `folder` (default `.crypto`) or goes through a link."""
        if self.crypto.is_symlink():
            step = "replace the link by the folder itself, or work in the folder that it leads to"
            raise InputError(".crypto is a link: git would not follow it", where=str(self.crypto), hint=step)
        limit = folder or self.crypto
        if not path.is_relative_to(limit) or path.resolve() != limit.resolve() / path.relative_to(limit):
            step = "remove the link or the `..`"
            raise InputError("the path leads elsewhere, over a link or `..`", where=str(path), hint=step)
        return path


def looks_like_ours(name: str) -> bool:
    """Say whether some file system takes a name for `.crypto`: other case, hidden characters, trailing dots, forms."""
    if name.isascii() and "crypto" not in name.casefold():
        return False
    shown = "".join(letter for letter in normalize("NFKC", name) if category(letter) not in {"Cf", "Cc", "Mn"})
    plain = shown.casefold().partition(":")[0].rstrip(". ")
    return plain == ".crypto" or re.fullmatch(r"crypto~[0-9]", plain) is not None


def find_layout(folder: Path) -> Layout | None:
    """Return the workspace that `folder` lies in, or None."""
    for candidate in (folder, *folder.parents):
        if (candidate / ".crypto" / "knowledge").is_dir():
            return Layout(candidate)
    return None


def require_layout(folder: Path) -> Layout:
    """Return the workspace that `folder` lies in; refuse with the command that makes one."""
    found = find_layout(folder.resolve())
    if found is None:
        raise NotFoundError(
            "this folder is not in a workspace (no .crypto folder here or above)",
            where=str(folder),
            hint="crypto-team init --path FOLDER",
        )
    return found
