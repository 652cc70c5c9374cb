"""The development inbox: what it shows beside a mail, and where a mail is in it."""

import email.message
import re
from email.parser import BytesHeaderParser

from django.core.mail import EmailMessage
from django.urls import reverse

from mailroom.models import Delivery

OUR_MESSAGE_ID = re.compile(r"<(\d+)\.")


def tags(message: EmailMessage) -> list[str]:
    """The mail's channel: all channels may share the inbox, so its alias alone would not tell."""
    channel = getattr(message, "channel", "")
    return [channel] if channel else []


def channel_of(mail: email.message.EmailMessage) -> str:
    """The channel of an email that arrived; "" where it is none of ours."""
    header = str(mail["Message-ID"] or "").strip()
    if number := OUR_MESSAGE_ID.match(header):
        row = Delivery.objects.select_related("message").filter(pk=number[1]).first()
        if row and row.message_id_header == header:
            return row.channel
    parts = str(mail["Feedback-ID"] or "").split(":")
    return parts[1] if len(parts) == 4 else ""


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
