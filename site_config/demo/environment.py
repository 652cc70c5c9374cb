"""`python -m site_config.demo.environment FOLDER PORT`: write the demo's settings, FOLDER/demo.env.

bin/demo runs it before Django starts, which reads the file by ENV_FILE.
"""

import secrets
import socket
import sys
from pathlib import Path
from urllib.parse import quote

from dotenv import dotenv_values

TEXT = """\
# Written by bin/demo at each start, with the ports that are free. Use it with ENV_FILE={file}
DEBUG=1
SECRET_KEY={key}
PUBLIC_URL=http://127.0.0.1:{port}
DATABASE_URL=sqlite:///{database}

# Two local mail servers, which manage.py sandbox runs, and four channels that use them differently.
MAILER_URL={first}
MAILER_URL_REGISTRATION={first}
MAILER_URL_PASSWORD_RESET='failover({first} {second})'
MAILER_URL_NOTIFICATIONS={second}
MAILER_URL_NEWSLETTERS='split(80 {first} 20 {second})'
MAIL_FROM='Mailroom <hello@example.com>'
MAIL_FROM_NEWSLETTERS='The Mailroom Letter <letter@news.example.com>'

# To show what an outage does: the switch at /mail/status/, and short waits.
SIMULATE_OUTAGES=1
MAIL_BREAKER_SECONDS=10
MAIL_RETRY_SECONDS=10
"""


def write(folder: Path, port: int) -> None:
    """Write demo.env for a site on `port`. Its key stays that of the last time."""
    file = folder / "demo.env"
    first, second = (f"smtp+plain://127.0.0.1:{one}" for one in _free_ports(port + 25, port + 26))
    text = TEXT.format(
        file=file,
        key=dotenv_values(file).get("SECRET_KEY") or secrets.token_urlsafe(50),
        port=port,
        database=quote(str(folder / "demo.sqlite3")),
        first=first,
        second=second,
    )
    file.write_text(text, "utf-8")


def _free_ports(*wanted: int) -> list[int]:
    """The wanted ports; another one for each that is taken."""
    sockets = [_bound(port) for port in wanted]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _bound(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except (OSError, OverflowError):
        return socket.create_server(("127.0.0.1", 0))


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
