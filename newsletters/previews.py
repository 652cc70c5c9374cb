"""Made-up emails for the development inbox, by type: each function takes a language."""

from django.core.mail import EmailMultiAlternatives
from django.templatetags.static import static
from django.utils import timezone

from mailroom.messages.links import absolute
from newsletters import emails
from newsletters.composing.preview import preview
from newsletters.models import Issue, Newsletter, Subscription

SAMPLE_ISSUE = """\
## The week in the mailroom

A table, a list and a picture, as mail programs show them.

| Channel | Emails |
|:--------|------:|
| newsletters | 200 |
| registration | 12 |

- [Read on the web]({web_url})
- [Unsubscribe]({unsubscribe_url})

![An envelope and three arrows, to registration, notifications and newsletters](PICTURE)

```python
message.send()
```
"""


def _issue(language: str) -> EmailMultiAlternatives:
    issue = Issue(
        newsletter=_newsletter(),
        language=language,
        subject="{name}, the week in the mailroom",
        preheader="What was sent, and through which provider",
        slug="the-week",
        body=SAMPLE_ISSUE.replace("PICTURE", absolute(static("demo/letter.png"))),
        published_at=timezone.now(),
    )
    return preview(issue, "Ada Lovelace", "ada@example.com")


def _subscription(language: str) -> Subscription:
    return Subscription(pk=0, newsletter=_newsletter(), email="ada@example.com", language=language)


def _newsletter() -> Newsletter:
    return Newsletter(name="Mailroom weekly", slug="weekly")


PREVIEWS = {
    "newsletters.confirm_subscription": lambda language: emails.confirm_subscription(
        _subscription(language)
    ),
    "newsletters.already_subscribed": lambda language: emails.already_subscribed(
        _subscription(language)
    ),
    "newsletters.data_link": lambda language: emails.data_link("ada@example.com", language),
    "newsletters.issue": _issue,
}
