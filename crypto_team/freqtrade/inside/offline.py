# SPDX-License-Identifier: GPL-3.0-or-later
"""Any exchange of Freqtrade without a network: its markets and leverage tiers are given instead of asked for."""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

from freqtrade.exchange.exchange import Exchange
from freqtrade.resolvers.exchange_resolver import ExchangeResolver
from freqtrade.util import dt_ts

AMOUNT_STEP = 1e-8
MAINTENANCE_RATE = 0.01
MOST_LEVERAGE = 20.0
_WATCHED = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname")


def forbid_network() -> None:
    """Refuse every connection that leaves this machine, from now on and for good."""
    sys.addaudithook(_watch)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _WATCHED:
        return
    address = arguments[0] if event.startswith("socket.get") else arguments[1]
    host = address[0] if isinstance(address, tuple) else None
    host = address if event.startswith("socket.get") else host
    if host is not None and not _loopback(host):
        raise PermissionError(f"no network inside a backtest: {event} {host}")


def _loopback(host: str | bytes) -> bool:
    text = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
    if text in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(text.split("%")[0]).is_loopback
    except ValueError:
        return False


def market(pair: str, *, decimals: int, fee: float) -> dict[str, Any]:
    """Return the market entry of a pair in ccxt's shape; prices move in steps of ten to minus `decimals`."""
    symbol, _, settle = pair.partition(":")
    base, quote = symbol.split("/")
    future = bool(settle)
    return {
        "id": pair.replace("/", "").replace(":", "_"),
        "symbol": pair,
        "base": base,
        "quote": quote,
        "baseId": base,
        "quoteId": quote,
        "settle": settle or None,
        "settleId": settle or None,
        "active": True,
        "type": "swap" if future else "spot",
        "spot": not future,
        "margin": False,
        "swap": future,
        "future": False,
        "option": False,
        "contract": future,
        "linear": True if future else None,
        "inverse": False if future else None,
        "contractSize": 1.0 if future else None,
        "taker": fee,
        "maker": fee,
        "precision": {"amount": AMOUNT_STEP, "price": float(f"1e-{decimals}")},
        "limits": {
            "amount": {"min": AMOUNT_STEP, "max": None},
            "price": {"min": None, "max": None},
            "cost": {"min": None, "max": None},
            "leverage": {"min": 1.0, "max": MOST_LEVERAGE},
        },
        "info": {},
    }


def tiers(pairs: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return one leverage tier for each pair; positions are opened without leverage, so one is enough."""
    tier = {
        "minNotional": 0.0,
        "maxNotional": 1e12,
        "maintenanceMarginRate": MAINTENANCE_RATE,
        "maxLeverage": MOST_LEVERAGE,
        "info": {"cum": "0"},
    }
    return {pair: [dict(tier)] for pair in pairs}


def offline_exchange(config: dict[str, Any], markets: dict[str, dict[str, Any]]) -> Exchange:
    """Return the exchange that a configuration names, cut off from the network.

    Parameters
    ----------
    config
        Freqtrade configuration; `exchange.name` says which class is subclassed.
    markets
        By pair, as `market` makes them.
    """
    name = config["exchange"]["name"]
    base: type[Exchange] = _exchange_class(name)

    def reload_markets(self: Any, force: bool = False, *, load_leverage_tiers: bool = True) -> None:  # noqa: ARG001
        for api in (self._api, self._api_async):
            api.set_markets(list(markets.values()))
        self._markets = self._api.markets
        self._last_markets_refresh = dt_ts()
        if load_leverage_tiers and self.trading_mode == "futures":
            self.fill_leverage_tiers()

    members = {
        "reload_markets": reload_markets,
        "load_leverage_tiers": lambda _self: tiers(list(markets)),
        "additional_exchange_init": lambda _self: None,
        "check_time_offset": lambda _self: None,
        "validate_required_startup_candles": lambda _self, _candles, _timeframe: 1,
        # Freqtrade reads prices as steps here whatever the exchange's own habit is.
        "precisionMode": property(lambda _self: 4),
        "precision_mode_price": property(lambda _self: 4),
        # How many candles an exchange hands out at once must not limit candles that lie on disk.
        "ohlcv_candle_limit": lambda _self, *_args, **_kwargs: 1_000_000,
    }
    exchange: Exchange = type(base.__name__, (base,), members)(config, validate=False, load_leverage_tiers=False)
    exchange.reload_markets(force=True)
    return exchange


def _exchange_class(name: str) -> type[Exchange]:
    """Return Freqtrade's class for an exchange, the general one where it has none of its own."""
    import freqtrade.exchange as exchanges
    from freqtrade.exchange.common import MAP_EXCHANGE_CHILDCLASS

    wanted = str(MAP_EXCHANGE_CHILDCLASS.get(name, name)).title()
    found = getattr(exchanges, wanted, Exchange)
    return found if isinstance(found, type) and issubclass(found, Exchange) else Exchange


def replace_resolver(markets: dict[str, dict[str, Any]]) -> None:
    """Hand out offline exchanges wherever Freqtrade itself would make one."""

    def load_exchange(config: dict[str, Any], **_kwargs: Any) -> Exchange:
        return offline_exchange(config, markets)

    ExchangeResolver.load_exchange = staticmethod(load_exchange)
