"""Runs Django's own mail tests against ours, in a process of its own.

`python -m tests.wire.djangos_own smtp|messages FOLDER` prints a line for each test that fails.
FOLDER has the tests of Django's source distribution.
"""

import json
import os
import sys
import unittest
from typing import Any

from django.conf import settings

SMTP = "mail.test_backends.SMTPBackend"
LABELS = {
    "smtp": [f"{SMTP}Tests", f"{SMTP}StoppedServerTests"],
    "messages": ["mail.tests.EmailMessageTests"],
}
COLUMNS = ("subject", "body", "from_email", "to", "cc", "bcc", "reply_to", "headers", "content")


def put_our_smtp_backend() -> None:
    """Django's SMTP backend is ours, with Django alone: no app is installed."""
    settings.configure(USE_TZ=True, SECRET_KEY="x")
    from django.core.mail.backends import smtp

    from mailroom.backends.smtp import EmailBackend

    smtp.EmailBackend = EmailBackend  # type: ignore[misc]


def put_the_outbox_between() -> None:
    """Each message is frozen as the outbox does, goes through JSON, and is built from that."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_config.settings")
    import django

    django.setup()
    from django.core.mail import EmailMessage

    from mailroom.config.channels import ChannelOptions
    from mailroom.messages.serializers import frozen_mail
    from mailroom.models import Message
    from mailroom.outbox import enqueue

    enqueue.channel_options = lambda alias: ChannelOptions(from_email=settings.DEFAULT_FROM_EMAIL)  # type: ignore[assignment]
    build: Any = EmailMessage.message
    is_inside = False

    def message(self: EmailMessage, **policy: Any) -> Any:
        nonlocal is_inside
        if is_inside:
            return build(self, **policy)
        is_inside = True
        try:
            build(self, **policy)  # what Django refuses is refused in its own words
            row = enqueue.frozen(self, "letters")
            text = json.dumps({name: getattr(row, name) for name in COLUMNS})
            stored = Message(**json.loads(text))
            mail = frozen_mail(stored)
            mail.to, mail.cc, mail.bcc = stored.to, stored.cc, stored.bcc
            if stored.own_message_id:
                mail.extra_headers["Message-ID"] = stored.own_message_id
            return mail.message(**policy)
        finally:
            is_inside = False

    EmailMessage.message = message  # type: ignore[method-assign]


def main(kind: str, folder: str) -> None:
    sys.path.insert(0, folder)
    {"smtp": put_our_smtp_backend, "messages": put_the_outbox_between}[kind]()
    import django
    from django.test.utils import setup_test_environment

    django.setup()
    setup_test_environment()
    suite = unittest.defaultTestLoader.loadTestsFromNames(LABELS[kind])
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    failed = {getattr(one, "test_case", one).id() for one, _ in result.errors + result.failures}
    lines = [f"failed {name.rpartition('.')[2]}" for name in sorted(failed)]
    sys.stdout.write("\n".join([*lines, f"run {result.testsRun}", ""]))


if __name__ == "__main__":
    main(*sys.argv[1:])
