"""What comes back by email: bounces, complaint reports, and requests to unsubscribe.

Every SMTP email gets an envelope sender of its own (verp); bounces go there. A mailbox (mailbox)
or a pipe (`manage.py bounces`) hands each incoming email to `intake.receive`, which reads it
(report) and stores an Event as a webhook does.
"""
