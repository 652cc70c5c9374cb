"""The cases: each runs real processes, and says whether the contract held."""

from collections.abc import Callable

from tests.mailroom.crashing.cases.commits import commits, publishes
from tests.mailroom.crashing.cases.killed import accounts, bulk, shortlease, sigterm, transactional
from tests.mailroom.crashing.cases.outages import broker, restarts
from tests.mailroom.crashing.cases.priority import priority
from tests.mailroom.crashing.cases.refused import drops, grouped, poison, refusals
from tests.mailroom.crashing.order import Order, Verdict

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
