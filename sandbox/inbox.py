"""The inbox of a development site: what its providers delivered."""

from datetime import UTC, datetime
from email.message import EmailMessage

from django_mail_preview.storage import MessageMeta, get_storage, new_id

from mailroom.development import channel_of
from sandbox.apis import Accepted


def keep(accepted: Accepted) -> None:
    """Store an email as the development inbox stores those that it captures itself."""
    mail, raw, now = accepted.mail, accepted.mail.as_bytes(), datetime.now(UTC)
    visible = {name: _addresses(mail, name) for name in ("To", "Cc", "Reply-To")}
    shown = " ".join([*visible["To"], *visible["Cc"]])
    meta = MessageMeta(
        id=new_id(now),
        subject=str(mail["Subject"] or ""),
        from_email=str(mail["From"] or ""),
        to=visible["To"],
        cc=visible["Cc"],
        bcc=tuple(one for one in accepted.recipients if one not in shown),
        reply_to=visible["Reply-To"],
        date=now,
        alias=accepted.alias,
        size=len(raw),
        attachments=sum(1 for _ in mail.iter_attachments()),
        # Short, or the list cuts them off: the channel, and the end of the provider's alias.
        tags=tuple(filter(None, [channel_of(mail), accepted.alias.rpartition(":")[2]])),
    )
    get_storage().add(raw, meta)


def _addresses(mail: EmailMessage, header: str) -> tuple[str, ...]:
    return tuple(str(one) for found in mail.get_all(header, []) for one in found.addresses)
