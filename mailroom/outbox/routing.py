"""Who carries a message: its mail account, what a router says, or else its channel's own mailer.

Decided when the message is queued and stored with its rows. A router is a class with

    def route_for(self, message, recipient) -> str | MailAccount | None

message: the row that is about to be stored, with `type`, `channel`, `owner`, `is_bulk`, `subject`
and so on. recipient: a bare address, None for a bulk message whose recipients are added later. It
returns the alias of a mailer or channel in MAILERS, a mail account, or None for no opinion; the
first of MAILROOM_ROUTERS with an opinion decides. For bulk email it is called once for a message,
unless its class says `asks_recipients = True`: then once for each recipient.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import mailers
from django.db import DatabaseError
from django.utils.module_loading import import_string

from mailroom.addresses import domain_of
from mailroom.config.channels import OUTBOX, channel_options, channels, is_account
from mailroom.config.mailers import ADMINS_BACKEND
from mailroom.models import MailAccount, Message


class RoutingError(ValueError):
    """A message can't be queued: a router failed, or names what can't carry the message."""


class ByRecipientDomain:
    """Routes by the domain of the recipient's address.

    routes: domain → alias in MAILERS or of an account (`account:7`); MAILROOM_DOMAIN_ROUTES where
    none are given.
    """

    asks_recipients = True

    def __init__(self, routes: Mapping[str, str] | None = None) -> None:
        self._routes = routes

    def route_for(self, message: Any, recipient: str | None) -> str | None:
        routes = settings.MAILROOM_DOMAIN_ROUTES if self._routes is None else self._routes
        wanted = domain_of(recipient or "")
        found = (route for name, route in routes.items() if domain_of(f"x@{name}") == wanted)
        return next(found, None) if wanted else None


class ByOwner:
    """Routes a message that has an `owner` by the first active account with that owner label."""

    def route_for(self, message: Any, recipient: str | None) -> MailAccount | None:
        if not message.owner:
            return None
        own = MailAccount.objects.active().filter(owner=message.owner).order_by("pk")
        return next((one for one in own if one.allows(message.channel)), None)


def choose(message: Message, account: MailAccount | None, recipient: str | None) -> str:
    """The route of a message that is about to be queued, "" for its channel's own mailer.

    account: the one that the caller chose, before any router. A type that carries a secret stays
    with its channel unless it says `routable`. Raises RoutingError.
    """
    if not _may_leave(message):
        return ""
    if account is not None:
        return _accepted(account, message, "send(account=…)")
    if recipient is None and any(map(_asks_recipients, routers())):
        return ""  # asked about each recipient, by `chooser`
    return _ask(routers(), message, recipient, {})


def chooser(message: Message) -> Callable[[str], str] | None:
    """A function that returns the route of a recipient, by address.

    None where all recipients of the message have the route that is stored with it.
    """
    is_decided = bool(message.route or message.to or message.cc or message.bcc)
    if is_decided or not _may_leave(message):
        return None
    asked, known = routers(), dict[int | str, Any]()
    if not any(map(_asks_recipients, asked)):
        return None
    return lambda recipient: _ask(asked, message, recipient, known)


def routers() -> list[Any]:
    """The instances of MAILROOM_ROUTERS, which has classes, their names, or instances.

    Raises ImproperlyConfigured where one can't be made, or is no router.
    """
    return [_instance(router) for router in settings.MAILROOM_ROUTERS]


def _instance(router: Any) -> Any:
    try:
        found = import_string(router) if isinstance(router, str) else router
        made = found if hasattr(found, "route_for") and not isinstance(found, type) else found()
    except Exception as error:
        text = f"MAILROOM_ROUTERS has {router!r}, which can't be used: {error}"
        raise ImproperlyConfigured(text) from error
    if not callable(getattr(made, "route_for", None)):
        raise ImproperlyConfigured(f"MAILROOM_ROUTERS has {router!r}, which has no route_for.")
    return made


def router_name(router: Any) -> str:
    """A router's class, for people."""
    return f"{type(router).__module__}.{type(router).__qualname__}"


def _may_leave(message: Message) -> bool:
    return not message.is_secret or message.type_entry.routable


def _asks_recipients(router: Any) -> bool:
    return bool(getattr(router, "asks_recipients", False))


def _ask(
    asked: list[Any], message: Message, recipient: str | None, known: dict[int | str, Any]
) -> str:
    """The route that the first opinion of a router stands for.

    known: of one message: by place, the opinions of routers that are asked once; by alias, routes.
    """
    for place, router in enumerate(asked):
        if place in known:
            answer = known[place]
        else:
            answer = _opinion(router, message, recipient)
            if not _asks_recipients(router):
                known[place] = answer
        if answer is None:
            continue
        if isinstance(answer, str) and answer in known:
            return str(known[answer])
        route = _accepted(answer, message, f"The router {router_name(router)}")
        if isinstance(answer, str):
            known[answer] = route
        return route
    return ""


def _opinion(router: Any, message: Message, recipient: str | None) -> Any:
    try:
        return router.route_for(message, recipient)
    except DatabaseError:
        raise
    except Exception as error:
        text = f"The router {router_name(router)} failed for {message.type or message.channel}"
        raise RoutingError(f"{text}: {type(error).__name__}: {error}") from error


def _accepted(answer: Any, message: Message, who: str) -> str:
    """The route that an answer stands for. Raises RoutingError where it can't carry the message."""
    if isinstance(answer, str) and is_account(answer):
        account = MailAccount.objects.by_alias(answer)
        if account is None:
            raise RoutingError(f"{who} names the mail account {answer!r}, which does not exist.")
        answer = account
    if isinstance(answer, MailAccount):
        if answer.pk is None:
            raise RoutingError(f"{who} names a mail account that is not saved.")
        if not answer.allows(message.channel):
            allowed = ", ".join(answer.channels)
            text = f"{who} names the mail account {answer.name!r} for {message.channel!r}"
            raise RoutingError(f"{text}; it may be used for {allowed}.")
        return answer.alias
    if not isinstance(answer, str):
        text = f"{who} answers {answer!r:.80}: an alias, a mail account or None is wanted."
        raise RoutingError(text)
    if answer in channels():
        answer = channel_options(answer).via
    entry = mailers.settings.get(answer)
    if entry is None or entry.get("BACKEND") in {OUTBOX, ADMINS_BACKEND}:
        known = [one for one, e in mailers.settings.items() if e.get("BACKEND") != ADMINS_BACKEND]
        raise RoutingError(f"{who} names {answer!r}; MAILERS has {', '.join(known)}.")
    return answer if answer != channel_options(message.channel).via else ""
