"""Does every mailer build, is every type routed, is every From one that may be used?"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks

from mailroom.doctor.findings import Finding, Means, Status, examination

OWN_CHECKS = ("mailroom.", "site_config.")


@examination("configuration")
def configuration(means: Means) -> Iterator[Finding]:
    """What the system checks say of mail."""
    found = [one for one in checks.run_checks() if str(one.id).startswith(OWN_CHECKS)]
    for one in found:
        status = Status.FAILED if one.level >= checks.ERROR else Status.WARNING
        words = " ".join(filter(None, [str(one.msg), str(one.hint or "")]))
        yield Finding("configuration", str(one.id), status, words)
    if not any(one.level >= checks.ERROR for one in found):
        number = len(settings.MESSAGE_TYPES)
        yield Finding(
            "configuration", "mailers", Status.OK, f"all build; {number} types are routed"
        )


@examination("address")
def address(means: Means) -> Iterator[Finding]:
    """Mailbox providers post to https alone (RFC 8058 section 3.1)."""
    parts = urlsplit(settings.PUBLIC_URL)
    if parts.scheme == "https":
        yield Finding("address", "PUBLIC_URL", Status.OK, settings.PUBLIC_URL)
    else:
        words = f"{settings.PUBLIC_URL} is not https: one-click unsubscribe would not work."
        yield Finding("address", "PUBLIC_URL", Status.FAILED, words)
