"""The cases: each runs real processes, and says whether the contract held."""

from collections.abc import Callable

from bench.crash.cases.commits import commits, publishes
from bench.crash.cases.killed import accounts, bulk, shortlease, sigterm, transactional
from bench.crash.cases.outages import broker, restarts
from bench.crash.cases.priority import priority
from bench.crash.cases.refused import drops, grouped, poison, refusals
from bench.crash.order import Order, Verdict

CASES: dict[str, Callable[[Order], Verdict]] = {
    case.__name__: case
    for case in (
        bulk,
        accounts,
        transactional,
        refusals,
        drops,
        poison,
        restarts,
        sigterm,
        priority,
        commits,
        publishes,
        shortlease,
        broker,
        grouped,
    )
}
