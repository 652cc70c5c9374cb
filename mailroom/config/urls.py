"""One provider's URL → its backend and options.

Query parameters become OPTIONS, but for `from`, `cost` and `zone`, which are ours.
"""

import re
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit
from zoneinfo import available_timezones

from mailroom.addresses import for_wire, is_address
from mailroom.config.schemes import ANYMAIL, DEVELOPMENT, SMTP, SMTP_TIMEOUT_SECONDS, APIKind
from mailroom.masking import SECRET_NAME
from mailroom.providers import REGISTERED

WHOLE_NUMBERS = {"timeout", "port", "connections"}
LARGEST_NUMBER = 65_535
SENDER, COST, ZONE = "from", "cost", "zone"
ROUTING_OPTIONS = {SENDER, COST, ZONE}
PRICE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(?:/([1-9]\d{0,8}))?")


class MailerUrlError(ValueError):
    """A mailer URL that can't be used; its text says why and holds no secret."""


@dataclass(frozen=True)
class ProviderURL:
    """One provider: a backend and its options.

    `name` is what it is (`postmark`, `smtp:mail.example.com`), `masked` its URL without secrets,
    `sender` the From it may send as, "" for any; `cost` the price of a message, None where it is
    not known; `zone` the time zone of its quota, "" for UTC.
    """

    name: str
    backend: str
    options: dict[str, Any] = field(hash=False)
    masked: str = field(compare=False)
    sender: str = ""
    cost: Decimal | None = field(default=None, compare=False)
    zone: str = field(default="", compare=False)


def provider(url: str) -> ProviderURL:
    """Parse the URL of one provider. Raises MailerUrlError, whose text masks secrets."""
    scheme, colon, _ = url.partition(":")
    if not colon:
        raise MailerUrlError("has a part that isn't a URL: it lacks a scheme such as smtp://")
    if "#" in url:  # before the parsing, which would take the rest of a password for a fragment
        raise MailerUrlError(f"has a {scheme[:20]} URL with a # in it: write it as %23")
    if re.search(r"%(?![0-9A-Fa-f]{2})", url) or url.partition("?")[0].count("@") > 1:
        raise MailerUrlError(
            f"has a {scheme[:20]} URL with an @ or % in a name or password: write %40 or %25"
        )
    try:
        parts = urlsplit(url)
        # Elsewhere a colon stands between two keys.
        is_readable = parts.scheme not in SMTP or (parts.port != 0 and _is_host(parts.hostname))
    except ValueError:
        is_readable = False
    if not is_readable:
        raise MailerUrlError(f"has a {scheme} URL whose host or port can't be read")
    kinds: Any
    for kinds, read in (
        (REGISTERED, _registered),
        (SMTP, _smtp),
        (ANYMAIL, _anymail),
        (DEVELOPMENT, _development),
    ):
        if parts.scheme in kinds:
            found = read(parts)
            return replace(found, sender=_sender(parts), cost=_cost(parts), zone=_zone(parts))
    known = ", ".join([*SMTP, *ANYMAIL, *DEVELOPMENT, *REGISTERED])
    raise MailerUrlError(f"has the unknown scheme {scheme[:20]!r}; known are {known}")


HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")


def _is_host(host: str | None) -> bool:
    """Whether it can be a server's name or IP address; one that is missing is reported later."""
    return not host or ":" in host or bool(HOST.fullmatch(host))


def _smtp(parts: SplitResult) -> ProviderURL:
    if not parts.hostname:
        raise MailerUrlError(f"has an {parts.scheme} URL without a host")
    if parts.path.strip("/"):
        raise MailerUrlError(f"has an {parts.scheme} URL with a path behind its host")
    if bool(parts.username) != bool(parts.password):
        raise MailerUrlError(f"has an {parts.scheme} URL with only one of user and password")
    kind = SMTP[parts.scheme]
    port = parts.port or kind.port
    options = {
        "host": parts.hostname,
        "port": port,
        **dict.fromkeys(kind.flags, True),
        "timeout": SMTP_TIMEOUT_SECONDS,
        **({"username": unquote(parts.username)} if parts.username else {}),
        **({"password": unquote(parts.password)} if parts.password else {}),
        **_query(parts),
    }
    place = parts.hostname if port == kind.port else f"{parts.hostname}:{port}"
    return ProviderURL(f"smtp:{place}", kind.backend, options, _masked(parts))


def _anymail(parts: SplitResult) -> ProviderURL:
    return _api(parts, ANYMAIL[parts.scheme])


def _registered(parts: SplitResult) -> ProviderURL:
    """A provider of MAILROOM_PROVIDERS, whose URLs are written as those of an API."""
    own = REGISTERED[parts.scheme]
    secrets = ":".join(own.secrets).upper()
    example = f"{parts.scheme}://{'@'.join(filter(None, [secrets, own.place]))}"
    return _api(parts, APIKind(own.backend, own.secrets, example, own.place, own.options))


def _api(parts: SplitResult, kind: APIKind) -> ProviderURL:
    account, at, place = parts.netloc.rpartition("@")
    if not at and kind.secrets:  # all of it is the key, or there is nothing
        account, place = place, ""
    values = [
        unquote(value) for value in account.split(":", max(0, len(kind.secrets) - 1)) if value
    ]
    if len(values) != len(kind.secrets) or bool(place) != bool(kind.place):
        raise MailerUrlError(f"has a {parts.scheme} URL that isn't written as {kind.example}")
    options: dict[str, Any] = dict(zip(kind.secrets, values, strict=True))
    if kind.place:
        options[kind.place] = place
    options |= kind.arrange(_query(parts))
    name = f"{parts.scheme}:{place}" if place else parts.scheme
    return ProviderURL(name, kind.backend, options, _masked(parts))


