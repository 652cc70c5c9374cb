"""Your own provider: a subclass of `Provider`, named in MAILROOM_PROVIDERS by its URL's scheme.

MAILROOM_PROVIDERS = {"acme": "shop.acme.Provider"} lets mailer URLs begin with `acme://`, and has
the provider's webhook at `webhooks/acme/tracking/`, below the place of `mailroom.urls`.
docs/recipes.md has an example.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string

from mailroom.outcomes import Outcome


@dataclass(frozen=True, kw_only=True)
class Report:
    """One thing that a provider reports about one email.

    kind: `accepted`, `deferred`, `delivered`, `soft_bounce`, `hard_bounce`, `rejected`,
        `complained`, `unsubscribed`, or `noted` for what has no effect.
    event_id: the provider's id of this report, or another text that is the same when the provider
        posts it again; with the address it counts once.
    address: the recipient. metadata: what the provider repeats of the message's `metadata`.
    message_id: the id that the provider gave the message. words: in the provider's own words.
    happened_at: aware; now where it is None.
    """

    kind: str
    event_id: str
    address: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    message_id: str = ""
    words: str = ""
    happened_at: datetime | None = None


class Provider:
    """A provider that the library does not know.

    A URL of it is `scheme://SECRET:SECRET@place?option=value`.

    backend: dotted path of an email backend, which gets the options below as keyword arguments. It
        may be a plain BaseEmailBackend: errors of requests, httpx, urllib, smtplib and sockets are
        understood.
    secrets: names of the options before the @. place: that of the option behind it, "" for none.
    """

    backend: ClassVar[str]
    secrets: ClassVar[tuple[str, ...]] = ()
    place: ClassVar[str] = ""

    @classmethod
    def options(cls, query: dict[str, Any]) -> dict[str, Any]:
        """The backend's options for the query parameters of a URL; as they are by default."""
        return query

    @classmethod
    def outcome(cls, error: Exception) -> Outcome | None:
        """What an error of the backend means; None for what it usually means.

        See `mailroom.outcomes`: `Outcome(Verdict.FOR_NOW, str(error), fault=Fault.ACCOUNT)`.
        """
        return None

    @classmethod
    def is_genuine(cls, request: HttpRequest) -> bool:
        """Return whether a post to the webhook is from the provider.

        By default it has one of WEBHOOK_SECRETS, `user:password`, in its URL (RFC 7617).
        Override it for a provider that signs what it posts.
        """
        return has_secret(request)

    @classmethod
    def reports(cls, request: HttpRequest) -> Iterable[Report]:
        """What a genuine post to the webhook reports.

        Any ValueError, TypeError, AttributeError or LookupError stands for a body that can't be
        read, and is answered by 400.
        """
        raise NotImplementedError

    @classmethod
    def has_webhook(cls) -> bool:
        """Return whether the provider reports here: whether `reports` is overridden."""
        return cls.reports.__func__ is not Provider.reports.__func__  # type: ignore[attr-defined]


def has_secret(request: HttpRequest) -> bool:
    """Return whether a request has one of WEBHOOK_SECRETS as HTTP Basic credentials (RFC 7617)."""
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    try:
        given = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return False
    secrets = [secret.encode() for secret in settings.WEBHOOK_SECRETS]
    matches = [hmac.compare_digest(given, secret) for secret in secrets]  # always all of them
    return kind.lower() == "basic" and any(matches)


REGISTERED: dict[str, type[Provider]] = {}  # by the scheme of their URLs


SCHEME = re.compile(r"[a-z][a-z0-9-]*")


def register(paths: Mapping[str, str]) -> list[str]:
    """Make providers known by scheme, `{"acme": "shop.acme.Provider"}`; what is wrong with them."""
    faults = []
    for scheme, path in paths.items():
        found: Any = None
        try:
            found = import_string(path)
            is_provider = isinstance(found, type) and issubclass(found, Provider)
            problem = "" if is_provider and hasattr(found, "backend") else NO_PROVIDER.format(path)
        except Exception as error:  # noqa: BLE001  (a module of the project may raise anything)
            problem = f"{path} can't be imported: {type(error).__name__}: {error}"
        if not SCHEME.fullmatch(scheme):
            problem = f"{scheme!r} can't be the scheme of a URL: use lower-case letters and digits"
        if problem:
            faults.append(problem)
        else:
            REGISTERED[scheme] = found
    return faults


NO_PROVIDER = "{} must be a subclass of mailroom.providers.Provider with a backend"


def of_backend(path: str) -> type[Provider] | None:
    """The registered provider whose backend has this dotted path."""
    return next((one for one in REGISTERED.values() if one.backend == path), None)
