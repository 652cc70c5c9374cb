"""The commands of docs/operate.md, as they stand there, on a real database."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.deploy.conftest import PASSWORD, PROCFILE, Production
from tests.mailroom.fakes.smtp import Script, SMTPServer
from tests.processes import ROOT
from tests.services import Postgres

pytestmark = pytest.mark.postgres

MAILS = """
from django.core.mail import EmailMessage
from mailroom.models import Delivery, Suppression
from mailroom.outbox import Recipient, add_deliveries, freeze
from newsletters.models import Newsletter, Subscription
news = Newsletter.objects.create(name='Harbour', slug='harbour')
Subscription.objects.create(newsletter=news, email='ann@people.test', state='confirmed')
Suppression.objects.create(address='gone@people.test', reason='bounced')
for channel in ('newsletters', 'password_reset'):
    message = freeze(EmailMessage(channel, 'Body'), channel)
    message.is_bulk = channel == 'newsletters'
    message.save()
    add_deliveries(message, [Recipient(f'{channel}{n}@people.test', '') for n in range(3)])
"""
STATES = """
from mailroom.models import Delivery, Suppression
from newsletters.models import Subscription
rows = Delivery.objects.order_by('address').values_list('address', 'state')
print([f'{address.partition("@")[0]} {state}' for address, state in rows])
print(Subscription.objects.confirmed().count(), Suppression.objects.active().count())
"""


def commands(heading: str) -> list[str]:
    """The shell blocks of a chapter of docs/operate.md."""
    text = (ROOT / "docs/operate.md").read_text()
    chapter = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", chapter, re.DOTALL)


@pytest.fixture
def site():
    folder = Path(tempfile.mkdtemp(prefix="mailroom-restore-"))
    with Postgres(folder) as postgres, SMTPServer(Script(password=PASSWORD)) as mail:
        site = Production(folder, postgres.url, mail)
        tools = Path(postgres.tools or "/usr/bin")
        site.environment["PATH"] = f"{tools}:{site.environment['PATH']}"
        site.run(PROCFILE["release"])
        yield site
    shutil.rmtree(folder)


def test_what_was_backed_up_comes_back_and_no_newsletter_goes_out_twice(site: Production):
    backup, restore = commands("Back up and restore")
    dump = str(site.folder / "mailroom.dump")
    site.shell(MAILS)
    site.run(backup.replace("mailroom.dump", dump))
    site.run("python manage.py worker --drain")
    sent = len(site.mail.received)

    site.run(restore.replace("mailroom.dump", dump))

    waiting = [f"newsletters{n} uncertain" for n in range(3)]
    assert site.shell(STATES).splitlines() == [
        str([*waiting, *(f"password_reset{n} queued" for n in range(3))]),
        "1 1",
    ]
    site.run("python manage.py worker --drain")
    again = [one.recipients[0] for one in site.mail.received[sent:]]
    assert sorted(again) == [f"password_reset{n}@people.test" for n in range(3)]


@pytest.mark.parametrize("name", ["deploy", "operate"])
def test_every_command_in_the_documents_is_one_of_the_shell(name: str):
    text = (ROOT / "docs" / f"{name}.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        subprocess.run(["sh", "-n"], input=block, text=True, check=True)
