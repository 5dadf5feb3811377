"""What other repositories use: the action, the hooks and `crypto-team ci`, from the built wheel, in a scratch one."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from crypto_team.tools.forges import BRANCHES

ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
BROKEN = "schema_version: 1\nstrategy_id: STR-001\nname: [unclosed\n"


@dataclass(frozen=True)
class Runner:
    """A machine that runs the action: as GitHub does, but without its containers."""

    temp: Path
    wheel: Path
    environment: dict[str, str]

    @property
    def program(self) -> str:
        return str(self.temp / "crypto-team/bin/crypto-team")

    def run(self, command: list[str], cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=cwd, env={**self.environment, **more}
        )

    def step(self, number: int, cwd: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
        """Run one `run` step with its expressions replaced as GitHub does."""
        values = {name: str(item["default"]) for name, item in ACTION["inputs"].items()}
        values |= {"package": str(self.wheel)} | inputs
        step = ACTION["runs"]["steps"][number]
        environment = {key: _expanded(text, values) for key, text in step["env"].items()}
        environment |= {"GITHUB_WORKSPACE": str(cwd), "GITHUB_BASE_REF": values.get("forge", "")}
        assert "${{" not in step["run"], "inputs reach the shell as variables only"
        return self.run(["bash", "-e", "-o", "pipefail", "-c", step["run"]], cwd, **environment)


def _expanded(text: str, values: dict[str, str]) -> str:
    """Evaluate `${{ inputs.x || github.action_path }}`."""

    def value(found: re.Match[str]) -> str:
        options = [part.strip() for part in found[1].split("||")]
        known = [
            str(ROOT) if name == "github.action_path" else values[name.removeprefix("inputs.")] for name in options
        ]
        return next((item for item in known if item), "")

    return re.sub(r"\$\{\{(.+?)\}\}", value, text)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """Build the wheel and run the installing step of the action with it."""
    folder = tmp_path_factory.mktemp("elsewhere")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    kept = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV", *BRANCHES}}
    environment = kept | {"RUNNER_TEMP": str(folder), "PIP_CONSTRAINT": str(ROOT / "constraints.txt")}
    made = Runner(folder, next(folder.glob("*.whl")), environment)
    installed = made.step(1, folder)
    assert installed.returncode == 0, installed.stderr
    return made


@pytest.fixture
def scratch(runner: Runner, tmp_path: Path) -> Path:
    """A repository of somebody else with a workspace in a folder of it."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    made = runner.run([str(runner.temp / "crypto-team/bin/crypto-team"), "init", "--path", "team"], tmp_path)
    assert made.returncode == 0, made.stderr
    return tmp_path


def spoil(scratch: Path) -> None:
    entry = scratch / "team/.crypto/knowledge/registry/STR-001.yaml"
    entry.parent.mkdir(exist_ok=True)
    entry.write_text(BROKEN)


def test_the_action_passes_a_sound_repository_and_annotates_a_broken_one(runner: Runner, scratch: Path) -> None:
    sound = runner.step(2, scratch, path="team")
    assert sound.returncode == 0, sound.stdout + sound.stderr
    spoil(scratch)
    broken = runner.step(2, scratch, path="team")
    assert broken.returncode == 1
    assert re.search(
        r"^::error file=team/\.crypto/knowledge/registry/STR-001\.yaml,line=\d+,", broken.stdout, re.MULTILINE
    )


def test_the_action_writes_a_file_to_upload_and_takes_arguments(runner: Runner, scratch: Path) -> None:
    spoil(scratch)
    done = runner.step(2, scratch, path="team", format="sarif", output="out.sarif", arguments="--strict")
    assert done.returncode == 1
    assert '"ruleId": "yaml-syntax"' in (scratch / "out.sarif").read_text()


def test_the_action_judges_every_commit_of_a_pull_request_by_the_rules_of_its_target(
    runner: Runner, scratch: Path
) -> None:
    team = scratch / "team"
    first = runner.run(["git", "rev-parse", "HEAD"], team).stdout.strip()
    runner.run(["git", "update-ref", "refs/remotes/origin/main", first], team)
    policy = team / ".crypto/policy.yaml"
    policy.write_text(policy.read_text() + "# softer, please\n")
    who = ["-c", "user.name=e", "-c", "user.email=e@e"]
    assert runner.run(["git", *who, "commit", "-qam", "a small fix"], team).returncode == 0
    assert "not checked (no --base)" in runner.step(2, scratch, path="team").stderr
    for asked in ({"base": first}, {"forge": "main"}):
        judged = runner.step(2, scratch, path="team", **asked)
        assert judged.returncode == 1, judged.stdout + judged.stderr
        found = r"^::error file=team/\.crypto/policy\.yaml,title=crypto-team ownership"
        assert re.search(found, judged.stdout, re.MULTILINE)
    gone = runner.step(2, scratch, path="team", base="origin/elsewhere")
    assert (gone.returncode, "fetch-depth: 0" in gone.stdout) == (1, True)


def test_text_in_an_input_is_never_run(runner: Runner, scratch: Path) -> None:
    done = runner.step(2, scratch, path='team"; touch owned; echo "', arguments="$(touch owned) `touch owned`")
    assert done.returncode != 0
    assert not (scratch / "owned").exists()


def test_the_action_is_complete() -> None:
    assert ACTION["runs"]["using"] == "composite"
    named = set(re.findall(r"inputs\.([a-z-]+)", (ROOT / "action.yml").read_text()))
    assert named == set(ACTION["inputs"])
    for step in ACTION["runs"]["steps"]:
        assert step.get("shell") == "bash" or "uses" in step
    assert all(item["description"] for item in ACTION["inputs"].values())


