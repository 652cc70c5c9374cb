"""What the development inbox shows beside a mail."""

from django.core.mail import EmailMessage


def tags(message: EmailMessage) -> list[str]:
    """The mail's channel: all channels may share the inbox, so its alias alone would not tell."""
    channel = getattr(message, "channel", "")
    return [channel] if channel else []
