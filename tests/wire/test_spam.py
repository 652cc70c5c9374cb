"""SpamAssassin, offline and untrained, reads each type of email in English."""

import subprocess
from email.utils import format_datetime

import pytest
from django.conf import settings
from django.utils import timezone, translation

from sandbox.inbox import previews

pytestmark = [pytest.mark.full, pytest.mark.postfix, pytest.mark.django_db]
OFFLINE = ["--local", "--test-mode", "--cf=use_bayes 0", "--cf=use_auto_welcomelist 0"]
# As the reader's own server writes it on top; an address for documentation costs points.
RECEIVED = (
    "Received: from mail.example.com (mail.example.com [8.8.8.8]) by mx.example.net with ESMTPS"
    " id 4cK1 for <reader@example.net>; {}\n"
)


@pytest.mark.parametrize("name", settings.MESSAGE_TYPES)
def test_is_not_spam(name, settings):
    settings.PUBLIC_URL = "https://mailroom.example.com"
    with translation.override("en"):
        message = previews()[name]("en").message()
    received = RECEIVED.format(format_datetime(timezone.now())).encode() + message.as_bytes()
    done = subprocess.run(
        ["spamassassin", *OFFLINE], input=received, capture_output=True, check=True
    )
    report = done.stdout.decode(errors="replace").rpartition("Content analysis details:")[2]
    points = float(report.split()[0].lstrip("("))

    assert points < 1.0, report
