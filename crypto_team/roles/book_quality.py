"""How often the messages of a recording leave no usable book: crossed, locked or one-sided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

    from crypto_team.data.market_events import MarketEvents
    from crypto_team.features.microstructure import MicroSettings
    from crypto_team.schemas.data import Quality

SELDOM: Final = 0.001
"""Share of messages up to which a crossed book is the usual moment between two messages of one exchange."""
OFTEN: Final = 0.1


def crossed_note(events: MarketEvents, settings: MicroSettings) -> tuple[list[str], float]:
    """Return what a reader has to know, and the share of messages of the book after which it was not usable."""
    from crypto_team.data.market_events import TRADE
    from crypto_team.features.microstructure import OnlineMicrostructure

    online = OnlineMicrostructure(settings)
    online.warm(events)
    messages = int(events.last[events.kind != TRADE].sum())
    if not online.unusable:
        return [], 0.0
    text = (
        f"{online.unusable} of {messages} message(s) leave the book crossed, locked or one-sided: its features are "
        "unknown there (a wrong level, or messages that are missing without a gap in their ids)"
    )
    return [text], online.unusable / messages


def book_quality(frame: pd.DataFrame, found: Quality) -> Quality:
    """Return the judgement on a canonical order book, with what its sequence of messages cannot show."""
    from crypto_team.data.market_events import decimals_unit
    from crypto_team.data.order_book import book_events
    from crypto_team.features.microstructure import MicroSettings

    tick, lot = decimals_unit(frame["price"].to_numpy()), decimals_unit(frame["qty"].to_numpy())
    notes, share = crossed_note(book_events(frame, tick=tick, lot=lot)[0], MicroSettings(tick, lot, lot))
    worst = found.verdict
    if share > OFTEN:
        worst = "poor"
    elif share > SELDOM and worst == "good":
        worst = "acceptable"
    return found.model_copy(update={"verdict": worst, "notes": [*found.notes, *notes]})
