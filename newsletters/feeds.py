"""An Atom feed (RFC 4287) of each newsletter."""

from datetime import datetime

from django.contrib.syndication.views import Feed
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import translation
from django.utils.feedgenerator import Atom1Feed, SyndicationFeed

from mailroom.messages.links import public_url
from newsletters.composing.preview import issue_html
from newsletters.models import Issue, Newsletter

FEED_ENTRIES = 20


class IssueFeed(Feed):
    """Links are built on PUBLIC_URL: they outlive the request in other people's readers."""

    feed_type = Atom1Feed

    def get_object(self, request: HttpRequest, slug: str) -> Newsletter:
        return get_object_or_404(Newsletter, slug=slug)

    def get_feed(self, obj: Newsletter, request: HttpRequest) -> SyndicationFeed:
        with translation.override(obj.language):
            return super().get_feed(obj, request)

    def title(self, newsletter: Newsletter) -> str:
        return newsletter.name

    def subtitle(self, newsletter: Newsletter) -> str:
        return newsletter.description

    def link(self, newsletter: Newsletter) -> str:
        return public_url("newsletters:newsletter", newsletter.slug)

    def feed_url(self, newsletter: Newsletter) -> str:
        return public_url("newsletters:feed", newsletter.slug)

    def items(self, newsletter: Newsletter) -> QuerySet:
        return newsletter.issues.published().select_related("newsletter")[:FEED_ENTRIES]

    def item_title(self, issue: Issue) -> str:
        return issue.title

    def item_description(self, issue: Issue) -> str:
        return issue_html(issue)

    def item_link(self, issue: Issue) -> str:
        return issue.common_values()["web_url"]

    def item_pubdate(self, issue: Issue) -> datetime | None:
        return issue.published_at

    def item_updateddate(self, issue: Issue) -> datetime | None:
        return issue.published_at
