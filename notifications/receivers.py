"""What other apps' signals mean here. Connected by name, or in home/apps.py."""

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as mfa
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import QuerySet
from django.dispatch import Signal
from django.urls import reverse

from mailroom.signals import mailer_alert
from notifications.notify import notify

# allauth's mails say it too; the row stays where a mail may be overlooked.
SECURITY_EVENTS: dict[str, Signal] = {
    "password_changed": account.password_changed,
    "password_set": account.password_set,
    "password_reset": account.password_reset,
    "email_changed": account.email_changed,
    "email_removed": account.email_removed,
    "factor_added": mfa.authenticator_added,
    "factor_removed": mfa.authenticator_removed,
    "recovery_codes_made": mfa.authenticator_reset,
}


def connect() -> None:
    """Connect the signals of allauth and of the mailroom. Called once, when all apps are loaded."""
    for event, signal in SECURITY_EVENTS.items():

        def tell(sender: Any, user: AbstractBaseUser, event: str = event, **kwargs: Any) -> None:
            if kwargs.get("from_email_address", user) is None:
                return  # the first address, confirmed after signing up: allauth calls it changed
            notify(user, "security", target=reverse("usersessions_list"), event=event)

        signal.connect(tell, weak=False, dispatch_uid=f"notify-{event}")
    mailer_alert.connect(mailer, dispatch_uid="notify-mailer")


def mailer(sender: Any, event: str, alias: str, carried_by: str, **kwargs: Any) -> None:
    """Something happened to a mailer: tell staff."""
    staff = get_user_model().objects.filter(is_staff=True, is_active=True)
    details = {"event": event, "alias": alias, "carried_by": carried_by}
    notify(staff, "mailer", target=reverse("mail_status"), **details)


def notify_sign_in(
    sender: Any, user: AbstractBaseUser, ip: str, browser: str, **kwargs: Any
) -> None:
    """Somebody logged in from a new device, maybe not the owner of the account."""
    notify(user, "sign_in", target=reverse("usersessions_list"), ip=ip, browser=browser)


def notify_issue_sent(
    sender: Any, issue: Any, editors: QuerySet[AbstractBaseUser], failed: int = 0, **kwargs: Any
) -> None:
    """All mails of an issue have left: tell its editors."""
    _to_editors("issue_sent", issue, editors, f"issue:{issue.pk}", failed=failed)


def notify_issue_stopped(
    sender: Any, issue: Any, editors: QuerySet[AbstractBaseUser], reason: str, **kwargs: Any
) -> None:
    """The sending of an issue stopped: tell its editors, each time that it does."""
    _to_editors("issue_stopped", issue, editors, None, reason=reason)


def _to_editors(
    kind: str, issue: Any, editors: QuerySet[AbstractBaseUser], key: str | None, **data: Any
) -> None:
    notify(
        editors,
        kind,
        target=reverse("admin:newsletters_issue_change", args=[issue.pk]),
        dedupe_key=key,
        newsletter=str(issue.newsletter),
        subject=issue.title,
        **data,
    )


def notify_new_issue(
    sender: Any, issue: Any, recipients: QuerySet[AbstractBaseUser], **kwargs: Any
) -> None:
    """An issue is out: tell its subscribers who have an account."""
    notify(
        recipients,
        "new_issue",
        target=issue,
        dedupe_key=f"issue:{issue.pk}",
        newsletter=str(issue.newsletter),
        subject=issue.title,
    )
