"""Where the links and pictures of a text lead, as far as it can be told without asking others."""

from collections.abc import Iterator
from ipaddress import ip_address
from itertools import pairwise
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.exceptions import SuspiciousFileOperation
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils.translation import gettext as _
from markdown_it.token import Token

from mailroom.messages.links import own_path
from newsletters.markdown import visible_tags
from newsletters.markdown.parser import inline_tokens, parse
from newsletters.models import Issue, Newsletter, Picture

HEAVY = 500 * 1024  # bytes of one picture
ALL_HEAVY = 2 * 1024 * 1024  # bytes of all of them
NOWHERE = (".internal", ".invalid", ".lan", ".local", ".localhost", ".test")
STAFF = ("admin", "inbox")


def dead(body: str, own: str = "") -> list[str]:
    """A sentence for each link into this site that leads to nothing.

    own: the path that the text will have on the web, and has not yet.
    """
    told = _("Line %(line)s: %(url)s leads to nothing on this site.")
    return [
        told % {"line": line, "url": url}
        for line, _kind, url in _targets(body)
        if (path := _own_path(url)) not in (None, own_path(own)) and not _exists(path)
    ]


def doubtful(body: str) -> list[str]:
    """A sentence for each link, picture or tag that is probably not meant so."""
    return [*_about_tags(body), *_about_links(body), *_about_pictures(body)]


def _about_tags(body: str) -> Iterator[str]:
    """Pasted HTML would be sent as text."""
    lines: dict[int, str] = {}
    for line, tag in visible_tags(body):
        lines.setdefault(line, tag)
    if lines:
        shown = ", ".join(map(str, sorted(lines)[:20])) + ("…" if len(lines) > 20 else "")
        told = _(
            "Line %(lines)s: readers would see the HTML as it is written, such as %(tag)s. "
            "Use Markdown instead, or paste the formatted text rather than its source."
        )
        yield told % {"lines": shown, "tag": next(iter(lines.values()))[:60]}


def _about_links(body: str) -> Iterator[str]:
    for line, kind, url in _targets(body):
        told = {"line": line, "url": url}
        path = _own_path(url)
        if path is None and not _is_public(url):
            yield _("Line %(line)s: %(url)s can’t be reached from elsewhere.") % told
        elif path is not None and path.strip("/").split("/")[0] in STAFF:
            yield _("Line %(line)s: %(url)s is for staff only.") % told
        elif kind == "image" and urlsplit(url).scheme == "http" and path is None:
            yield _("Line %(line)s: webmail may not show %(url)s, which is not https.") % told
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
    images = [(line, token) for line, token in inline_tokens(parse(body)) if token.type == "image"]
    if mute := [str(line) for line, token in images if not token.content.strip()]:
        told = _("Line %(lines)s: an image has no text for who doesn’t see it.")
        yield told % {"lines": ", ".join(mute)}
    sizes = _sizes({str(token.attrs["src"]) for _line, token in images})
    for line, token in images:
        size = sizes.get(str(token.attrs["src"]), 0)
        if size > HEAVY:
            told = _("Line %(line)s: the image has %(size)s kB; readers on the road wait for it.")
            yield told % {"line": line, "size": size // 1024}
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
    for line, token in inline_tokens(parse(body)):
        url = str(token.attrs.get("href") or token.attrs.get("src") or "")
        if token.type in ("link_open", "image") and url.startswith(("http:", "https:")):
            yield line, token.type, url


def _blocks(body: str) -> Iterator[tuple[int, list[Token]]]:
    for block in parse(body):
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
        return "." in host and not host.endswith(NOWHERE)