JUDGES_RECORDS = [hook for hook in HOOKS if hook["id"] not in {"crypto-team-views", "crypto-team-ownership"}]


@pytest.mark.parametrize("hook", JUDGES_RECORDS, ids=lambda hook: str(hook["id"]))
def test_every_hook_passes_a_sound_workspace_and_stops_a_broken_one(
    runner: Runner, scratch: Path, hook: dict[str, Any]
) -> None:
    program, *rest = shlex.split(hook["entry"])
    command = [str(runner.temp / "crypto-team/bin" / program), *rest]
    assert runner.run(command, scratch / "team").returncode == 0
    spoil(scratch)
    if hook["id"] == "crypto-team-fmt":
        policy = "# yaml-language-server: $schema=../../schemas/registry.json\nschema_version:   2\n"
        (scratch / "team/.crypto/knowledge/registry/STR-001.yaml").write_text(
            policy + 'strategy_id: STR-001\nname: x\ntype: ml_based\ncreated: "2021-03-04T05:00:00Z"\n'
        )
    done = runner.run(command, scratch / "team")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "STR-001.yaml" in done.stdout
    assert re.search(hook["files"], "team/.crypto/knowledge/registry/STR-001.yaml")


def test_ci_needs_no_extra_and_says_where_a_workspace_is_missing(runner: Runner, tmp_path: Path) -> None:
    program = str(runner.temp / "crypto-team/bin/crypto-team")
    done = runner.run([program, "ci"], tmp_path)
    assert done.returncode == 2
    assert "crypto-team init" in done.stderr
    listed = runner.run([str(runner.temp / "crypto-team/bin/python"), "-m", "pip", "list"], tmp_path).stdout
    assert not {"numpy", "pandas", "pyarrow"} & set(listed.split())


def test_queries_work_from_the_wheel_and_parquet_names_its_extra(runner: Runner, scratch: Path) -> None:
    program = str(runner.temp / "crypto-team/bin/crypto-team")
    sql = ["registry", "query", "SELECT count(*) AS n FROM strategies", "--format", "csv"]
    assert runner.run([program, *sql], scratch / "team").stdout == "n\n0\n"
    done = runner.run([program, "registry", "export", str(scratch / "x.parquet")], scratch / "team")
    assert done.returncode == 2
    assert "crypto-team[ml]" in done.stderr
    assert runner.run([program, "registry", "export", str(scratch / "x.csv")], scratch / "team").returncode == 0


def test_the_hook_of_lists_finds_a_stale_one(runner: Runner, scratch: Path) -> None:
    hook = next(item for item in HOOKS if item["id"] == "crypto-team-views")
    command = [runner.program, *shlex.split(hook["entry"])[1:]]
    assert runner.run(command, scratch / "team").returncode == 0
    (scratch / "team/.crypto/knowledge/registry.yaml").write_text("strategies: []\n")
    done = runner.run(command, scratch / "team")
    assert (done.returncode, "registry.yaml" in done.stdout) == (1, True)


def test_the_hook_of_ownership_stops_a_record_of_somebody_else(runner: Runner, scratch: Path) -> None:
    hook = next(item for item in HOOKS if item["id"] == "crypto-team-ownership")
    command = [runner.program, *shlex.split(hook["entry"])[1:]]
    team = scratch / "team"
    assert runner.run(command, team).returncode == 0
    policy = team / ".crypto/policy.yaml"
    policy.write_text(policy.read_text() + "# softer, please\n")
    runner.run(["git", "add", "-A"], team)
    stopped = runner.run(command, team, CRYPTO_TEAM_ROLE="critic")
    assert stopped.returncode == 2
    assert "policy.yaml" in stopped.stderr
    assert runner.run(command, team, CRYPTO_TEAM_ROLE="lead").returncode == 0


@pytest.mark.slow
def test_pre_commit_itself_installs_the_hooks_and_they_stop_a_broken_record(runner: Runner, scratch: Path) -> None:
    """The hooks as a commit in somebody else's repository runs them, from a repository that holds what lies here."""
    team = scratch / "team"
    source = scratch / "source"
    files = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "crypto_team", "pyproject.toml", "README.md",
         "LICENSE", "schemas", "agents", ".claude-plugin", ".pre-commit-hooks.yaml"],
        check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    for name in files:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    git = ["git", "-c", "user.name=e", "-c", "user.email=e@e"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "source"]):
        assert runner.run([*git, *command], source).returncode == 0
    revision = runner.run(["git", "rev-parse", "HEAD"], source).stdout.strip()
    hooks = [{"id": str(hook["id"])} for hook in HOOKS]
    config = {"repos": [{"repo": str(source), "rev": revision, "hooks": hooks}]}
    (team / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    pre_commit = str(Path(sys.executable).with_name("pre-commit"))
    home = {"PRE_COMMIT_HOME": str(scratch / "cache"), "CRYPTO_TEAM_ROLE": "lead"}
    everything = [pre_commit, "run", "--all-files"]
    runner.run(["git", "add", "-A"], team)
    sound = runner.run(everything, team, **home)
    assert sound.returncode == 0, sound.stdout + sound.stderr
    assert sound.stdout.count("Passed") == len(HOOKS) - 1, sound.stdout
    assert runner.run([*everything, "crypto-team-ci", "--hook-stage", "pre-push"], team, **home).returncode == 0
    spoil(scratch)
    runner.run(["git", "add", "-A"], team)
    broken = runner.run(everything, team, **home)
    assert broken.returncode == 1
    assert "STR-001.yaml" in broken.stdout
