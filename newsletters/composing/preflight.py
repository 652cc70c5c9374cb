"""What an editor should look at before an issue goes out: errors block it, warnings ask."""

from collections.abc import Iterator
from ipaddress import ip_address
from itertools import pairwise
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.exceptions import SuspiciousFileOperation, ValidationError
from django.core.mail import EmailMultiAlternatives as Mail
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from markdown_it.token import Token

from mailroom.config.channels import channel_options, providers_of
from mailroom.delivery import breaker
from mailroom.delivery.claim import Limits, limits_of, route_of
from mailroom.messages.links import own_path
from mailroom.messages.preview import html_of
from mailroom.models import Suppression
from newsletters.composing.preview import is_tested, preview
from newsletters.emails import sender
from newsletters.markdown import size_fault, visible_tags
from newsletters.markdown.parser import inline_tokens, parse_markdown
from newsletters.models import Issue, Newsletter, Picture

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
    dead = dead_links(issue.body, issue.get_absolute_url())
    return [*dead, *_about_the_way_out(issue, mail or made_up_email(issue))]


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
    found = [*_about_the_subject(issue), *doubtful_links(issue.body)]
    if issue.newsletter.pk and not issue.newsletter.postal_address.strip():
        found.append(
            _(
                "The newsletter has no postal address. Laws such as CAN-SPAM in the United States "
                "require one in bulk email: add it in the newsletter’s settings."
            )
        )
    mail = mail or made_up_email(issue)
    size = len(html_of(mail).encode()) if mail else 0
    if size > CLIPPED_AT:
        text = _("The email has %(size)s kB of HTML. Gmail shows only the first 102 kB.")
        found.append(text % {"size": size // 1024})
    return found


def made_up_email(issue: Issue) -> Mail | None:
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


def sending_days(issue: Issue, people: int) -> int:
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
    if options.via and not list(providers_of(CHANNEL)):
        yield _("The channel “%(channel)s” has no provider.") % {"channel": CHANNEL}
    if (account := issue.newsletter.account) and not account.allows(CHANNEL):
        yield _("This mail account is not for newsletters.")


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
            "%(skipped)s of them is suppressed and won’t get it.",
            "%(skipped)s of them are suppressed and won’t get it.",
            skipped,
        )
        % {"skipped": skipped}
        if people and skipped
        else ""
    )


# -- Links and pictures ----------------------------------------------------------------------------

HEAVY = 500 * 1024  # bytes of one picture
ALL_HEAVY = 2 * 1024 * 1024  # bytes of all of them
LOCAL_DOMAINS = (".internal", ".invalid", ".lan", ".local", ".localhost", ".test")
STAFF = ("admin", "inbox")


def dead_links(body: str, own: str = "") -> list[str]:
    """A sentence for each link into this site that leads to nothing.

    own: the path that the text will have on the web, and has not yet.
    """
    text = _("Line %(line)s: %(url)s does not exist on this site.")
    return [
        text % {"line": line, "url": url}
        for line, _kind, url in _targets(body)
        if (path := _own_path(url)) not in (None, own_path(own)) and not _exists(path)
    ]


def doubtful_links(body: str) -> list[str]:
    """A sentence for each link, picture or tag that is probably not meant so."""
    return [*_about_tags(body), *_about_links(body), *_about_pictures(body)]


def _about_tags(body: str) -> Iterator[str]:
    """Pasted HTML would be sent as text."""
    lines: dict[int, str] = {}
    for line, tag in visible_tags(body):
        lines.setdefault(line, tag)
    if lines:
        shown = ", ".join(map(str, sorted(lines)[:20])) + ("…" if len(lines) > 20 else "")
        text = _(
            "Line %(lines)s: readers would see the HTML as it is written, such as %(tag)s. "
            "Use Markdown instead, or paste the formatted text rather than its source."
        )
        yield text % {"lines": shown, "tag": next(iter(lines.values()))[:60]}


