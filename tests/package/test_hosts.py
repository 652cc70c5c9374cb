"""Wagtail as host, each extra installed and uninstalled, and what registries ask."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mailroom.fakes.http import Answer, HTTPServer
from tests.package.host import SEND, Environment, Host, sources

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    return sources(tmp_path_factory.mktemp("checkout")).parent


def environment(folder: Path, checkout: Path, *packages: str) -> Environment:
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    made = Environment(folder)
    made.run("pip", "install", "-q", "./mailroom", *packages, cwd=checkout)
    return made


WAGTAIL = """
from django.contrib.auth import get_user_model
from django.template.loader import get_template
from django.test import Client
from wagtail.models import Page
get_user_model().objects.create_superuser("ada", "ada@example.com", "x")
answer = Client().post("/admin/password_reset/", {"email": "ada@example.com"})
print(answer.status_code)
page = Page.objects.get(depth=2).specific
page.title = "Changed"
page.save_revision().publish()  # its index is brought up to date by Wagtail's own tasks
for name in ("wagtailadmin/account/password_reset/email.txt", "base.html"):
    print(get_template(name).origin)
"""
TASKS = """
from django_ox.models import OxTask
from mailroom.models import Delivery
print(set(OxTask.objects.values_list("status", flat=True)), OxTask.objects.count() > 0)
print(*Delivery.objects.values_list("state", "message__subject"))
"""


def test_wagtail_sends_its_password_reset_through_the_outbox(tmp_path, checkout, smtp):
    own = environment(tmp_path / "environment", checkout, "wagtail", "django-ox")
    folder = tmp_path / "cms"
    folder.mkdir()
    own.run("wagtail", "start", "cms", str(folder))
    development = folder / "cms" / "settings" / "dev.py"
    development.write_text(development.read_text().replace("EMAIL_BACKEND =", "_UNUSED ="))
    with (folder / "cms" / "settings" / "base.py").open("a") as settings:
        settings.write(
            "\nimport mailroom\nINSTALLED_APPS += ['mailroom', 'django_ox']\n"
            f"MAILERS = mailroom.mailers('smtp+plain://127.0.0.1:{smtp.port}')\n"
            "TASKS = {'default': {'BACKEND': 'django_ox.backend.OxBackend', 'QUEUES': []}}\n"
        )

    def manage(*command: str) -> str:
        return own.run("python", "manage.py", *command, cwd=folder)

    manage("migrate", "-v0")
    assert "No changes" in manage("makemigrations", "--check")
    told = manage("shell", "-v0", "-c", WAGTAIL)
    assert "302" in told
    assert "wagtail/admin/templates/wagtailadmin" in told
    assert "cms/templates/base.html" in told
    manage("test")
    manage("worker", "--drain")

    (received,) = smtp.received
    assert received.recipients == ["ada@example.com"]
    assert "/admin/password_reset/confirm/" in received.mail.get_content()
    assert "{'SUCCESSFUL'} True" in manage("shell", "-v0", "-c", TASKS)


CELERY = """
from celery import Celery
app = Celery("shop", broker="memory://")
"""
# By extra: settings, what they make possible, and the packages that go again.
EXTRAS = {
    "anymail": (
        "MAILERS = mailroom.mailers('postmark://TOKEN?api_url={api}/', news={{'via': 'default'}})",
        ("worker", "--drain"),
        "",
        ("django-anymail", "cryptography", "requests"),
    ),
    "ses": (
        "MAILERS = mailroom.mailers('ses://?region_name=eu-west-1')",
        ("mailers",),
        "ses://",
        ("django-anymail", "boto3", "cryptography"),
    ),
    "accounts": ("", ("mail_accounts", "--new-key"), "=", ("cryptography",)),
    "bounces": (
        "MAIL_BOUNCE_URL, MAIL_BOUNCE_ADDRESS = 'imaps://me:pw@mail.example.com', 'b@example.com'",
        ("check",),
        "no issues",
        ("flufl-bounce", "imap-tools"),
    ),
    "celery": (
        "TASKS = {{'default': {{'BACKEND': 'django_tasks_celery.backend.CeleryBackend',"
        " 'QUEUES': [], 'OPTIONS': {{'CELERY_APP': 'shop.celery_app.app'}}}}}}",
        ("worker", "--drain"),
        "",
        ("django-tasks-celery", "celery", "redis"),
    ),
    "metrics": (
        "",
        ("shell", "-v0", "-c", "import mailroom.status.metrics; print('there')"),
        "there",
        ("prometheus-client",),
    ),
    "doctor": ("", ("doctor", "--json"), '"area": "configuration"', ("checkdmarc", "dnspython")),
}


@pytest.fixture(scope="module")
def spare(tmp_path_factory, checkout) -> Environment:
    return environment(tmp_path_factory.mktemp("spare"), checkout)


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_works_and_the_five_lines_go_on_without_it(spare, checkout, tmp_path, smtp, extra):
    settings, command, words, packages = EXTRAS[extra]
    url = f"smtp+plain://127.0.0.1:{smtp.port}"
    project = Host(
        spare,
        tmp_path / "host",
        f"import mailroom\nINSTALLED_APPS += ['mailroom']\n"
        f"MAILERS = mailroom.mailers({url!r}, news={url!r})\nSILENCED_SYSTEM_CHECKS = "
        "['mailroom.I001', 'mailroom.I002', 'mailroom.W006']\n",
    )
    project.write("shop/celery_app.py", CELERY)
    plain = (project.folder / "shop" / "settings.py").read_text()
    project.manage("migrate", "-v0")
    spare.run("pip", "install", "-q", f"./mailroom[{extra}]", cwd=checkout)
    try:
        with HTTPServer(Answer(200, {"ErrorCode": 0, "Message": "OK", "MessageID": "1"})) as api:
            project.add(settings.format(api=api.url))
            project.manage("shell", "-c", SEND.rpartition("send_mail")[0])
            done = spare.try_to("python", "manage.py", *command, cwd=project.folder)
            assert "needs the extra" not in done.stdout
            assert "Traceback" not in done.stdout
            assert words in done.stdout
            assert len(api.calls) == (extra == "anymail")
    finally:
        spare.run("pip", "uninstall", "-q", "-y", *packages)
    project.write("shop/settings.py", plain)
    project.manage("shell", "-c", SEND)
    project.manage("worker", "--drain")
    assert {one.mail["Subject"] for one in smtp.received} == {"Hello", "News"}


def test_the_wheel_and_the_source_distribution_pass_twine_check(tmp_path, checkout):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "tools"], check=True)
    tools = Environment(tmp_path / "tools")
    tools.run("pip", "install", "-q", "build", "twine")
    tools.run(
        "python", "-m", "build", "--outdir", str(tmp_path / "dist"), cwd=checkout / "mailroom"
    )
    files = sorted(map(str, (tmp_path / "dist").iterdir()))
    assert len(files) == 2
    assert tools.run("twine", "check", "--strict", *files).count("PASSED") == 2
