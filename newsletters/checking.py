"""What an editor should look at before an issue goes out. Errors are raised by its validation."""

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailroom import health
from mailroom.channels import channel_options
from mailroom.mail_frame import html_of
from mailroom.models import Suppression
from newsletters.markdown.parser import inline_tokens, parse
from newsletters.models import Issue
from newsletters.preview import preview
from newsletters.trying import is_tested

CHANNEL = "newsletters"
CLIPPED_AT = 102 * 1024  # bytes of HTML: Gmail shows no more without a click
SHOUTING = 0.7  # of a subject's letters


def warnings(issue: Issue, people: int) -> list[str]:
    """One sentence for each thing that is probably not meant."""
    return [*_about_the_test(issue), *_about_the_text(issue), *_about_the_sending(people)]


def suppressed_among(issue: Issue) -> int:
    """How many of its audience must not get mail, and will be skipped."""
    stopped = Suppression.objects.active().filter(channel__in=["", CHANNEL])
    return issue.audience().filter(email__in=stopped.values("address")).count()


def minutes(people: int) -> int | None:
    """How long the sending takes at the channel's rate, in whole minutes; None without a rate."""
    rate = channel_options(CHANNEL).rate
    return max(1, round(people / rate / 60)) if rate else None


def _about_the_test(issue: Issue) -> Iterator[str]:
    if not issue.tested_at:
        yield _("Nobody has sent a test of it.")
    elif not is_tested(issue):
        yield _("It was changed since the last test.")


def _about_the_text(issue: Issue) -> Iterator[str]:
    letters = [one for one in issue.subject if one.isalpha()]
    if len(letters) > 5 and sum(map(str.isupper, letters)) > SHOUTING * len(letters):
        yield _("The subject shouts: most of its letters are capitals.")
    lines = [
        str(line)
        for line, token in inline_tokens(parse(issue.body))
        if token.type == "image" and not token.content.strip()
    ]
    if lines:
        told = _("Line %(lines)s: an image has no text for who doesn’t see it.")
        yield told % {"lines": ", ".join(lines)}
    size = len(html_of(preview(issue, "Ada Lovelace", "ada@example.com")).encode())
    if size > CLIPPED_AT:
        yield _("The mail has %(size)s kB of HTML: Gmail shows 102 of them.") % {
            "size": size // 1024
        }


def _about_the_sending(people: int) -> Iterator[str]:
    if not people:
        yield _("Nobody gets it: the newsletter has no confirmed subscriber.")
    if health.rests(CHANNEL):
        yield _("Its mailer rests at the moment: the mails will wait until it works again.")


def people_sentence(people: int, skipped: int) -> str:
    """How many of the audience will be skipped, in words; "" for none."""
    return (
        ngettext(
            "%(skipped)s of them is on the list of addresses that get no mail.",
            "%(skipped)s of them are on the list of addresses that get no mail.",
            skipped,
        )
        % {"skipped": skipped}
        if people and skipped
        else ""
    )
