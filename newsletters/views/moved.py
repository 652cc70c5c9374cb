"""Redirects from the addresses that newsletters and issues had before their slug was changed."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponsePermanentRedirect
from django.urls import reverse

from newsletters.models import Issue, Newsletter, OldSlug


def follow_moves(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let a view that finds nothing redirect to the same page at its present address.

    301 for what is read (RFC 9110 section 15.4.2); 308 for a form, whose method stays.
    """

    @wraps(view)
    def found(request: HttpRequest, *args: Any, **kwargs: str) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Http404:
            slugs = _present(**kwargs)
            if slugs is None or slugs == kwargs:
                raise
            assert request.resolver_match
            url = reverse(request.resolver_match.view_name, kwargs=slugs)
            query = request.META.get("QUERY_STRING", "")
            is_read = request.method in ("GET", "HEAD")
            return HttpResponsePermanentRedirect(
                f"{url}?{query}" if query else url, preserve_request=not is_read
            )

    return found


def _present(slug: str, newsletter: str | None = None) -> dict[str, str] | None:
    """The slugs that a page has now; None for one that never was."""
    for owner in _newsletters(slug if newsletter is None else newsletter):
        if newsletter is None:
            return {"slug": owner.slug}
        issues = Issue.objects.published().filter(newsletter=owner)
        issue = issues.filter(slug=slug).first() or issues.filter(old_slugs__slug=slug).first()
        if issue:
            return {"newsletter": owner.slug, "slug": issue.slug}
    return None


def _newsletters(slug: str) -> Iterator[Newsletter]:
    """The newsletter with a slug, then those that had it before, the last one first."""
    yield from Newsletter.objects.filter(slug=slug)
    for old in OldSlug.objects.filter(slug=slug, issue=None).select_related("newsletter")[::-1]:
        yield old.newsletter
