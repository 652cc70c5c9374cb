"""The kinds of notification: to add one is one entry here, and its templates."""

import enum
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Delivery(enum.StrEnum):
    """How a kind reaches people who chose nothing else."""

    INSTANT = "instant"  # in-app, and by mail at once
    IN_APP = "in-app"
    OFF = "off"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of notification.

    key: its name in rows and code. label, explanation: what people read in their preferences.
    default: how it comes to those who chose nothing. required: it can't be switched off.
    message_type: the mail's row in the table of types; "" for a kind that never mails itself.
    for_staff: only the people who run the site get it, and choose about it.
    The line in the app is the template `notifications/kinds/<key>.html`.
    """

    key: str
    label: str | Promise
    explanation: str | Promise
    default: Delivery
    required: bool = False
    message_type: str = ""
    for_staff: bool = False

    @property
    def template(self) -> str:
        return f"notifications/kinds/{self.key}.html"


KINDS = {
    kind.key: kind
    for kind in (
        Kind(
            key="security",
            label=_("Security of your account"),
            # The mail itself is allauth's, sent by the accounts app.
            explanation=_("Always shown here and sent by mail, so that no change goes unseen."),
            default=Delivery.IN_APP,
            required=True,
        ),
        Kind(
            key="new_issue",
            label=_("New issues of your newsletters"),
            explanation=_("A line here when a newsletter that you get has a new issue."),
            default=Delivery.IN_APP,
        ),
        Kind(
            key="announcement",
            label=_("Announcements"),
            explanation=_("News about this site from the people who run it."),
            default=Delivery.INSTANT,
            message_type="notifications.announcement",
        ),
        Kind(
            key="mailer",
            # Its mail goes to ADMINS, past the mailers that may be what fails.
            label=_("Trouble with a mailer"),
            explanation=_("A mailer fails and rests, another takes its mail, or it is back."),
            default=Delivery.IN_APP,
            for_staff=True,
        ),
    )
}


def kinds_for(user: Any) -> list[Kind]:
    """The kinds that a user can get."""
    return [kind for kind in KINDS.values() if user.is_staff or not kind.for_staff]


def kind_of(key: str) -> Kind:
    """Return the kind named `key`. Raises LookupError, which lists the known ones."""
    try:
        return KINDS[key]
    except KeyError:
        raise LookupError(f"No kind of notification {key!r}; known: {', '.join(KINDS)}") from None
