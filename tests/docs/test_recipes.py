"""Every recipe of docs/recipes.md, run as it is written."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.mailroom.fakes.http import Answer, HTTPServer
from tests.mailroom.fakes.smtp import Script, SMTPServer
from tests.processes import ROOT

TEXT = (ROOT / "docs" / "recipes.md").read_text()
LIBRARY, SITE = TEXT.split("\n# On this site\n")
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
# A block's first line may name its file, and the line before which it goes.
FILE = re.compile(r"(?:#|\{#) ([\w/]+\.\w+)(?:, before ([^\n]+?))?(?: #\})?\n")


def recipes(part: str) -> dict[str, list[tuple[str, str]]]:
    """By title, the blocks of each recipe: language and text."""
    chapters = re.split(r"^## ", part, flags=re.MULTILINE)[1:]
    return {
        one.partition("\n")[0]: [
            (language, re.sub(f"^{indent}", "", text, flags=re.MULTILINE))
            for indent, language, text in BLOCK.findall(one)
        ]
        for one in chapters
    }


OF_LIBRARY, OF_SITE = recipes(LIBRARY), recipes(SITE)


DRAIN = """
from mailroom.worker import process
process.drain()
"""


class Project:
    """A folder in which blocks are put into files or run."""

    def __init__(self, folder: Path, replaced: dict[str, str], **variables: str) -> None:
        self.folder, self.replaced = folder, replaced
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            **variables,
        }

    def follow(
        self,
        blocks: list[tuple[str, str]],
        before: str = "",
        after: str = "",
        *,
        sends: bool = True,
    ) -> str:
        """Write what names a file, run the rest; what that printed.

        before, after: code to run in the same process. sends: between them, do what a worker does.
        """
        printed, code = [], before
        for language, block in blocks:
            text = self._with_own_servers(block)
            if named := FILE.match(text):
                self.write(named[1], text[named.end() :], named[2])
            elif language == "sh" and not text.startswith("MAIL"):
                printed.append(self.run("sh", "-eu", "-c", text))
            elif language == "python":
                code += text
        if sends:
            code += DRAIN
        return "\n".join([*printed, self.shell(code + after)])

    def write(self, path: str, text: str, before: str | None = None) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        old = file.read_text() if file.exists() else ""
        if before:
            assert f"\n{before}" in old, before
            file.write_text(old.replace(f"\n{before}", f"\n{text}\n{before}", 1))
        else:
            file.write_text(f"{old}\n{text}")

    def shell(self, code: str) -> str:
        return self.run(sys.executable, "manage.py", "shell", "-v0", "-c", code)

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def _with_own_servers(self, text: str) -> str:
        for theirs, ours in self.replaced.items():
            text = text.replace(theirs, ours)
        return text


@cache
def started() -> Path:
    """A project after the quick start, with its tables."""
    folder = Path(mkdtemp())
    project = Project(folder, {})
    project.run("django-admin", "startproject", "shop", ".")
    project.write(
        "shop/settings.py",
        "import mailroom\nINSTALLED_APPS += ['mailroom']\nMAILERS = mailroom.mailers()\n"
        "TEMPLATES[0]['DIRS'] = [BASE_DIR / 'templates']\n",
    )
    project.run(sys.executable, "manage.py", "migrate", "-v0")
    return folder


@pytest.fixture(scope="module", autouse=True)
def _clean_up() -> Iterator[None]:
    yield
    shutil.rmtree(started())


class Servers:
    """Two mail servers, `mail` and `other`, and an API."""

    def __init__(self, mail: SMTPServer, other: SMTPServer, api: HTTPServer) -> None:
        self.mail, self.other, self.api = mail, other, api

    def subjects(self) -> tuple[list[str], list[str]]:
        """What both got, in order."""
        both = [[one.mail["Subject"] for one in server.received] for server in self.both]
        return sorted(both[0]), sorted(both[1])

    @property
    def both(self) -> tuple[SMTPServer, SMTPServer]:
        return self.mail, self.other


@pytest.fixture
def servers() -> Iterator[Servers]:
    refuses = Script(rcpt={"nobody@example.com": "550 5.1.1 No such user"})
    with (
        SMTPServer(refuses) as mail,
        SMTPServer(Script()) as other,
        HTTPServer(Answer(200, {})) as api,
    ):
        yield Servers(mail, other, api)


@pytest.fixture
def shop(tmp_path, servers) -> Project:
    folder = shutil.copytree(started(), tmp_path / "shop")
    replaced = {
        "smtp://user:password@mail.example.com": f"smtp+plain://127.0.0.1:{servers.mail.port}",
        "smtp://user:password@other.example.com": f"smtp+plain://localhost:{servers.other.port}",
        "https://api.acme.example": servers.api.url,
        "https://chat.example.com": servers.api.url,
    }
    return Project(Path(folder), replaced)


def test_plain_django_goes_by_the_channels(shop, servers):
    shop.follow(OF_LIBRARY["Send through a channel with plain Django"])
    assert servers.subjects() == (["Welcome"], ["Your invoice", "Your receipt"])


def test_one_email_goes_through_another_provider(shop, servers):
    shop.follow(OF_LIBRARY["Send one email through another provider"])
    (urgent,) = servers.other.received
    (usual,) = servers.mail.received
    assert (urgent.recipients, usual.recipients) == (["ada@example.com"], ["bob@example.com"])


SEND = """
from django.core.mail import send_mail
send_mail("Hello", "Body", None, ["ada@example.com"])
"""
STATES = """
from mailroom.models import Delivery
for one in Delivery.objects.order_by("pk"):
    print(one.address, one.state, one.error, *(event.kind for event in one.events.all()))
