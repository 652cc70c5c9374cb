"""What the home page tells of each channel: its purpose, who carries it, what it carried so far."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.mail import mailers
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from mailroom.config.channels import children, providers
from mailroom.models import Delivery
from mailroom.status.overview import carried, describe, in_flight, waiting

State = Delivery.State


@dataclass(frozen=True)
class Purpose:
    """Why a channel exists, and where a visitor can make it carry a mail.

    view: name of the URL to try it at; empty where nothing of the site's own pages uses it.
    """

    title: Promise | str
    sentence: Promise | str
    attempt: Promise | str = ""
    view: str = ""


PURPOSES = {
    "registration": Purpose(
        _("Registration"),
        _("“Is this address yours?” For accounts and for subscriptions."),
        _("Sign up"),
        "account_signup",
    ),
    "password_reset": Purpose(
        _("Password reset"),
        _("Links and codes that open an account. Nothing may hold them up."),
        _("Reset a password"),
        "account_reset_password",
    ),
    "notifications": Purpose(
        _("Notifications"),
        _("What happened to your account, and what is new."),
        _("See notifications"),
        "notifications:list",
    ),
    "newsletters": Purpose(
        _("Newsletters"),
        _("Issues for everybody who asked for them, one personal letter each."),
        _("Subscribe"),
        "newsletters:list",
    ),
    "default": Purpose(_("Everything else"), _("Mail that names no channel.")),
}


@dataclass(frozen=True)
class ChannelRow:
    """One channel as the home page shows it."""

    alias: str
    purpose: Purpose
    providers: list[tuple[Promise | str, str]]  # first, then or a share; and the alias
    messages: list[str]
    sent: int
    waiting: int
    failed: int


def channel_rows() -> list[ChannelRow]:
    """All channels, those with a purpose of their own first. Addresses of providers stay inside."""
    counts, sending = carried(), in_flight()
    rows = [
        _row(one, counts.get(one["alias"], {}), sending.get(one["alias"], 0))
        for one in describe()["channels"]
    ]
    order = list(PURPOSES)
    return sorted(rows, key=lambda row: order.index(row.alias) if row.alias in order else -1)


def _row(channel: dict[str, Any], counts: dict[str, int], sending: int) -> ChannelRow:
    alias = channel["alias"]
    return ChannelRow(
        alias=alias,
        purpose=PURPOSES.get(alias) or Purpose(alias, ""),
        providers=list(_providers(channel["via"])),
        messages=channel["messages"],
        sent=counts.get(State.SENT, 0),
        waiting=waiting(alias) + sending,
        failed=counts.get(State.FAILED, 0) + counts.get(State.UNCERTAIN, 0),
    )


def _providers(via: str) -> Iterator[tuple[Promise | str, str]]:
    """The providers behind a channel's mailer, each with its place in a failover or its share."""
    below = children(via) or [via]
    weights = mailers.settings.get(via, {}).get("OPTIONS", {}).get("weights")
    labels: list[Promise | str] = [""]
    if weights:
        labels = [f"{100 * weight / sum(weights):.0f} %" for weight in weights]
    elif len(below) > 1:
        labels = [_("first"), *[_("then")] * (len(below) - 1)]
    for label, child in zip(labels, below, strict=True):
        for provider in providers(child):
            yield label, provider
