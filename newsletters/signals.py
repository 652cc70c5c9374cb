"""What newsletters tell the rest of the site."""

from django.dispatch import Signal

# Sent once per issue, when all its mails are queued, inside that transaction.
# issue: the Issue; recipients: queryset of the users who have a confirmed subscription.
issue_published = Signal()

# Sent once per issue, when the last of its mails has an outcome.
# issue: the Issue; editors: queryset of the users who may publish; failed: how many did not arrive.
issue_sent = Signal()

# The sending of an issue stopped by itself, and waits for a person.
# issue, editors: as above; reason: one sentence.
issue_stopped = Signal()

# A router can't say who carries the emails of an issue, so that they can't be queued.
# issue: as above; error: its text.
issue_unroutable = Signal()