def _development(parts: SplitResult) -> ProviderURL:
    options: dict[str, Any] = _query(parts)
    if parts.scheme != "file" and (parts.netloc or parts.path.strip("/")):
        raise MailerUrlError(f"has a {parts.scheme} URL that isn't written as {parts.scheme}:")
    if parts.scheme == "file":
        if parts.netloc or not parts.path.strip("/"):
            raise MailerUrlError("has a file URL that isn't written as file:///folder")
        options["file_path"] = unquote(parts.path)
    return ProviderURL(parts.scheme, DEVELOPMENT[parts.scheme], options, _masked(parts))


def _query(parts: SplitResult) -> dict[str, Any]:
    pairs = parse_qsl(parts.query, True)
    if empty := [name for name, text in pairs if not text]:
        raise MailerUrlError(f"has the option {empty[0][:30]} without a value")
    return {name: _value(name, text) for name, text in pairs if name not in ROUTING_OPTIONS}


def _sender(parts: SplitResult) -> str:
    text = dict(parse_qsl(parts.query)).get(SENDER, "")
    if text and not is_address(text):
        raise MailerUrlError("has the option from, which must be an address, percent-encoded")
    return for_wire(text) if text else ""


def _cost(parts: SplitResult) -> Decimal | None:
    text = dict(parse_qsl(parts.query, True)).get(COST)
    if text is None:
        return None
    if not (price := PRICE.fullmatch(text)):
        raise MailerUrlError("has the option cost, which must be a price such as 0.40/1000")
    return Decimal(price[1]) / Decimal(price[2] or 1)


def _zone(parts: SplitResult) -> str:
    name = dict(parse_qsl(parts.query, True)).get(ZONE, "")
    if name and name not in available_timezones():
        raise MailerUrlError("has the option zone, which must be a time zone such as Europe/Paris")
    return name


def _value(name: str, text: str) -> Any:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if name not in WHOLE_NUMBERS:
        return text
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) <= LARGEST_NUMBER:
        raise MailerUrlError(f"has the option {name}, which must be a whole number above 0")
    return int(text)


def _masked(parts: SplitResult) -> str:
    _, at, host = parts.netloc.rpartition("@")
    own = REGISTERED.get(parts.scheme)
    has_key = bool(own.secrets) if own else parts.scheme in ANYMAIL
    is_key = has_key and parts.netloc and not at
    netloc = "***" if is_key else (f"***@{host}" if at else host)
    query = "&".join(
        f"{name}={'***' if SECRET_NAME.search(name) else value}"
        for name, value in parse_qsl(parts.query, True)
    )
    slashes = "//" if netloc or parts.path or own or parts.scheme in ANYMAIL else ""
    return f"{parts.scheme}:{slashes}{netloc}{parts.path}" + (f"?{query}" if query else "")


MAILBOX_PORTS = {"imaps": 993, "imap": 143, "imap+plain": 143}


class Mailbox(NamedTuple):
    """Where a mailbox is and how to sign in. Its text form holds no password."""

    scheme: str
    host: str
    port: int
    user: str
    password: str
    folder: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.user}@{self.host}:{self.port}/{self.folder}"

    def __repr__(self) -> str:
        return str(self)


def mailbox_at(url: str) -> Mailbox:
    """Parse `imaps://user:password@host[:port][/folder]`.

    `imap://` uses STARTTLS, `imap+plain://` no encryption. Raises ValueError, without the password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("has a host or port that can't be read") from None
    if port == 0 or not _is_host(parts.hostname):
        raise ValueError("has a host or port that can't be read")
    if parts.scheme not in MAILBOX_PORTS or not parts.hostname:
        raise ValueError("must look like imaps://user:password@host/folder")
    if not parts.username or not parts.password:
        raise ValueError("needs a user and a password; percent-encode @ as %40")
    return Mailbox(
        parts.scheme,
        parts.hostname,
        port or MAILBOX_PORTS[parts.scheme],
        unquote(parts.username),
        unquote(parts.password),
        unquote(parts.path.strip("/")) or "INBOX",
    )


# -- The grammar: routes of URLs ---------------------------------------------------------------


TOKENS = re.compile(r"(?:failover|split|quota)\(|\)|[^\s()]+")

A_DAY = re.compile(r"(\d{1,9})/day")


class VariableFault(NamedTuple):
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


Tree = ProviderURL | Failover | Split | Quota


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
    number, zone = int(limit[1]), _zone_of(children[0]) or "UTC"
    return Quota(number, zone, tuple(children)), _closed(tokens, "quota")


def _zone_of(tree: Tree) -> str:
    """The zone that a provider of a tree names, "" for none."""
    if isinstance(tree, ProviderURL):
        return tree.zone
    return next((zone for child in tree.children if (zone := _zone_of(child))), "")


def _closed(tokens: list[str], name: str) -> list[str]:
    if not tokens:
        raise MailerUrlError(f"has a {name}(…) that isn't closed")
    return tokens[1:]
