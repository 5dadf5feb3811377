# SPDX-License-Identifier: GPL-3.0-or-later
"""Freqtrade's own look-ahead analysis: `python -m crypto_team.freqtrade.inside.lookahead FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from freqtrade.optimize.analysis.lookahead import LookaheadAnalysis
from freqtrade.optimize.analysis.lookahead_helpers import LookaheadAnalysisSubFunctions
from freqtrade.resolvers import StrategyResolver

from crypto_team.freqtrade.inside import offline, setup


class _NoProgress:
    """Takes the analysis' progress reports."""

    def add_task(self, *_arguments: Any, **_options: Any) -> int:
        """Accept a task."""
        return 0

    def update(self, *_arguments: Any, **_options: Any) -> None:
        """Accept a step."""


def main(folder: Path) -> None:
    """Analyse the strategy of a request and write what was found."""
    offline.refuse_network()
    request = setup.read_request(folder)
    config, exchange = setup.prepare(request, folder)
    config["minimum_trade_amount"] = request["least_trades"]
    config["targeted_trade_amount"] = request["most_trades"]
    config = LookaheadAnalysisSubFunctions.calculate_config_overrides(config)
    found = StrategyResolver.search_all_objects(config, enum_failed=False)
    strategy = next(item for item in found if item["name"] == request["class_name"])
    analysis = LookaheadAnalysis(config, strategy)
    analysis.exchange = exchange
    analysis.start(_NoProgress())
    seen = analysis.current_analysis
    result = {
        "failed": bool(analysis.failed_bias_check),
        "has_bias": bool(seen.has_bias),
        "total_signals": int(seen.total_signals),
        "biased_entry_signals": int(seen.false_entry_signals),
        "biased_exit_signals": int(seen.false_exit_signals),
        "biased_indicators": sorted(str(name) for name in seen.false_indicators),
    }
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
