"""What the documents tell people to type is typed here, as far as this machine can do it."""

import subprocess
import sys

import pytest
from cryptography.fernet import Fernet

from tests.docs.test_commands import told, words_of
from tests.processes import ROOT, Site

# What needs a terminal, the internet or another server gets something in its place.
INSTEAD = {
    "createsuperuser": "createsuperuser --no-input",
    "worker": "worker --drain",  # until TERM: tests/deploy/test_signals.py
    "worker [--drain]": "worker --drain",
}
ELSEWHERE = {
    "shell -c": "tests/deploy/test_restoring.py runs the whole of it",
    "runserver": "tests/wire/test_first_steps.py signs up at it",
    "bounces < message": "tests/wire/test_bounces.py types it",
    "test shop": "a project's own tests; tests/docs/test_recipes.py runs those of the recipe",
    "sandbox": "tests/bin/test_demo.py runs it, until its end",
    "doctor --nameserver 9.9.9.9": "tests/mailroom/doctor has a name server of its own",
}
# Exits with 1 where the site is not fit to deploy, or a small sample misses a bound by chance.
FINDS_FAULTS = ("check --deploy", "doctor", "enumeration", "webhooks")

# The bench's cases in the smallest size that shows whether they run.
SMALL = {
    "accepted": "--rounds 3",
    "enumeration": "--requests 3",
    "api": "--recipients 40 --plain 2 --rounds 1",
    "growth": "--sizes 50 100",
    "home": "",  # on PostgreSQL only
    "idle": "--seconds 1",
    "inbox": "--rounds 2 --limit 2000",  # how fast this machine is proves nothing
    "mixed": "--minutes 0.1 --visitors 4",
    "newsletter": "--recipients 100 --plain 20 --rounds 1",
    "pages": "--connections 2 --seconds 1",
    "preview": "--rounds 2 --limit 2000",
    "queueing": "--recipients 200 --resets 2",
    "webhooks": "--posts 20 --at-once 2",
}
QUICK = {"inbox"}  # seconds: it runs in every suite
BESIDE = {
    "table": "runs the other cases at sizes that take minutes",
}
# The scripts make an environment of their own and take minutes: who runs each.
SCRIPTS = {
    "bin/_lock": "tests/bin/test_requirements.py looks at what it made",
    "bin/contact-sheet": "takes pictures for four minutes: tests/browser look at the same pages",
    "bin/demo": "tests/bin/test_demo.py runs it",
    "bin/messages": "tests/site_config/test_catalogues.py finds what it would change",
    "bin/setup": "bin/demo begins with it",
    "bin/test": "runs this",
}
NEEDS_POSTGRES = {"--database-url", "[--database-url"}


def arguments_for(program: str) -> list[str]:
    """Each different way in which the documents call a program."""
    lines = {" ".join(words_of(line)[1:]) for _, line in told() if line.startswith(program)}
    return sorted(line.strip() for line in lines if line)


def in_its_suite(line: str) -> object:
    slow = line.split(maxsplit=1)[0] not in QUICK
    return pytest.param(line, marks=pytest.mark.full) if slow else line


def is_measured(line: str) -> bool:
    return line.split(maxsplit=1)[0] not in BESIDE and not NEEDS_POSTGRES & set(line.split())


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Site:
    site = Site(
        tmp_path_factory.mktemp("typed"),
        DEBUG="1",
        VAR_DIR=str(tmp_path_factory.mktemp("var")),
        WEBHOOK_SECRET="name:word",
        MAIL_ACCOUNT_KEYS=Fernet.generate_key().decode(),
        DJANGO_SUPERUSER_EMAIL="admin@example.com",
        DJANGO_SUPERUSER_PASSWORD="typed-by-a-test",
    )
    site.set_up()
    return site


@pytest.mark.parametrize("line", sorted({*arguments_for("manage.py")} - {*ELSEWHERE}))
def test_manage_does_what_it_is_told(line, site):
    command = INSTEAD.get(line, line).split(maxsplit=2 if line.startswith("shell") else -1)

    done = run([sys.executable, "-W", "error", "manage.py", *command], site.environment)

    assert_done(done, line)
    assert done.stdout or done.stderr or command[-1] == "--drain"


def test_whatever_is_not_run_here_is_told_and_excused():
    cases = {line.split()[0] for line in arguments_for("bench/bench.py")}

    assert set(arguments_for("manage.py")) >= {*ELSEWHERE, *INSTEAD}
    assert cases == {*SMALL, *BESIDE}
    assert {line.split()[0] for _, line in told() if line.startswith("bin/")} == {*SCRIPTS}


@pytest.mark.parametrize(
    "line", map(in_its_suite, filter(is_measured, arguments_for("bench/bench.py")))
)
def test_the_bench_measures(line, site):
    case, *options = line.split()
    kept = [one for one in without_sizes(options) if one != "…"]

    done = run(
        [sys.executable, "bench/bench.py", case, *kept, *SMALL[case].split()],
        site.environment,
    )

    assert_done(done, line)
    assert done.stdout


def test_the_bench_says_how_to_install_what_is_missing(site):
    done = run([sys.executable, "-S", "bench/bench.py", "table"], site.environment)  # no packages

    assert done.returncode == 1
    assert done.stderr.startswith("Missing: ")
    assert "bin/setup" in done.stderr


def assert_done(done: subprocess.CompletedProcess[str], line: str) -> None:
    allowed = {0, 1} if line.startswith(FINDS_FAULTS) else {0}
    assert done.returncode in allowed, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def without_sizes(options: list[str]) -> list[str]:
    """The options of a line less those whose sizes are ours."""
    sizes = {"--recipients", "--requests", "--plain"}
    pairs = zip(["", *options], options, strict=False)
    return [one for before, one in pairs if one not in sizes and before not in sizes]


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
