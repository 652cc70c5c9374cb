"""The account: what the rows say against what the mail server accepted."""

from collections import Counter
from dataclasses import dataclass, field

from bench.stand import Stand
from bench.waiting import states


@dataclass
class Account:
    """Both sides counted.

    `lost` are in no final state, or say sent and were not accepted; `doubled` were accepted more
    than once; `pairs` are doubled ones with two Message-IDs.
    """

    recipients: int
    kills: int = 0
    in_flight_kills: int = 0
    seconds: float = 0
    accepted: int = 0
    states: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    doubled: int = 0
    uncertain: int = 0
    pairs: int = 0
    uncertain_addresses: list[str] = field(default_factory=list)
    unsaid: int = 0  # accepted, while the row says neither sent nor uncertain
    measures: dict[str, float] = field(default_factory=dict)  # what only one case measures


def close(account: Account, stand: Stand) -> Account:
    """Count both sides."""
    from mailroom.models import Delivery

    log = stand.accepted()
    times = Counter(address for entry in log for address in entry["to"])
    ids: dict[str, set[str]] = {}
    for entry in log:
        for address in entry["to"]:
            ids.setdefault(address, set()).add(entry["id"])
    rows = dict(Delivery.objects.values_list("address", "state"))
    account.states = dict(states())
    account.accepted = len(log)
    account.doubled = sum(1 for count in times.values() if count > 1)
    account.pairs = sum(1 for address, found in ids.items() if len(found) > 1)
    account.uncertain_addresses = sorted(a for a, state in rows.items() if state == "uncertain")
    account.uncertain = len(account.uncertain_addresses)
    final = {"sent", "failed", "skipped", "uncertain", "queued"}
    said_sent = {address for address, state in rows.items() if state == "sent"}
    gone = account.recipients - len(rows) + sum(s not in final for s in rows.values())
    account.lost = gone + len(said_sent - times.keys())
    account.unsaid = sum(1 for a in times if rows.get(a) in {"queued", "failed", "skipped"})
    return account


def table(title: str, account: Account) -> str:
    rows = {
        "recipients": account.recipients,
        "accepted by the server": account.accepted,
        **{f"rows {state}": count for state, count in sorted(account.states.items())},
        "kills": account.kills,
        "kills with mail in flight": account.in_flight_kills,
        "lost": account.lost,
        "doubled": account.doubled,
        "uncertain": account.uncertain,
        "accepted, but the row denies it": account.unsaid,
        "seconds": round(account.seconds, 1),
        **{name: round(number, 2) for name, number in account.measures.items()},
    }
    lines = [f"{name:<38}{value:>10}" for name, value in rows.items()]
    listed = [f"  uncertain: {address}" for address in account.uncertain_addresses]
    return "\n".join([title, *lines, *listed])
