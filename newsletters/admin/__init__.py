from newsletters.admin.issue import IssueAdmin
from newsletters.admin.newsletter import NewsletterAdmin
from newsletters.admin.picture import PictureAdmin
from newsletters.admin.subscriber_import import SubscriberImportAdmin
from newsletters.admin.subscription import SubscriptionAdmin

__all__ = [
    "IssueAdmin",
    "NewsletterAdmin",
    "PictureAdmin",
    "SubscriberImportAdmin",
    "SubscriptionAdmin",
]