"""
SAID = """
from mailroom.models import MailerHealth
print(*MailerHealth.objects.values_list("error", flat=True))
Delivery = __import__("mailroom.models").models.Delivery
Delivery.objects.filter(state="queued").update(not_before="2100-01-01T00:00Z")
"""
POST = """
from django.conf import settings
from django.test import Client
settings.ALLOWED_HOSTS = ["testserver"]
from mailroom.models import Delivery
import base64
body = {{"events": [{{"type": "bounced", "id": "1", "to": "ada@example.com",
    "metadata": {{"delivery": str(Delivery.objects.first().pk)}}}}]}}
secret = base64.b64encode(b"{}").decode()
answer = Client().post("/mail/webhooks/acme/tracking/", body, content_type="application/json",
    headers={{"Authorization": f"Basic {{secret}}"}})
print("webhook", answer.status_code)
"""


def test_a_backend_of_your_own_sends_and_its_webhook_is_heard(shop, servers):
    posts = POST.format("acme:wrong") + POST.format("acme:a-long-password")
    told = shop.follow(
        OF_LIBRARY["Write your own backend"], before=SEND, after=f"{posts}{DRAIN}{STATES}"
    )
    (asked,) = servers.api.calls
    assert json.loads(asked.body)["to"] == ["ada@example.com"]
    assert asked.headers["Authorization"] == "Bearer KEY"
    assert "webhook 400\nwebhook 200\nada@example.com sent  hard_bounce" in told


def test_what_your_own_provider_answers_is_understood(shop, servers):
    """One email after the other; a fault of the provider would keep the next from being tried."""
    servers.api.answers = [
        *(Answer(400, {}), Answer(422, {}), Answer(429, {}, {"Retry-After": "60"})),
        *(Answer(400, {"error": "no credits"}), Answer(401, {}), Answer(503, {})),
    ]
    forget = "from mailroom.models import MailerHealth; MailerHealth.objects.all().delete()\n"
    again = "from mailroom.delivery import breaker; breaker.forget()\n"
    six = "".join(
        SEND.replace("ada", f"to{number}") + DRAIN + SAID + forget + again for number in range(6)
    )
    told = shop.follow(OF_LIBRARY["Write your own backend"], after=f"{six}{STATES}", sends=False)

    assert len(servers.api.calls) == 6
    states = dict(line.split()[:2] for line in told.splitlines() if line.startswith("to"))
    assert [states[f"to{number}@example.com"] for number in range(6)] == [
        *("failed", "failed", "queued"),
        *("queued", "queued", "queued"),
    ]
    assert "No credits left" in told


def test_a_channel_may_be_a_chat(shop, servers):
    shop.follow(OF_LIBRARY["Add a channel that is not email"])
    (asked,) = servers.api.calls
    assert (asked.path, json.loads(asked.body)) == ("/hooks/TOKEN", {"text": "Order 7: paid"})


def test_a_router_chooses_by_recipient_and_by_customer(shop, servers):
    shop.follow(OF_LIBRARY["Choose the provider by your own rule"])
    assert servers.subjects() == (["For anybody"], ["For a customer", "For a partner"])


def test_a_refusal_reaches_the_receiver_and_no_except(shop, servers):
    shop.write("shop/settings.py", mailers(servers))
    shop.follow(OF_LIBRARY["Handle errors of sending"])
    assert "nobody@example.com: 550 5.1.1" in (shop.folder / "calls.txt").read_text()


def mailers(servers: Servers) -> str:
    url = f"smtp+plain://127.0.0.1:{servers.mail.port}"
    return f"MAILERS = mailroom.mailers({url!r})\n"


def test_signals_tell_and_stop(shop, servers):
    shop.write("shop/settings.py", mailers(servers))
    told = shop.follow(OF_LIBRARY["React to what happens to an email"])
    assert "ada@example.com by smtp:127.0.0.1" in told
    assert [one.recipients for one in servers.mail.received] == [["ada@example.com"]]


def test_tests_of_your_own_see_your_email(shop):
    assert "Ran 2 tests" in shop.follow(OF_LIBRARY["Test your email"], sends=False)


def test_a_price_becomes_the_months_cost(shop):
    shown = "from mailroom.status.figures import month_costs; print(month_costs())"
    assert "0.002" in shop.follow(OF_LIBRARY["See what a provider costs"], after=shown)


def test_a_quota_is_used_up_first(shop, servers):
    (_, text) = OF_LIBRARY["Use a free quota first, then a paid provider"][0]
    url = re.search(r"'(.+)'", text)[1]
    mail, other = (f"smtp+plain://{h}:{s.port}" for h, s in zip(HOSTS, servers.both, strict=True))
    url = url.replace("brevo://KEY", mail).replace("300/day", "2/day")
    url = url.replace("smtp://user:password@mail.example.com", other)
    shop.write("shop/settings.py", f"MAILERS = mailroom.mailers({url!r})\n")
    shop.shell("".join(SEND.replace("ada", name) for name in ("a", "b", "c")) + DRAIN)
    assert [len(one.received) for one in servers.both] == [2, 1]


HOSTS = ("127.0.0.1", "localhost")


def test_the_new_provider_gets_a_part_and_then_all(shop, servers):
    blocks = OF_LIBRARY["Move to another provider"]
    shop.follow([blocks[0], blocks[2]])
    assert sum(len(one.received) for one in servers.both) == 5
    before = len(servers.mail.received)
    shop.follow(blocks[1:])
    assert len(servers.mail.received) == before
    assert sum(len(one.received) for one in servers.both) == 10


def test_email_settings_move_to_mailers(shop, servers):
    shop.follow(OF_LIBRARY["Move from EMAIL_* to MAILERS"])
    (received,) = servers.mail.received
    assert received.mail["From"] == "Shop <hello@shop.example>"


def test_a_customers_email_goes_by_the_customers_account(shop, servers):
    blocks = OF_LIBRARY["Send each customer's email by the customer's own provider"]
    (key,) = [
        line for line in shop.follow(blocks[:1], sends=False).splitlines() if line.endswith("=")
    ]
    shop.write(
        "shop/settings.py",
        mailers(servers)
        + f"MAIL_ACCOUNT_KEYS = [{key!r}]\nMAIL_ACCOUNT_LOOPBACK_HOSTS = ['127.0.0.1']\n"
        "MAILROOM_ROUTERS = ['mailroom.outbox.routing.ByOwner']\nPUBLIC_URL = 'http://shop.example'\n"
        "from mailroom.message_types import transactional\n"
        "MESSAGE_TYPES = {'shop.order_shipped': transactional('default')}\n",
    )
    shop.write("templates/emails/shop/order_shipped.html", SHIPPED)
    shop.follow(blocks[1:], before=ACCOUNT.format(servers.other.port))
    assert servers.subjects() == ([], ["On its way"])


SHIPPED = "{% block subject %}On its way{% endblock %}{% block text_layout %}Soon.{% endblock %}"
ACCOUNT = """
from types import SimpleNamespace
from mailroom.messages import TemplatedMessage
from mailroom.models import MailAccount
options = {{"host": "127.0.0.1", "port": {}, "security": "none"}}
account = MailAccount(name="Ada", owner="ada", kind="smtp", from_email="ada@example.org",
    options=options)
