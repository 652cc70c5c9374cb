"""The grammar of mailer URLs: text in a variable → a tree of providers and routes.

    smtp://user:password@host:587        STARTTLS          postmark://TOKEN
    smtps://user:password@host:465       TLS               mailgun://KEY@domain
    smtp+plain://host:25                 no TLS            ses://?region_name=eu-west-1
    console:   file:///folder                              … every other backend of Anymail
    failover(URL URL …)                  split(90 URL 10 URL)
    quota(300/day URL URL)

Query parameters become the backend's OPTIONS, but for three that every provider may have: `from`
is the address that it may send as, `cost=0.40/1000` what messages cost, `zone=Europe/Paris` where
the day of its quota begins. Errors never hold a secret.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from mailroom.provider_urls import MailerUrlError, Provider, provider

TOKENS = re.compile(r"(?:failover|split|quota)\(|\)|[^\s()]+")

A_DAY = re.compile(r"(\d{1,9})/day")


class Fault(NamedTuple):
    """Something wrong in the environment: the variable's name, and what is wrong with it."""

    variable: str
    problem: str

    def __str__(self) -> str:
        return f"{self.variable} {self.problem}"


@dataclass(frozen=True)
class Failover:
    """Children in order of preference: the next one carries what the one before did not accept."""

    children: tuple["Tree", ...]


@dataclass(frozen=True)
class Split:
    """Children with whole-number weights: each delivery belongs to one of them by its id."""

    weights: tuple[int, ...]
    children: tuple["Tree", ...]


@dataclass(frozen=True)
class Quota:
    """Two children: the first carries so many messages a day, the other one the rest.

    The day is that of the time zone `zone`.
    """

    number: int
    zone: str
    children: tuple["Tree", ...]


Tree = Provider | Failover | Split | Quota


def parse(text: str) -> Tree:
    """Parse a mailer URL or a composite of them.

    Raises MailerUrlError, whose text says what is wrong with secrets masked.
    """
    tokens = TOKENS.findall(text)
    tree, rest = _tree(tokens)
    if rest:
        raise MailerUrlError(f"has {len(rest)} part(s) too many after its first URL")
    return tree


def _tree(tokens: list[str]) -> tuple[Tree, list[str]]:
    if not tokens:
        raise MailerUrlError("is empty: a mailer URL such as smtp://user:password@host is needed")
    first, rest = tokens[0], tokens[1:]
    if first == "failover(":
        return _failover(rest)
    if first == "split(":
        return _split(rest)
    if first == "quota(":
        return _quota(rest)
    return provider(first), rest


def _failover(tokens: list[str]) -> tuple[Tree, list[str]]:
    children = []
    while tokens and tokens[0] != ")":
        child, tokens = _tree(tokens)
        children.append(child)
    if len(children) < 2:
        raise MailerUrlError("has a failover(…) of fewer than two URLs")
    return Failover(tuple(children)), _closed(tokens, "failover")


def _split(tokens: list[str]) -> tuple[Tree, list[str]]:
    weights, children = [], []
    while tokens and tokens[0] != ")":
        if not tokens[0].isdecimal():
            raise MailerUrlError("has a split(…) that isn't written as split(90 URL 10 URL)")
        weights.append(int(tokens[0]))
        child, tokens = _tree(tokens[1:])
        children.append(child)
    if len(children) < 2 or not sum(weights):
        raise MailerUrlError("has a split(…) without two URLs, or whose weights are all 0")
    return Split(tuple(weights), tuple(children)), _closed(tokens, "split")


def _quota(tokens: list[str]) -> tuple[Tree, list[str]]:
    limit = A_DAY.fullmatch(tokens[0]) if tokens else None
    if not limit or not int(limit[1]):
        raise MailerUrlError("has a quota(…) that isn't written as quota(300/day URL URL)")
    children = []
    tokens = tokens[1:]
    while tokens and tokens[0] != ")":
        child, tokens = _tree(tokens)
        children.append(child)
    if len(children) != 2:
        raise MailerUrlError("has a quota(…) of other than two URLs: nest it for more")
    number, zone = int(limit[1]), _zone(children[0]) or "UTC"
    return Quota(number, zone, tuple(children)), _closed(tokens, "quota")


def _zone(tree: Tree) -> str:
    """The zone that a provider of a tree names, "" for none."""
    if isinstance(tree, Provider):
        return tree.zone
    return next((zone for child in tree.children if (zone := _zone(child))), "")


def _closed(tokens: list[str], name: str) -> list[str]:
    if not tokens:
        raise MailerUrlError(f"has a {name}(…) that isn't closed")
    return tokens[1:]
