"""The quick start of mailroom/README.md in a project of somebody else's, with only the core."""

import re
import sqlite3
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from tests.package.host import SEND, sources
from tests.processes import ROOT

README = (ROOT / "mailroom" / "README.md").read_text()
FIVE_LINES = next(text for text in re.findall(r"```python\n(.*?)```", README, re.DOTALL))
PLAIN = 'import mailroom\n\nINSTALLED_APPS += ["mailroom"]\nMAILERS = mailroom.mailers({})\n'


def by(server) -> str:
    """The README's lines, with this server for those of its examples."""
    lines = FIVE_LINES
    for name in ("mail", "news"):
        url = f"smtp+plain://127.0.0.1:{server.port}"
        example = f"smtp://user:password@{name}.example.com"
        assert example in FIVE_LINES
        lines = lines.replace(example, url)
    return lines


def test_they_send_by_each_channel_and_leave_the_projects_templates_alone(host, smtp):
    project = host(by(smtp) + "TEMPLATES[0]['DIRS'] = [BASE_DIR / 'templates']")
    project.write("templates/emails/base.html", "The project's own.")
    project.write("templates/emails/orders/partial.html", "The project's own.")
    project.write("templates/base.html", "The project's own.")

    told = project.manage("check", PYTHONWARNINGS="error")
    project.manage("migrate", "-v0")
    assert "No changes" in project.manage("makemigrations", "--check")
    project.manage("shell", "-c", SEND, PYTHONWARNINGS="error")
    assert smtp.received == []  # it is in the outbox
    project.manage("worker", "--drain", PYTHONWARNINGS="error")

    assert sorted(one.mail["Subject"] for one in smtp.received) == ["Hello", "News"]
    assert {one.mail["From"] for one in smtp.received} == {"webmaster@localhost"}
    assert "orders.partial" in told  # a warning: it may be sent in another way
    assert re.search(r"I\d+\) TASKS", told)
    assert re.search(r"I\d+\) PUBLIC_URL", told)


def test_its_pages_work_without_the_sites_apps(host):
    """No allauth, htmx, humanize or Anymail, and no base template of the project."""
    project = host(PLAIN.format("'file:///tmp/nowhere'") + "ALLOWED_HOSTS = ['testserver']")
    urls = (
        "from django.urls import include\nurlpatterns += [path('mail/', include('mailroom.urls'))]"
    )
    project.write("shop/urls.py", (project.folder / "shop/urls.py").read_text() + urls)
    project.manage("migrate", "-v0")
    told = project.manage("shell", "-v0", "-c", PAGES, PYTHONWARNINGS="error")
    assert set(re.findall(r"^(\d{3}) ", told, re.MULTILINE)) == {"200"}, told


PAGES = """
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.test import Client
staff = Client()
staff.force_login(User.objects.create_superuser("ada", "ada@example.com", "x"))
send_mail("Hello", "Body", None, ["ada@example.com"])
for path in (
    "/mail/status/", "/admin/", "/admin/mailroom/delivery/", "/admin/mailroom/delivery/1/change/",
    "/admin/mailroom/message/1/change/", "/admin/mailroom/event/",
    "/admin/mailroom/suppression/import/", "/admin/mailroom/mailaccount/add/?kind=smtp",
):
    print(staff.get(path).status_code, path)
"""


def test_the_hosts_message_id_name_and_models(host, smtp):
    project = host(
        PLAIN.format(f"'smtp+plain://127.0.0.1:{smtp.port}'")
        + """
INSTALLED_APPS += ["people"]
AUTH_USER_MODEL = "people.Person"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
PUBLIC_URL = "https://www.orders.example"
MAILROOM_SECRET_BY_DEFAULT = True
TEMPLATES[0]["DIRS"] = [BASE_DIR / "templates"]
from mailroom.message_types import transactional
MESSAGE_TYPES = {"orders.paid": transactional("default")}
"""
    )
    project.write("people/__init__.py", "")
    project.write(
        "people/models.py",
        "from django.contrib.auth.models import AbstractUser\nclass Person(AbstractUser): pass\n",
    )
    project.write(
        "templates/emails/orders/paid.html",
        '{% extends "mailroom/emails/base.html" %}{% block subject %}Paid{% endblock %}'
        "{% block text_body %}Thank you.{% endblock %}",
    )
    project.manage("makemigrations", "people")
    project.manage("migrate", "-v0")
    assert "No changes" in project.manage("makemigrations", "--check")
    send = """
from django.core.mail import EmailMessage
from mailroom.messages import TemplatedMessage
EmailMessage("Own", "A secret", to=["ada@example.com"], headers={"Message-ID": "<1@own>"}).send()
TemplatedMessage("orders.paid", to=["ada@example.com"], language="en").send()
"""
    project.manage("shell", "-c", send)
    project.manage("worker", "--drain")

    own, paid = sorted((one.mail for one in smtp.received), key=lambda mail: mail["Subject"])
    assert own["Message-ID"] == "<1@own>"
    assert paid["Feedback-ID"].endswith(":ordersexample")
    assert "orders.example: https://www.orders.example/" in paid.get_body(("plain",)).get_content()
    kept = "from mailroom.models import Message; print([m.body for m in Message.objects.all()])"
    bodies = project.manage("shell", "-v0", "-c", kept)
    assert "A secret" not in bodies
    assert "Thank you." in bodies


