"""The development inbox: what it shows beside a mail, and where a mail is in it."""

from email.parser import BytesHeaderParser

from django.core.mail import EmailMessage
from django.urls import reverse


def tags(message: EmailMessage) -> list[str]:
    """The mail's channel: all channels may share the inbox, so its alias alone would not tell."""
    channel = getattr(message, "channel", "")
    return [channel] if channel else []


def captured(address: str) -> dict[str, str]:
    """The mails to an address in the development inbox: the URL of each by its Message-ID."""
    from django_mail_preview.storage import get_storage  # installed for development only

    mails = [one for one in get_storage().list() if address in one.meta.to and one.raw]
    return {
        str(BytesHeaderParser().parsebytes(one.raw)["Message-ID"]): reverse(
            "mail_preview:sent", args=[one.meta.id]
        )
        for one in mails
    }
