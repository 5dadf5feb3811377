# SPDX-License-Identifier: GPL-3.0-or-later
"""Freqtrade without any network: an exchange whose markets come from the request, and a guard on sockets."""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

from ccxt import TICK_SIZE
from freqtrade.exchange import exchange as exchange_module
from freqtrade.exchange.common import MAP_EXCHANGE_CHILDCLASS
from freqtrade.util import dt_ts

STAND_IN = "binance"
"""Exchange whose rules are used for markets that no exchange has, such as synthetic ones."""

AMOUNT_STEP = 1e-8
MAINTENANCE_RATE = 0.01
MOST_LEVERAGE = 0.5 / MAINTENANCE_RATE
"""Hyperliquid derives the maintenance rate from this: half of the initial margin at the highest leverage."""

_LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname")
_SENDS = ("socket.connect", "socket.sendto", "socket.sendmsg")


def refuse_network() -> None:
    """Refuse every connection that leaves this machine, for the rest of the process."""

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _LOOKUPS:
            host = arguments[0]
        elif event in _SENDS and isinstance(arguments[1], tuple):
            host = arguments[1][0]
        else:
            return
        if not _local(host):
            raise PermissionError("backtests run offline: a connection was refused")

    sys.addaudithook(watch)


def _local(host: str | bytes | None) -> bool:
    """Tell whether a host is this machine; no host at all means that too."""
    text = host.decode(errors="replace") if isinstance(host, bytes) else host or "localhost"
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return text == "localhost"


def exchange_name(wanted: str) -> str:
    """Return the exchange whose rules Freqtrade applies."""
    import ccxt

    return wanted if wanted in ccxt.exchanges else STAND_IN


def market(pair: str, *, fee: float, decimals: int, futures: bool) -> dict[str, Any]:
    """Describe one market as ccxt does; precision is a step."""
    base, _, rest = pair.partition("/")
    quote, _, settle = rest.partition(":")
    return {
        "id": pair.replace("/", "").replace(":", "_"),
        "symbol": pair,
        "base": base,
        "quote": quote,
        "settle": settle or None,
        "active": True,
        "type": "swap" if futures else "spot",
        "spot": not futures,
        "swap": futures,
        "linear": True if futures else None,
        "inverse": False if futures else None,
        "contract": futures,
        "contractSize": 1.0 if futures else None,
        "taker": fee,
        "maker": fee,
        "precision": {"amount": AMOUNT_STEP, "price": float(f"1e-{decimals}")},
        "limits": {
            "amount": {"min": AMOUNT_STEP, "max": None},
            "price": {"min": None, "max": None},
            "cost": {"min": None, "max": None},
            "leverage": {"min": 1.0, "max": MOST_LEVERAGE},
        },
    }


def tiers(pairs: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return one leverage tier per pair: no leverage is used, so only its existence matters."""
    tier = {
        "minNotional": 0.0,
        "maxNotional": 1e9,
        "maintenanceMarginRate": MAINTENANCE_RATE,
        "maxLeverage": 1.0,
        "info": {"cum": 0.0},
        "maintAmt": 0.0,
    }
    return {pair: [dict(tier)] for pair in pairs}


def offline_exchange(config: dict[str, Any], markets: dict[str, Any]) -> Any:
    """Make the configured exchange with these markets; nothing of it connects anywhere."""
    base = _exchange_class(config["exchange"]["name"])
    names = list(markets)

    def reload_markets(self: Any, force: bool = False, *, load_leverage_tiers: bool = True) -> None:
        del force
        for api in (self._api, self._api_async):
            # Some exchanges count significant digits; the markets here are described in steps.
            api.precisionMode = TICK_SIZE
            api.set_markets(markets)
        self._markets = self._api.markets
        self._last_markets_refresh = dt_ts()
        if load_leverage_tiers and self.trading_mode == "futures":
            self.fill_leverage_tiers()

    members = {
        "reload_markets": reload_markets,
        "load_leverage_tiers": lambda _self: tiers(names),
        "additional_exchange_init": lambda _self: None,
        "check_time_offset": lambda _self: None,
        # Freqtrade leaves out markets with steps of 1e-11 or less, and those without an exchange's own remarks.
        "market_is_tradable": lambda _self, _market: True,
        "validate_required_startup_candles": lambda _self, _count, _timeframe: 0,
    }
    made = type(base.__name__, (base,), members)(config, validate=False, load_leverage_tiers=False)
    made.reload_markets(True)
    return made


def _exchange_class(name: str) -> Any:
    """Return Freqtrade's class for an exchange, its general one where it has no own."""
    import freqtrade.exchange as exchanges

    known = MAP_EXCHANGE_CHILDCLASS.get(name, name)
    return getattr(exchanges, known.title(), exchange_module.Exchange)
