"""The kinds of notification: to add one is one entry here, and its templates."""

import enum
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Way(enum.StrEnum):
    """How a kind reaches people."""

    INSTANT = "instant"  # in-app, and by mail at once
    DIGEST = "digest"  # in-app, and with the next digest unless it was read by then
    IN_APP = "in-app"
    OFF = "off"


class Group(enum.Enum):
    """What stands together on the page of preferences."""

    ACCOUNT = _("Your account")
    NEWS = _("News")
    DESK = _("Running the site")


@dataclass(frozen=True, kw_only=True)
class NotificationKind:
    """One kind of notification.

    key: its name in rows and code. label, explanation: what people read in their preferences.
    default: how it comes to those who chose nothing. required: it can't be switched off.
    message_type: the mail's row in the table of types, which names its channel; "" for a kind
    that never mails at once. batch: the name of the value in `data` by which a digest puts
    several together. for_staff: only the people who run the site get it, and choose about it.
    The line in the app and in digests is the template `notifications/kinds/<key>.html`.
    """

    key: str
    label: str | Promise
    explanation: str | Promise
    default: Way
    group: Group = Group.NEWS
    required: bool = False
    message_type: str = ""
    batch: str = ""
    for_staff: bool = False

    @property
    def template(self) -> str:
        return f"notifications/kinds/{self.key}.html"

    @property
    def choices(self) -> list[Way]:
        """What it can be set to; nothing where it is required."""
        offered = () if self.required else Way
        return [one for one in offered if one is not Way.INSTANT or self.message_type]


KINDS = {
    kind.key: kind
    for kind in (
        NotificationKind(
            key="security",
            label=_("Security of your account"),
            # The mail itself is allauth's, sent by the accounts app.
            explanation=_("Always shown here and sent by email, so that you notice every change."),
            default=Way.IN_APP,
            group=Group.ACCOUNT,
            required=True,
        ),
        NotificationKind(
            key="sign_in",
            label=_("Sign-ins from a new device"),
            explanation=_("Always shown here and sent by email, in case it wasn’t you."),
            default=Way.INSTANT,
            group=Group.ACCOUNT,
            required=True,
            message_type="notifications.sign_in",
        ),
        NotificationKind(
            key="new_issue",
            label=_("New issues of your newsletters"),
            # The issue is a mail itself: another one about it would be one too many.
            explanation=_("A notification here when one of your newsletters has a new issue."),
            default=Way.IN_APP,
            batch="newsletter",
        ),
        NotificationKind(
            key="announcement",
            label=_("Announcements"),
            explanation=_("News about this site from the people who run it."),
            default=Way.INSTANT,
            message_type="notifications.announcement",
        ),
        NotificationKind(
            key="issue_sent",
            label=_("An issue has been sent"),
            explanation=_(
                "All emails of an issue have been sent. Includes the number that failed."
            ),
            default=Way.IN_APP,
            group=Group.DESK,
            message_type="notifications.issue_sent",
            batch="newsletter",
            for_staff=True,
        ),
        NotificationKind(
            key="issue_stopped",
            label=_("An issue was paused automatically"),
            explanation=_("Sending waits until someone has checked it."),
            default=Way.INSTANT,
            group=Group.DESK,
            message_type="notifications.issue_stopped",
            batch="newsletter",
            for_staff=True,
        ),
        NotificationKind(
            key="mailer",
            # Its mail goes to ADMINS, past the mailers that may be what fails.
            label=_("Provider problems"),
            explanation=_("A provider is down, another one takes over, or it works again."),
            default=Way.IN_APP,
            group=Group.DESK,
            batch="alias",
            for_staff=True,
        ),
    )
}


def kinds_for(user: Any) -> list[NotificationKind]:
    """The kinds that a user can get."""
    return [kind for kind in KINDS.values() if user.is_staff or not kind.for_staff]


def kind_of(key: str) -> NotificationKind:
    """Return the kind named `key`. Raises LookupError, which lists the known ones."""
    try:
        return KINDS[key]
    except KeyError:
        raise LookupError(f"No kind of notification {key!r}; known: {', '.join(KINDS)}") from None