def test_each_missing_extra_is_one_sentence(host):
    project = host(PLAIN.format("'postmark://TOKEN', news='ses://?region_name=eu-west-1'"))
    project.manage("migrate", "-v0", "--skip-checks")

    told = project.environment.try_to("python", "manage.py", "check", cwd=project.folder).stdout
    assert "postmark needs the extra 'anymail': install django-mailroom[anymail]." in told
    assert "amazon_ses needs the extra 'anymail': install django-mailroom[anymail]." in told
    assert "Traceback" not in told
    assert "the extra 'anymail'" in project.refused("worker", "--drain")
    assert "the extra 'doctor'" in project.refused("doctor")
    assert "the extra 'accounts'" in project.refused("mail_accounts", "--new-key")

    for line, extra in {
        "MAIL_BOUNCE_URL = 'imaps://me:pw@mail.example.com'": "bounces",
        "MAIL_ACCOUNT_KEYS = ['x' * 43 + '=']": "accounts",
        "TASKS = {'default': {'BACKEND': 'django_tasks_celery.CeleryBackend'}}": "celery",
    }.items():
        project.add(line)
        found = project.environment.try_to("python", "manage.py", "check", cwd=project.folder)
        assert f"the extra '{extra}': install django-mailroom[{extra}]" in found.stdout


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("mailroom.mailers('')", "MAILERS: the URL of 'default' is empty"),
        ("mailroom.mailers('pigeon://x')", "the URL of 'default' has the unknown scheme 'pigeon'"),
        ("mailroom.mailers(news='smtp://user:hunter2')", "MAILERS: the URL of 'news' has a"),
        ("{'default': {'BACKEND': 'mailroom.backends.outbox.EmailBackend',"
         " 'OPTIONS': {'via': 'nowhere'}}}", "it names 'nowhere', which MAILERS does not have"),
    ],
)  # fmt: skip
def test_a_mailer_that_would_lose_email_is_an_error(host, setting, words):
    project = host(f"import mailroom\nINSTALLED_APPS += ['mailroom']\nMAILERS = {setting}")
    done = project.environment.try_to("python", "manage.py", "check", cwd=project.folder)

    assert done.returncode == 1
    assert words in done.stdout
    assert "hunter2" not in done.stdout


def test_what_is_not_supported_is_refused_in_one_sentence(host):
    old = "import django; django.VERSION = (5, 2, 8, 'final', 0); import mailroom"
    project = host(PLAIN.format(""))
    done = project.environment.try_to("python", "-c", old)
    last = done.stdout.strip().splitlines()[-1]
    assert re.search(r"django-mailroom needs Django 6.1 or newer, and this is Django \S+$", last)

    project.manage("migrate", "-v0")
    with closing(sqlite3.connect(project.folder / "db.sqlite3")) as database, database:
        database.execute("DELETE FROM django_migrations WHERE name = '0016_released_at'")
    for command in ("migrate", "migrate --skip-checks"):
        done = project.environment.try_to(
            "python", "manage.py", *command.split(), cwd=project.folder
        )
        assert done.returncode == 1
        assert "The tables of mailroom are too old for this version" in done.stdout
        assert "Traceback" not in done.stdout

    project.add("DATABASES['default'] = {'ENGINE': 'django.db.backends.mysql', 'NAME': 'shop'}")
    assert "mailroom does not support mysql: use SQLite or PostgreSQL." in project.refused("check")


def test_the_wheel_and_the_source_distribution_are_whole(tmp_path):
    folder = sources(tmp_path)
    build = "import hatchling.build as b; b.build_{}(r'{}')"
    once, again = tmp_path / "once", tmp_path / "again"
    run(build.format("sdist", once), folder)
    run(build.format("wheel", once), folder)
    (archive,) = once.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    run(build.format("wheel", again), unpacked)

    first, second = contents(once), contents(again)
    assert first == second
    assert {"mailroom/py.typed", "mailroom/static/mailroom/status.css"} <= first.keys()
    assert {"mailroom/locale/fr/LC_MESSAGES/django.mo"} <= first.keys()
    templates = {name for name in first if "/templates/" in name}
    assert {name.split("/")[2] for name in templates} == {"mailroom"}
    assert len(first) == sum(1 for path in folder.rglob("*") if path.is_file()) - 3 + 4


def run(code: str, folder: Path) -> None:
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True)


def contents(folder: Path) -> dict[str, bytes]:
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_the_versions_of_the_site_and_the_library_agree():
    versions = {
        tomllib.loads((ROOT / path / "pyproject.toml").read_text())["project"]["version"]
        for path in (".", "mailroom")
    }
    assert len(versions) == 1
