"""Samples of this app's e-mails for the development inbox."""

from django.utils import timezone
from django.utils.translation import get_language
from django_mail_preview import EmailPreview

from newsletters import emails
from newsletters.models import Issue, Newsletter, Subscription
from newsletters.preview import preview

BODY = """\
## The week in the mailroom

A table, a list and a picture, as mail programs show them.

| Channel | Mails |
|:--------|------:|
| newsletters | 200 |
| registration | 12 |

- [Read on the web]({web_url})
- [Leave]({unsubscribe_url})

```python
message.send()
```
"""


class NewsletterEmails(EmailPreview):
    def confirm_subscription(self) -> object:
        """Asks the owner of an address whether they want the newsletter."""
        return emails.confirm_subscription(self._subscription())

    def already_subscribed(self) -> object:
        """Answers a request to subscribe an address that is subscribed."""
        return emails.already_subscribed(self._subscription())

    def data_link(self) -> object:
        """A link, good for an hour, to everything stored about an address."""
        return emails.data_link("ada@example.com", self._language())

    def issue(self) -> object:
        """An issue, as one reader gets it."""
        issue = Issue(
            newsletter=_newsletter(),
            language=self._language(),
            subject="{name}, the week in the mailroom",
            preheader="What was carried, and by whom",
            slug="the-week",
            body=BODY,
            published_at=timezone.now(),
        )
        return preview(issue, "Ada Lovelace", "ada@example.com")

    def _subscription(self) -> Subscription:
        return Subscription(
            pk=0, newsletter=_newsletter(), email="ada@example.com", language=self._language()
        )

    def _language(self) -> str:
        return self.params.get("language") or get_language()


def _newsletter() -> Newsletter:
    return Newsletter(name="Mailroom weekly", slug="weekly")
