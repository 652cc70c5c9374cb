"""From parsed mailer URLs to entries of MAILERS: one alias a provider, one a route."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from hashlib import blake2s
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

from mailroom.config.channels import OUTBOX
from mailroom.config.urls import Failover, MailerUrlError, ProviderURL, Quota, Split, Tree, parse

FAILOVER = "mailroom.backends.failover.EmailBackend"
SPLIT = "mailroom.backends.split.EmailBackend"
QUOTA = "mailroom.backends.quota.EmailBackend"
UNCONFIGURED = "mailroom.backends.unconfigured.EmailBackend"
ADMINS_BACKEND = "mailroom.backends.admins.EmailBackend"
LONGEST_ALIAS = 140  # characters: columns that hold aliases, with what is put before, have 200


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
            case ProviderURL():
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

    def unusable(self, problem: str) -> str:
        """Add a mailer that refuses to send, for the reason `problem`; its alias."""
        return self._entry("unconfigured", UNCONFIGURED, {"problem": problem})

    def _provider(self, provider: ProviderURL) -> str:
        alias = self._entry(provider.name, provider.backend, provider.options, provider.sender)
        self.urls[alias] = provider.masked
        if provider.sender:
            self.senders[alias] = provider.sender
        if provider.cost is not None:
            self.costs[alias] = provider.cost
        return alias

    def _entry(self, name: str, backend: str, options: dict[str, Any], sender: str = "") -> str:
        entry = {"BACKEND": backend, "OPTIONS": options}
        if len(name) > LONGEST_ALIAS:
            name = f"{name[:LONGEST_ALIAS]}… {blake2s(name.encode(), digest_size=4).hexdigest()}"
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


# -- URLs in MAILERS ---------------------------------------------------------------------------


def expand_mailer_urls() -> None:
    """Replace the mailer URLs in settings.MAILERS by aliases, now and when tests override it."""
    _expand_settings("MAILERS")
    setting_changed.connect(_expand_settings, dispatch_uid="mailroom-expand-mailers")


def _expand_settings(setting: str, **_: Any) -> None:
    if setting != "MAILERS" or not hasattr(settings, "MAILERS"):
        return
    tree = expanded(settings.MAILERS)
    if tree.mailers == settings.MAILERS:
        return
    settings.MAILERS = tree.mailers
    settings.MAILER_URLS = {**settings.MAILER_URLS, **tree.urls}
    settings.MAILER_SENDERS = {**settings.MAILER_SENDERS, **tree.senders}
    settings.MAILER_COSTS = {**settings.MAILER_COSTS, **tree.costs}


def expanded(entries: Mapping[str, dict[str, Any]]) -> MailerTree:
    """The entries of MAILERS with what the URLs in their "via" name.

    A channel (and the mailer of error emails) may say `"via": "smtp://…"` instead of an alias.
    """
    tree = MailerTree()
    tree.mailers = dict(entries)  # a provider never takes an alias that the project uses
    for alias, entry in entries.items():
        via = entry.get("OPTIONS", {}).get("via")
        if entry.get("BACKEND") in {OUTBOX, ADMINS_BACKEND} and _is_url(via, entries):
            found = _found(tree, alias, via or "")
            tree.mailers[alias] = {**entry, "OPTIONS": {**entry["OPTIONS"], "via": found}}
    return tree


def _is_url(via: Any, entries: Mapping[str, Any]) -> bool:
    """True for what can't be an alias; None and "" are a URL that is missing."""
    return not via or (isinstance(via, str) and via not in entries and bool({":", "("} & set(via)))


def _found(tree: MailerTree, alias: str, url: str) -> str:
    try:
        return tree.add(parse(url))
    except MailerUrlError as error:
        return tree.unusable(f"MAILERS: the URL of {alias!r} {error}.")