account.set_secrets()
account.save()
order = SimpleNamespace(email="bob@example.com", shop=SimpleNamespace(slug="ada"))
"""


# -- On this site ------------------------------------------------------------------------------

PARTS = (
    "accounts home mailroom newsletters notifications sandbox site_config templates locale static"
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> Path:
    """The site's database after migrate."""
    site = Project(ROOT, {}, **variables(tmp_path_factory.mktemp("tables")))
    site.run(sys.executable, "manage.py", "migrate", "-v0")
    return Path(site.environment["VAR_DIR"])


def variables(folder: Path) -> dict[str, str]:
    return {"DEBUG": "1", "ENV_FILE": "", "VAR_DIR": str(folder), "SECRET_KEY": "x" * 40}


@pytest.fixture
def site(tmp_path, tables) -> Project:
    """A copy of this site that may be changed; its email goes to /inbox/."""
    for name in PARTS.split():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / "site" / name, ignore=ignored)
    shutil.copy(ROOT / "manage.py", tmp_path / "site")
    folder = shutil.copytree(tables, tmp_path / "var")
    return Project(tmp_path / "site", {}, **variables(folder) | {"PYTHONPATH": ""})


USER = """
from accounts.models import User
user, _ = User.objects.get_or_create(email="ada@example.com")
"""
CHECK = """
from django.core.management import call_command
call_command("check")
"""
SUBJECTS = """
from mailroom.models import Delivery
for one in Delivery.objects.all(): print(one.state, one.channel, one.message.subject)
"""


