"""Four real mail servers, one a channel, and the site with its processes."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.mailroom.fakes.smtp import SMTPServer
from tests.processes import Site

CHANNELS = ("registration", "password_reset", "notifications", "newsletters")


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, SMTPServer]]:
    with ExitStack() as stack:
        yield {channel: stack.enter_context(SMTPServer()) for channel in CHANNELS}


@pytest.fixture
def production(tmp_path: Path, servers: dict[str, SMTPServer]) -> Site:
    """An installation as in production, each channel with a mail server and a From of its own."""
    return installation(tmp_path, servers)


def installation(folder: Path, servers: dict[str, SMTPServer]) -> Site:
    for server in servers.values():
        server.received.clear()
    variables = {}
    for channel, server in servers.items():
        suffix = channel.upper()
        variables[f"MAILER_URL_{suffix}"] = f"smtp+plain://127.0.0.1:{server.port}"
        variables[f"MAIL_FROM_{suffix}"] = f"The {channel} desk <{channel}@site.test>"
    site = Site(
        folder,
        **variables,
        MAILER_URL=variables["MAILER_URL_NOTIFICATIONS"],
        MAIL_RETRY_SECONDS="0.5",
    )
    site.set_up()
    site.collect_static()
    return site
