"""What providers say of mail they accepted: verified, kept once per event id, then acted on.

POST → views (verify) → Anymail's tracking signal → receiver (one Event row)
     → the clock → a task → effects (Delivery.feedback, Suppression, signals)
"""
