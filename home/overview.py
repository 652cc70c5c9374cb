"""What the home page says about each channel: its purpose, its providers, what it carried."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.mail import mailers
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailroom.config.channels import children
from mailroom.config.schemes import brand
from mailroom.models import Delivery
from mailroom.status.overview import carried, describe_mailers, in_flight, waiting

State = Delivery.State
IN_DEVELOPMENT = {
    "inbox": gettext_lazy("Inbox"),
    "console": gettext_lazy("Console"),
    "file": gettext_lazy("Files"),
}


@dataclass(frozen=True)
class Purpose:
    """Why a channel exists, and where a visitor can make it carry an email.

    view: name of the URL to try it at; empty where none of the site's own pages uses it.
    """

    title: Promise | str
    sentence: Promise | str
    attempt: Promise | str = ""
    view: str = ""


PURPOSES = {
    "registration": Purpose(
        gettext_lazy("Registration"),
        gettext_lazy("Confirms the address of an account or a subscription."),
        gettext_lazy("Sign up"),
        "account_signup",
    ),
    "password_reset": Purpose(
        gettext_lazy("Password reset"),
        gettext_lazy("Links and codes to sign in with. They never wait for a newsletter."),
        gettext_lazy("Reset a password"),
        "account_reset_password",
    ),
    "notifications": Purpose(
        gettext_lazy("Notifications"),
        gettext_lazy("Security notices, announcements and digests."),
        gettext_lazy("See notifications"),
        "notifications:list",
    ),
    "newsletters": Purpose(
        gettext_lazy("Newsletters"),
        gettext_lazy("Issues for all subscribers, personalised for each."),
        gettext_lazy("Subscribe"),
        "newsletters:list",
    ),
    "default": Purpose(gettext_lazy("Everything else"), gettext_lazy("Email without a channel.")),
}


@dataclass(frozen=True)
class ProviderShare:
    """A provider behind a channel. label: its share or its place among others; sent: emails."""

    label: str
    kind: Promise | str
    alias: str
    sent: int


@dataclass(frozen=True)
class ChannelRow:
    """One channel as the home page shows it; the numbers count deliveries."""

    alias: str
    purpose: Purpose
    providers: list[ProviderShare]
    messages: list[str]
    sent: int
    waiting: int
    failed: int


def channel_rows() -> list[ChannelRow]:
    """All channels, those with a purpose of their own first. Addresses of providers stay inside.

    Read from the kept counts and the queue, however much was sent.
    """
    told = describe_mailers()
    kinds = {one["alias"]: provider_name(one["url"]) for one in told["providers"]}
    counts, sending = carried(), in_flight()
    rows = [
        _row(one, kinds, counts[one["alias"]], sending.get(one["alias"], 0))
        for one in told["channels"]
    ]
    order = list(PURPOSES)
    return sorted(rows, key=lambda row: order.index(row.alias) if row.alias in order else -1)


def provider_name(url: str) -> Promise | str:
    """The name of the kind of provider that a mailer URL is for, such as `Amazon SES`."""
    scheme = url.partition(":")[0]
    return IN_DEVELOPMENT.get(scheme) or brand(scheme)


def _row(
    channel: dict[str, Any],
    kinds: dict[str, Promise | str],
    counts: dict[tuple[str, str], int],
    sending: int,
) -> ChannelRow:
    alias = channel["alias"]
    ended: Counter[str] = Counter()
    for (_provider, state), number in counts.items():
        ended[state] += number
    return ChannelRow(
        alias=alias,
        purpose=PURPOSES.get(alias) or Purpose(alias, ""),
        providers=[
            ProviderShare(label, kinds.get(one, one), one, counts.get((one, State.SENT), 0))
            for label, one in _shares(channel["via"])
        ],
        messages=channel["messages"],
        sent=ended[State.SENT],
        waiting=waiting(alias) + sending,
        failed=ended[State.FAILED] + ended[State.UNCERTAIN],
    )


def _shares(via: str, outer: str = "") -> Iterator[tuple[str, str]]:
    """The providers behind a mailer, each with its share, its quota or its place in a failover."""
    below = children(via)
    if not below:
        yield outer, via
        return
    options = mailers.settings.get(via, {}).get("OPTIONS", {})
    if weights := options.get("weights"):
        labels = [f"{100 * weight / sum(weights):.0f} %" for weight in weights]
    elif number := options.get("number"):
        labels = [_("%(number)s a day") % {"number": number}, _("then")]
    else:
        labels = [_("first"), *[_("then")] * (len(below) - 1)] if len(below) > 1 else [""]
    for label, child in zip(labels, below, strict=True):
        yield from _shares(child, ", ".join(filter(None, [outer, label])))
