"""A newsletter of the usual size: about 21 kB of HTML and 3 kB of text.

It is written as people write, with an apostrophe and a dash that ASCII has not: such a mail needs
quoted-printable, which costs Django more than anything else. `--ascii` compares without them.
"""

PLAIN = str.maketrans({"’": "'", "–": "-"})

PARAGRAPH = (
    "A mail that arrives is the work of **many** hands – somebody *wrote* it, somebody sorted it, "
    "and somebody carried it through the rain. Here’s a word about [the last]({web_url}).\n\n"
)
POINTS = "- **Wrote**: *who*, when and `why`\n- **Sorted**: *who*, when and `why`\n\n"
TABLE = "| Who | What |\n|---|---|\n| wrote | it |\n| sorted | it |\n\n"
BODY = (
    "Hello {name},\n\n"
    + ("## News\n\n" + PARAGRAPH + POINTS + TABLE) * 8
    + "[Leave]({unsubscribe_url})\n"
)


def subscribe(number: int, *, ascii_only: bool = False) -> None:
    """Make a newsletter with that many confirmed subscribers, and a draft for them."""
    from django.utils import timezone

    from newsletters.models import Issue, Newsletter, Subscription

    body = BODY.translate(PLAIN) if ascii_only else BODY
    letter = Newsletter.objects.create(name="The bench", slug="bench")
    Issue.objects.create(newsletter=letter, subject="News for {name}", slug="news", body=body)
    people = (
        Subscription(
            newsletter=letter,
            email=f"p{n}@example.com",
            name=f"Reader {n}",
            state=Subscription.State.CONFIRMED,
            confirmed_at=timezone.now(),
        )
        for n in range(number)
    )
    Subscription.objects.bulk_create(people, batch_size=1000)
