from newsletters.admin.issue import IssueAdmin
from newsletters.admin.newsletter import NewsletterAdmin
from newsletters.admin.subscription import SubscriptionAdmin

__all__ = ["IssueAdmin", "NewsletterAdmin", "SubscriptionAdmin"]
