from newsletters.models.history import HistoryEntry
from newsletters.models.issue import Issue
from newsletters.models.newsletter import Newsletter
from newsletters.models.subscription import Subscription

__all__ = ["HistoryEntry", "Issue", "Newsletter", "Subscription"]
