"""Django's own mail tests, from its source distribution, against our SMTP backend and outbox."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import django
import pytest

pytestmark = pytest.mark.full

ROOT = Path(__file__).parents[2]
SMTP_EXCEPTIONS = {
    "test_smtp_connection_uses_host_and_port": "replaces smtplib.SMTP; our connection is a "
    "subclass that was made before",
    "test_serialized_message_uses_crlf_line_ending": "looks at what smtplib's sendmail is given, "
    "which we don't call; test_same_as_django compares what arrives",
}
MESSAGE_EXCEPTIONS = {
    "test_address_header_handling": "has quoted local parts and a domain with a sign, which the "
    "outbox refuses when a message is queued",
    "test_lazy_addresses": "has an address without a domain, which the outbox refuses",
    "test_localpart_only_address": "has an address without a domain, which the outbox refuses",
    "test_message_policy_smtputf8": "has a local part beyond ASCII, which the outbox refuses",
    "test_decoded_attachment_text_MIMEPart": "wants the attached object itself, not its like",
    "test_message_is_python_email_message": "wants Python's policy itself; ours keeps headers "
    "that are for programs as they are",
}


@pytest.fixture(scope="module")
def djangos_tests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tests of the Django that is installed; they are in its source distribution only."""
    folder = tmp_path_factory.mktemp("django")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "Django"]
    command = [*pip, "--dest", str(folder), f"Django=={django.get_version()}"]
    subprocess.run(command, check=True, capture_output=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as source:
        source.extractall(folder, filter="data")
    (tests,) = folder.glob("*/tests")
    return tests


def failures(kind: str, folder: Path) -> set[str]:
    environment = {**os.environ, "PYTHONWARNINGS": "default"}  # Django's tests set their own
    if kind == "smtp":
        environment.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run(
        [sys.executable, "-m", "tests.wire.djangos_own", kind, str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    words = [line.split() for line in done.stdout.splitlines()]
    assert [int(number) for word, number in words if word == "run"] >= [50], done.stderr
    return {name for word, name in words if word == "failed"}


def test_our_smtp_backend_passes_the_tests_of_djangos(djangos_tests):
    assert failures("smtp", djangos_tests) == set(SMTP_EXCEPTIONS)


def test_a_message_is_the_same_after_the_outbox(djangos_tests):
    assert failures("messages", djangos_tests) == set(MESSAGE_EXCEPTIONS)
