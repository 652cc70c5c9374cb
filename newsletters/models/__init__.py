from newsletters.models.history import HistoryEntry
from newsletters.models.issue import Issue
from newsletters.models.issue_test import IssueTest
from newsletters.models.newsletter import Newsletter, OldSlug
from newsletters.models.picture import Picture, PictureContent
from newsletters.models.subscriber_import import SubscriberImport
from newsletters.models.subscription import Subscription

__all__ = [
    "HistoryEntry",
    "Issue",
    "IssueTest",
    "Newsletter",
    "OldSlug",
    "Picture",
    "PictureContent",
    "SubscriberImport",
    "Subscription",
]
