"""Coverage-guided fuzzing of the loader and every schema: `make fuzz`, or with libFuzzer's options after it.

Inputs that were interesting stay in `.fuzz/corpus`; one that fails is written to `.fuzz/` and named.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["crypto_team.kb", "crypto_team.schemas"]):
    from tests.fuzz.seeds import seeds
    from tests.fuzz.target import one_input

FOLDER = Path(".fuzz")
LIMITS = ["-max_len=4096", "-timeout=5", "-rss_limit_mb=1024", "-print_final_stats=1"]


def main(arguments: list[str]) -> None:
    """Write the seeds and fuzz."""
    corpus = FOLDER / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (corpus / f"seed-{number:03d}").write_bytes(seed)
    given = arguments or ["-max_total_time=60"]
    atheris.Setup([sys.argv[0], *LIMITS, f"-artifact_prefix={FOLDER}/", *given, str(corpus)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