def test_an_email_is_added(site):
    told = site.follow(OF_SITE["Add an email"], before=USER, after=SUBJECTS + CHECK)
    assert "sent notifications Order 7 is paid" in told
    assert "no issues" in told


def test_a_channel_is_added(site):
    told = site.follow(OF_SITE["Add a channel"], after=SUBJECTS)
    assert "sent invoices Your invoice" in told


def test_a_kind_of_notification_is_added(site):
    shown = """
from django.template.loader import render_to_string
from notifications.models import Notification
one = Notification.objects.get()
print(render_to_string(f"notifications/kinds/{one.kind}.html", one.data))
"""
    told = site.follow(OF_SITE["Add a kind of notification"], before=USER, after=shown + CHECK)
    assert "Order 7 is paid" in told
    assert "no issues" in told


def test_an_audience_is_added(site):
    told = site.follow(OF_SITE["Add an audience for newsletters"], sends=False)
    assert "['ada@example.com']" in told


@pytest.mark.full
def test_an_added_email_fails_no_test_for_lack_of_a_translation(site):
    for name in ("tests", "pyproject.toml", "docs"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, site.folder / name)
    site.follow(OF_SITE["Add an email"], before=USER, sends=False)
    files = ("test_catalogues", "test_previews", "test_mail_languages", "test_email_base")
    told = site.run("pytest", "-q", *(f"tests/site_config/{name}.py" for name in files))
    assert "Thank you for your payment." in told  # it is listed
