"""What providers report after they accepted an email: verified, stored once, then acted on.

POST → views (verify) → ingest (one Event row per report) → a task → delivery/feedback.py
(Delivery.feedback, Suppression, signals). What each report means is in one table, in events.
"""
