"""What the demo starts with: two people, two newsletters, subscribers, one issue to publish."""

from pathlib import Path

from allauth.account.models import EmailAddress
from django.conf import settings
from django.templatetags.static import static

from accounts.models import User
from home.demo.environment import PASSWORD
from mailroom.messages.links import absolute
from mailroom.models import MailAccount
from newsletters.models import Issue, Newsletter, Subscription
from newsletters.subscribers.importing import import_subscribers

CONTENT_FOLDER = Path(__file__).parent
CONSENT = "Signed up on paper at the Mailroom open day, 2026"
POSTAL_ADDRESS = "The Mailroom, 1 Example Street, Exampletown"


def administrator() -> User:
    return _user("admin@example.com", "Ada Admin", is_staff=True, is_superuser=True)


def demo_reader() -> User:
    return _user("reader@example.com", "Robin Reader")


def _user(email: str, name: str, **rights: bool) -> User:
    user, is_new = User.objects.get_or_create(email=email, defaults={"name": name, **rights})
    if is_new:
        user.set_password(PASSWORD)
        user.save()
    EmailAddress.objects.get_or_create(
        user=user, email=email, defaults={"verified": True, "primary": True}
    )
    return user


def newsletters() -> tuple[Newsletter, Newsletter]:
    letter, _ = Newsletter.objects.get_or_create(
        slug="mailroom-letter",
        defaults={
            "name": "The Mailroom Letter",
            "description": "Once a month, one thing that makes email arrive.",
            "postal_address": POSTAL_ADDRESS,
        },
    )
    changes, _ = Newsletter.objects.get_or_create(
        slug="changes",
        defaults={
            "name": "Changes",
            "description": "A line or two whenever the site gets better.",
            "postal_address": POSTAL_ADDRESS,
        },
    )
    return letter, changes


def account(newsletter: Newsletter) -> None:
    """Give a newsletter its own account at Postmark, where the sandbox plays that."""
    if newsletter.account or "postmark" not in settings.MAIL_ACCOUNT_API_URLS:
        return
    own, is_new = MailAccount.objects.get_or_create(
        name="Changes at Postmark",
        defaults={
            "kind": "postmark",
            "owner": "Changes",
            "from_email": "Changes <changes@changes.example.com>",
            "channels": ["newsletters"],
        },
    )
    if is_new:
        own.set_secrets(server_token="demo-changes-token")  # noqa: S106  (the sandbox's)
        own.save()
    newsletter.account = own
    newsletter.save()


def subscribers(newsletter: Newsletter) -> None:
    """200 confirmed ones by the site's own import, and three who must get nothing."""
    if newsletter.subscriptions.exists():
        return
    with (CONTENT_FOLDER / "subscribers.csv").open("rb") as file:
        import_subscribers(newsletter, file, CONSENT)
    for state, name in (
        (Subscription.State.PENDING, "not-yet"),
        (Subscription.State.PENDING, "never-answered"),
        (Subscription.State.UNSUBSCRIBED, "has-left"),
    ):
        newsletter.subscriptions.get_or_create(
            email=f"{name}@example.com", defaults={"state": state}
        )


def draft_issue(newsletter: Newsletter, author: User) -> Issue:
    """A draft, for the editor to publish."""
    picture = absolute(static("demo/letter.png"))
    body = (CONTENT_FOLDER / "issue.md").read_text("utf-8").replace("IMAGE_URL", picture)
    draft, _ = Issue.objects.get_or_create(
        newsletter=newsletter,
        slug="four-kinds-of-mail",
        defaults={
            "subject": "Four kinds of email, {name}",
            "preheader": "Why a password reset must not wait for a newsletter.",
            "body": body,
            "author": author,
        },
    )
    return draft
