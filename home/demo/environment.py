"""`python -m home.demo.environment FOLDER PORT`: write the demo's settings, FOLDER/demo.env.

bin/demo runs it before Django starts, which reads the file by ENV_FILE.
"""

import secrets
import socket
import sys
from pathlib import Path
from urllib.parse import quote

from cryptography.fernet import Fernet
from dotenv import dotenv_values

PASSWORD = "mailroom-demo"  # noqa: S105  (of a demo that refuses to run in production)
TEXT = """\
# Written by bin/demo at each start, with the ports that are free. Use it with ENV_FILE={file}
DEBUG=1
SECRET_KEY={key}
PUBLIC_URL=http://127.0.0.1:{port}
DATABASE_URL=sqlite:///{database}

# Four channels over three providers: an SMTP server, Postmark and Mailgun. Here manage.py sandbox
# plays them on this machine; in production the same variables name the real ones, for instance
# MAILER_URL_NOTIFICATIONS=mailgun://KEY@example.com, without ?api_url=…
MAILER_URL={smtp}
MAILER_URL_REGISTRATION={smtp}
MAILER_URL_PASSWORD_RESET='failover({postmark} {smtp})'
MAILER_URL_NOTIFICATIONS={mailgun}
MAILER_URL_NEWSLETTERS='split(80 {smtp} 20 {mailgun})'
MAIL_FROM='Mailroom <hello@example.com>'
MAIL_FROM_NEWSLETTERS='The Mailroom Letter <letter@news.example.com>'

# Postmark and Mailgun report to /mail/webhooks/…: what was delivered, bounced or marked as spam.
# Postmark knows the site's secret, user:password of the webhook's URL; Mailgun signs with its key.
WEBHOOK_SECRET=sandbox:{secret}
WEBHOOK_KEY_MAILGUN={secret}

# A newsletter's own account at Postmark, kept in the database: see /admin/mailroom/mailaccount/.
# The lines below the key are refused unless DEBUG: accounts at this machine, played by the sandbox.
MAIL_ACCOUNT_KEYS={account_key}
MAIL_ACCOUNT_API_URLS=postmark=http://127.0.0.1:{api}/
MAIL_ACCOUNT_LOOPBACK_HOSTS=127.0.0.1

# Short waits, so that an outage made at /sandbox/ and its end can be watched.
MAIL_BREAKER_SECONDS=10
MAIL_RETRY_SECONDS=10
"""


def write(folder: Path, port: int) -> None:
    """Write demo.env for a site on `port`. Its keys stay those of the last time."""
    file = folder / "demo.env"
    known = dotenv_values(file)
    smtp, api = _free_ports(port + 25, port + 26)
    text = TEXT.format(
        file=file,
        key=known.get("SECRET_KEY") or secrets.token_urlsafe(50),
        secret=known.get("WEBHOOK_KEY_MAILGUN") or secrets.token_hex(16),
        account_key=known.get("MAIL_ACCOUNT_KEYS") or Fernet.generate_key().decode(),
        api=api,
        port=port,
        database=quote(str(folder / "demo.sqlite3")),
        smtp=f"smtp+plain://127.0.0.1:{smtp}",
        postmark=f"postmark://demo-token?api_url=http://127.0.0.1:{api}/",
        mailgun=f"mailgun://demo-key@example.com?api_url=http://127.0.0.1:{api}/v3/",
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
