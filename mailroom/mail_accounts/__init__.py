"""Mail accounts: providers kept in the database, chosen for each message when it is queued.

`routing` decides which account or mailer gets a message; `backend` makes a mailer of an account's
row; `addresses` decides where it may connect to.
"""