def _about_links(body: str) -> Iterator[str]:
    for line, kind, url in _targets(body):
        details = {"line": line, "url": url}
        path = _own_path(url)
        if path is None and not _is_public(url):
            yield _("Line %(line)s: %(url)s can’t be reached from elsewhere.") % details
        elif path is not None and path.strip("/").split("/")[0] in STAFF:
            yield _("Line %(line)s: %(url)s is for staff only.") % details
        elif kind == "image" and urlsplit(url).scheme == "http" and path is None:
            yield _("Line %(line)s: webmail may not show %(url)s, which is not https.") % details
    yield from _about_empty_links(body)


def _about_empty_links(body: str) -> Iterator[str]:
    for line, tokens in _blocks(body):
        for token, after in pairwise(tokens):
            if token.type == "link_open" and after.type == "link_close":
                url = token.attrs["href"]
                yield _("Line %(line)s: the link to %(url)s has no text.") % {
                    "line": line,
                    "url": url,
                }


def _about_pictures(body: str) -> Iterator[str]:
    images = [
        (line, token)
        for line, token in inline_tokens(parse_markdown(body))
        if token.type == "image"
    ]
    if mute := [str(line) for line, token in images if not token.content.strip()]:
        text = _("Line %(lines)s: an image has no alt text.")
        yield text % {"lines": ", ".join(mute)}
    sizes = _sizes({str(token.attrs["src"]) for _line, token in images})
    for line, token in images:
        size = sizes.get(str(token.attrs["src"]), 0)
        if size > HEAVY:
            text = _("Line %(line)s: the image has %(size)s kB, which loads slowly on phones.")
            yield text % {"line": line, "size": size // 1024}
    if sum(sizes.values()) > ALL_HEAVY:
        yield _("Its images have %(size)s kB together.") % {"size": sum(sizes.values()) // 1024}


def _sizes(urls: set[str]) -> dict[str, int]:
    """The bytes of those of the pictures that are our own."""
    ours = {
        found.kwargs["digest"]: url
        for url in urls
        if (found := _resolved(_own_path(url) or "")) and found.view_name == "newsletters:picture"
    }
    rows = Picture.objects.filter(digest__in=ours).values_list("digest", "size")
    return {ours[digest]: size for digest, size in rows}


def _targets(body: str) -> Iterator[tuple[int, str, str]]:
    """Line, kind and address of each link and image; placeholders are no addresses."""
    for line, token in inline_tokens(parse_markdown(body)):
        url = str(token.attrs.get("href") or token.attrs.get("src") or "")
        if token.type in ("link_open", "image") and url.startswith(("http:", "https:")):
            yield line, token.type, url


def _blocks(body: str) -> Iterator[tuple[int, list[Token]]]:
    for block in parse_markdown(body):
        if block.children:
            yield block.map[0] + 1 if block.map else 1, block.children


def _own_path(url: str) -> str | None:
    """The path of an address on this site, below that of PUBLIC_URL; None for others."""
    own, parts = urlsplit(settings.PUBLIC_URL), urlsplit(url)
    path = unquote(parts.path) or "/"
    if parts.netloc.lower() != own.netloc.lower() or not f"{path}/".startswith(f"{own.path}/"):
        return None
    return path.removeprefix(own.path) or "/"


def _exists(path: str) -> bool:
    static = own_path(settings.STATIC_URL)
    if path.startswith(static):
        return _is_static(path.removeprefix(static))
    found = _resolved(path) or _resolved(f"{path}/")
    if found is None:
        return False
    match found.view_name:
        case "newsletters:newsletter" | "newsletters:join" | "newsletters:feed":
            return Newsletter.objects.filter(slug=found.kwargs["slug"]).exists()
        case "newsletters:issue":
            issues = Issue.objects.published().filter(newsletter__slug=found.kwargs["newsletter"])
            return issues.filter(slug=found.kwargs["slug"]).exists()
        case "newsletters:picture":
            return Picture.objects.filter(digest=found.kwargs["digest"]).exists()
    return True


def _is_static(name: str) -> bool:
    """Collected in production, found where it lies in development."""
    try:
        return staticfiles_storage.exists(name) or bool(finders.find(name))
    except SuspiciousFileOperation:
        return False


def _resolved(path: str) -> ResolverMatch | None:
    try:
        return resolve(path)
    except Resolver404:
        return None


def _is_public(url: str) -> bool:
    """Whether readers can get there at all, by the looks of the host."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith(LOCAL_DOMAINS)
