"""From parsed mailer URLs to entries of MAILERS: one alias a provider, one a route."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from mailroom.config.urls import Failover, Provider, Quota, Split, Tree

FAILOVER = "mailroom.backends.failover.EmailBackend"
SPLIT = "mailroom.backends.split.EmailBackend"
QUOTA = "mailroom.backends.quota.EmailBackend"
UNCONFIGURED = "mailroom.backends.unconfigured.EmailBackend"


class MailerTree:
    """Collects providers and routes; equal ones share an alias, others never do.

    `mailers` are entries for MAILERS; by alias, `urls` are the providers' masked URLs, `senders`
    the From that a provider may send as, where its URL names one, `costs` the price of a message.
    """

    def __init__(self) -> None:
        self.mailers: dict[str, dict[str, Any]] = {}
        self.urls: dict[str, str] = {}
        self.senders: dict[str, str] = {}
        self.costs: dict[str, Decimal] = {}

    def add(self, tree: Tree | None) -> str:
        """Add a tree; the alias of its root. None, for an unusable URL, refuses to send."""
        match tree:
            case Provider():
                return self._provider(tree)
            case Failover():
                children = [self.add(child) for child in tree.children]
                return self._entry(_route_name("failover", children), FAILOVER, {"via": children})
            case Split():
                children = [self.add(child) for child in tree.children]
                weights = list(tree.weights)
                parts = (f"{w} {child}" for w, child in zip(weights, children, strict=True))
                options = {"via": children, "weights": weights}
                return self._entry(_route_name("split", parts), SPLIT, options)
            case Quota():
                children = [self.add(child) for child in tree.children]
                name = _route_name("quota", [f"{tree.number}/day {children[0]}", children[1]])
                options = {"via": children, "number": tree.number, "zone": tree.zone}
                return self._entry(name, QUOTA, options)
            case None:
                return self._entry("unconfigured", UNCONFIGURED, {})

    def _provider(self, provider: Provider) -> str:
        alias = self._entry(provider.name, provider.backend, provider.options, provider.sender)
        self.urls[alias] = provider.masked
        if provider.sender:
            self.senders[alias] = provider.sender
        if provider.cost is not None:
            self.costs[alias] = provider.cost
        return alias

    def _entry(self, name: str, backend: str, options: dict[str, Any], sender: str = "") -> str:
        entry = {"BACKEND": backend, "OPTIONS": options}
        alias, number = name, 1
        while self._is_taken(alias, entry, sender):
            number += 1
            alias = f"{name}-{number}"
        self.mailers[alias] = entry
        return alias

    def _is_taken(self, alias: str, entry: dict[str, Any], sender: str) -> bool:
        """True where the alias stands for another mailer already."""
        known = self.mailers.get(alias, entry)
        return known != entry or (alias in self.mailers and self.senders.get(alias, "") != sender)


def _route_name(kind: str, children: Iterable[str]) -> str:
    return f"{kind}:{', '.join(children)}"
