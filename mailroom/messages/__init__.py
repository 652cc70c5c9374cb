"""What an email is, before and after the database."""

from mailroom.messages.templated import TemplatedMessage, feedback_id, list_id

__all__ = ["TemplatedMessage", "feedback_id", "list_id"]
