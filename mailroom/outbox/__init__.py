"""The outbox: messages are queued, held, released, cancelled and forgotten here."""

from mailroom.outbox.enqueue import (
    Recipient,
    add_deliveries,
    delivery_to,
    freeze,
    frozen,
    put,
)

__all__ = ["Recipient", "add_deliveries", "delivery_to", "freeze", "frozen", "put"]
