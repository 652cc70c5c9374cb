"""A worker killed with -9 in the middle of a digest, and two that come after it."""

import subprocess
import sys

import pytest

from tests.processes import ROOT, Site

SEED = """
from allauth.account.models import EmailAddress
from accounts.models import User
from notifications.kinds import KINDS, Way
from notifications.models import DueDigest, Preference
from notifications.notify import notify
for n in range(6):
    user = User.objects.create_user(f"reader{n}@example.com", None)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    Preference.choose(user, KINDS["new_issue"], Way.DIGEST)
notify(User.objects.all(), "new_issue", newsletter="Weekly", subject="First")
DueDigest.objects.update(due_at="2020-01-01T00:00Z")
"""

# It dies with the third digest: mail and mark are written, and not committed.
KILLED = """
import os, signal
from notifications import digests
real, made = digests._mail, []
def dying(*arguments):
    real(*arguments)
    made.append(1)
    if len(made) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
digests._mail = dying
digests.make_due_digests()
"""

SOUND = "from notifications.digests import make_due_digests; make_due_digests()"


@pytest.fixture
def site(tmp_path) -> Site:
    site = Site(tmp_path, DEBUG="1", VAR_DIR=str(tmp_path))
    site.set_up()
    site.shell(SEED)
    return site


def start(site: Site, code: str) -> subprocess.Popen:
    command = [sys.executable, "manage.py", "shell", "-v0", "-c", code]
    return subprocess.Popen(command, cwd=ROOT, env=site.environment)


def test_everybody_gets_one(site):
    assert start(site, KILLED).wait() == -9
    addresses = "SELECT address FROM mailroom_delivery ORDER BY address"
    assert len(site.sql(addresses)) == 2

    for worker in [start(site, SOUND), start(site, SOUND)]:
        assert worker.wait() == 0

    assert site.sql(addresses) == [(f"reader{n}@example.com",) for n in range(6)]
    assert site.sql("SELECT count(*) FROM notifications_duedigest") == [(0,)]
    assert site.sql("SELECT count(mailed_at) FROM notifications_notification") == [(6,)]
