"""Error rates of the gates: how often each kind of work was refused, with Wilson intervals, and what is promised."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from crypto_team.gates.corpus.judged import Judged, Kind
from crypto_team.gates.statistics import share_interval


@dataclass(frozen=True)
class Promise:
    """What has to hold for one kind of work: bad work is refused at least so often, honest work at most so often."""

    kind: Kind
    least: float = 0.0
    most: float = 1.0


PROMISES: Final = (
    Promise("leaking feature", least=1.0),
    Promise("honest feature", most=0.0),
    Promise("bad evidence", least=0.95),
    Promise("honest evidence", most=0.05),
    Promise("noise", least=0.95),
    Promise("leaking strategy", least=1.0),
    Promise("honest strategy", most=0.0),
)


@dataclass(frozen=True)
class Rate:
    """How many of so many were refused, for the right reason where they are bad, and whether the promise is kept."""

    kind: Kind
    count: int
    refused: int
    low: float
    high: float
    kept: bool

    @property
    def share(self) -> float:
        """Return the share that was refused."""
        return self.refused / self.count


def rates(found: Sequence[Judged]) -> list[Rate]:
    """Return the rate of each kind of work that was judged, in the order of the promises."""
    made = []
    for promise in PROMISES:
        own = [item for item in found if item.kind == promise.kind]
        if own:
            refused = sum(item.refused and item.right for item in own)
            low, high = share_interval(refused, len(own))
            share = refused / len(own)
            made.append(Rate(promise.kind, len(own), refused, low, high, promise.least <= share <= promise.most))
    return made


def missed(found: Iterable[Judged]) -> list[Judged]:
    """Return bad work that passed or was refused for another reason, and honest work that was refused."""
    return [item for item in found if (not (item.refused and item.right)) != item.kind.startswith("honest")]
