"""What an editor should look at before an issue goes out: errors block it, warnings ask."""

from collections.abc import Iterator

from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives as Mail
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailroom.config.channels import channel_options, providers
from mailroom.delivery import breaker
from mailroom.delivery.claim import Limits, limits_of, route_of
from mailroom.messages.preview import html_of
from mailroom.models import Suppression
from newsletters import links
from newsletters.emails import sender
from newsletters.markdown import size_fault
from newsletters.models import Issue
from newsletters.preview import preview
from newsletters.trying import is_tested

CHANNEL = "newsletters"
CLIPPED_AT = 102 * 1024  # bytes of HTML: Gmail shows no more without a click
SHOUTING = 0.7  # of a subject's letters


def errors(issue: Issue, mail: Mail | None = None) -> list[str]:
    """One sentence for each thing to fix before sending. mail: as of `of_the_text`."""
    try:
        issue.full_clean()
    except ValidationError as refused:
        return [*refused.messages, *_about_the_mailer(issue)]
    return [*of_the_text(issue, mail), *_about_the_mailer(issue)]


def of_the_text(issue: Issue, mail: Mail | None = None) -> list[str]:
    """Those of the errors that a text has by itself, once its fields are valid.

    mail: what `sample` returned, where it is at hand.
    """
    dead = links.dead(issue.body, issue.get_absolute_url())
    return [*dead, *_about_the_way_out(issue, mail or sample(issue))]


def warnings(issue: Issue, people: int, mail: Mail | None = None) -> list[str]:
    """One sentence for each thing that is probably not meant. mail: as of `of_the_text`."""
    return [
        *about_the_text(issue, mail),
        *_about_the_test(issue),
        *_about_the_sending(issue, people),
    ]


def about_the_text(issue: Issue, mail: Mail | None = None) -> list[str]:
    """Those of the warnings that a text has by itself, saved or not; none if it is too large."""
    if size_fault(issue.body):
        return []
    found = [*_about_the_subject(issue), *links.doubtful(issue.body)]
    if issue.newsletter.pk and not issue.newsletter.postal_address.strip():
        found.append(
            _(
                "The newsletter has no postal address. Laws such as CAN-SPAM in the United States "
                "require one in bulk email: add it in the newsletter’s settings."
            )
        )
    mail = mail or sample(issue)
    size = len(html_of(mail).encode()) if mail else 0
    if size > CLIPPED_AT:
        told = _("The email has %(size)s kB of HTML. Gmail shows only the first 102 kB.")
        found.append(told % {"size": size // 1024})
    return found


def sample(issue: Issue) -> Mail | None:
    """The mail as somebody made up gets it; None for what can't be sent, which an error says."""
    try:
        return preview(issue, "Ada Lovelace", "ada@example.com")
    except ValueError:
        return None


def suppressed_among(issue: Issue) -> int:
    """How many of its audience must not get mail, and will be skipped."""
    stopped = Suppression.objects.active().filter(channel__in=["", CHANNEL])
    return issue.audience().filter(email__in=stopped.values("address")).count()


def minutes(issue: Issue, people: int) -> int | None:
    """How long the sending takes at its rate, in whole minutes; None without a rate."""
    rates = [people / rate for _, rate in _limits(issue).rates]
    return max(1, round(max(rates) / 60)) if rates else None


def days(issue: Issue, people: int) -> int:
    """On how many days emails of it go out, by the daily cap; 1 where there is none."""
    daily = _limits(issue).daily
    return max((1 + -(-max(0, people - one.left()) // one.number) for one in daily), default=1)


def _limits(issue: Issue) -> Limits:
    account = issue.newsletter.account
    return limits_of(CHANNEL, account.alias if account else "")


def _about_the_test(issue: Issue) -> Iterator[str]:
    if not issue.tests.exists():
        yield _("No test has been sent.")
    elif not is_tested(issue):
        yield _("It was changed since the last test.")


def _about_the_subject(issue: Issue) -> Iterator[str]:
    letters = [one for one in issue.subject if one.isalpha()]
    if len(letters) > 5 and sum(map(str.isupper, letters)) > SHOUTING * len(letters):
        yield _("Most letters of the subject are capitals, which looks like spam.")
    if issue.subject.count("!") > 1:
        yield _("The subject has more than one exclamation mark, which looks like spam.")


def _about_the_way_out(issue: Issue, mail: Mail | None) -> Iterator[str]:
    """The template has the link; a site may have changed its template."""
    if mail is None:
        return
    way_out = mail.extra_headers["List-Unsubscribe"].strip("<>").split(">")[0]
    if way_out not in html_of(mail):
        yield _("The email has no unsubscribe link.")
    if way_out not in str(mail.body):
        yield _("The plain-text version has no unsubscribe link.")


def _about_the_mailer(issue: Issue) -> Iterator[str]:
    options = channel_options(CHANNEL)
    if "@" not in sender(issue.newsletter):
        yield _(
            "There is no sender address. Set MAIL_FROM, or an address in the newsletter’s settings."
        )
    if options.via and not list(providers(CHANNEL)):
        yield _("The channel “%(channel)s” has no provider.") % {"channel": CHANNEL}


def _about_the_sending(issue: Issue, people: int) -> Iterator[str]:
    if not people:
        yield _("No confirmed subscribers in this audience.")
    account = issue.newsletter.account
    if breaker.rests(route_of(CHANNEL, account.alias) if account else CHANNEL):
        yield _("The provider is down. The emails will wait until it works again.")


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
