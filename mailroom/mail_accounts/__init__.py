"""Mail accounts: providers kept in the database, chosen for each message when it is queued.

`backend` makes a mailer of an account's row. Which account a message gets is decided in
`mailroom.outbox.routing`, where it may connect to in `mailroom.config.hosts`.
"""
