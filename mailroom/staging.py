"""The staging guard: on a copy of the site no mail reaches a stranger.

STAGING_MAIL names who may get mail: addresses, and domains as @example.com. Whoever else a mail is
for, it goes to the first address instead; where there is none, it is not sent at all.
"""

from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage

from mailroom.addresses import address_key

MARK = "[staging]"


def is_on() -> bool:
    """True where STAGING_MAIL holds mail back."""
    return bool(settings.STAGING_MAIL)


def is_held_back(address: str) -> bool:
    """True for an address that nothing may be sent to, nor to anybody in its stead."""
    return is_on() and not _is_allowed(address) and not _stand_in()


def guard(mail: EmailMessage) -> None:
    """Put who is allowed in the place of the others, and say so in the subject."""
    if not is_on():
        return
    meant = [parseaddr(text)[1] for text in mail.recipients()]
    strangers = [address for address in meant if not _is_allowed(address)]
    for name in ("to", "cc", "bcc"):
        texts = getattr(mail, name)
        setattr(mail, name, [text for text in texts if _is_allowed(parseaddr(text)[1])])
    if strangers and _stand_in() not in map(address_key, meant):
        mail.to = [*mail.to, _stand_in()]
    told = f" (for {', '.join(strangers)})" if strangers else ""
    mail.subject = f"{MARK} {mail.subject}{told}"


def _stand_in() -> str:
    return next((one for one in settings.STAGING_MAIL if not one.startswith("@")), "")


def _is_allowed(address: str) -> bool:
    address = address_key(address)
    return address in settings.STAGING_MAIL or f"@{address.rpartition('@')[2]}" in (
        settings.STAGING_MAIL
    )
