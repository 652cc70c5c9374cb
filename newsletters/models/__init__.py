from newsletters.models.issue import Issue
from newsletters.models.newsletter import Newsletter
from newsletters.models.subscriber_import import SubscriberImport
from newsletters.models.subscription import Subscription

__all__ = ["Issue", "Newsletter", "SubscriberImport", "Subscription"]
