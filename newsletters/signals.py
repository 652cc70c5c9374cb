"""What newsletters tell the rest of the site."""

from django.dispatch import Signal

# Sent once per issue, when all its mails are queued, inside that transaction.
# issue: the Issue; recipients: queryset of the users who have a confirmed subscription.
issue_published = Signal()
