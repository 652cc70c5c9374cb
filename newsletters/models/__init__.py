from newsletters.models.issue import HistoryEntry, Issue, IssueTest
from newsletters.models.newsletter import Newsletter, OldSlug
from newsletters.models.picture import Picture, PictureContent
from newsletters.models.subscriber_import import SubscriberImport
from newsletters.models.subscription import ErasedAddress, Subscription

__all__ = [
    "ErasedAddress",
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
