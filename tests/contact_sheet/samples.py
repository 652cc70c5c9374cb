"""What the site needs to show: run inside it, prints addresses and log-ins as JSON."""

import json
import time
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import User
from home.samples import send_each
from mailroom.models import Suppression
from mailroom.worker import process
from newsletters.models import Issue
from newsletters.sending.publish import publish
from newsletters.subscribers.tokens import member_token
from notifications.models import Announcement
from notifications.notify import notify
from sandbox.inbox import previews
from tests.contact_sheet.pages import SHOTS

ERRORS = ("400", "403", "403_csrf", "404", "429", "500")


def prepare() -> None:
    people = {
        "member": User.objects.get(email="reader@example.com"),
        "staff": User.objects.get(email="admin@example.com"),
        "newcomer": User.objects.create(email="newcomer@example.com", name="Noor Newcomer"),
    }
    addresses = _issues() | _others(people)
    named = {shot.view for shot in SHOTS} - set(addresses) - set(ERRORS)
    print(  # noqa: T201  (the answer of this script)
        json.dumps(
            {
                "addresses": addresses | {view: reverse(view) for view in named},
                "sessions": {who: _log_in(user) for who, user in people.items()},
                "errors": {name: _error(name) for name in ERRORS},
                "mails": {name: _mail(preview("en")) for name, preview in previews().items()},
            }
        )
    )


def _issues() -> dict[str, str]:
    draft = Issue.objects.get()
    sent = Issue.objects.create(
        newsletter=draft.newsletter,
        slug="a-letter-that-went-out",
        subject="A letter that went out",
        preheader=draft.preheader,
        body=draft.body,
        author=draft.author,
    )
    publish(sent)
    for reader in ("reader@example.com", "admin@example.com"):
        send_each(reader)
    process.drain()
    delivery = sent.message.deliveries.latest("pk")
    token = member_token(delivery.values["subscription"], delivery.pk)
    slugs = sent.newsletter.slug, sent.slug
    return {
        "landing": reverse("newsletters:newsletter", args=slugs[:1]),
        "issue": reverse("newsletters:issue", args=slugs),
        "unsubscribe": reverse("newsletters:unsubscribe", args=[token]),
        "preferences": reverse("newsletters:preferences", args=[token]),
        "issue-draft": reverse("admin:newsletters_issue_change", args=[draft.pk]),
        "issue-preview": reverse("admin:newsletters_issue_preview", args=[draft.pk]),
        "issue-publish": reverse("admin:newsletters_issue_publish", args=[draft.pk]),
        "issue-sent": reverse("admin:newsletters_issue_change", args=[sent.pk]),
        "delivery": reverse("admin:mailroom_delivery_change", args=[delivery.pk]),
    }


def _others(people: dict[str, Any]) -> dict[str, str]:
    member, staff = people["member"], people["staff"]
    TOTP.activate(member, generate_totp_secret())
    RecoveryCodes.activate(member)
    for number, subject in enumerate(("Four kinds of email", "How a letter travels")):
        notify(
            member, "new_issue", newsletter="The Weekly Post", subject=subject, target="/",
            dedupe_key=f"sample-{number}",
        )  # fmt: skip
    news = Announcement.objects.create(
        title="We moved house", body="All email now goes **twice** as fast.", author=staff
    )
    notify([member, staff], "announcement", announcement=news.pk, title=news.title, target=news)
    Suppression.objects.create(
        address=staff.email, reason="bounced", evidence="Postmark: 550 5.1.1 no such user"
    )
    return {
        "home-signed-in": reverse("home"),
        "notifications-empty": reverse("notifications:list"),
        "announcement": reverse("admin:notifications_announcement_change", args=[news.pk]),
    }


def _log_in(user: User) -> str:
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(user)
    request = RequestFactory().get("/")
    request.session = client.session
    later = time.time() + 3600  # so long no page asks for the password once more
    record_authentication(request, user, method="password", reauthenticated=True, at=later)
    request.session.save()
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def _error(name: str) -> str:
    """Pages for what goes wrong, which DEBUG would replace by its own."""
    request = None if name == "500" else RequestFactory().get("/")
    return render_to_string(f"{name}.html", {"site_name": settings.SITE_NAME}, request)


def _mail(message: Any) -> str:
    message.message()
    return message.alternatives[0].content
