"""A real Dovecot of our own, on loopback: one user, one Maildir."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.services import free_port, wait_for_port

CONFIG = """\
base_dir = {folder}/run
log_path = {folder}/log
state_dir = {folder}/state
instance_name = mailroom-{port}
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_internal_user = dovecot
default_login_user = dovenull
mail_location = maildir:{folder}/maildir
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


class Dovecot:
    """Serves the Maildir in `maildir`, of the user nobody, at `url`."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="mailroom-dovecot-"))
        self.folder.chmod(0o755)
        self.maildir = self.folder / "maildir"
        for name in ("cur", "new", "tmp"):
            (self.maildir / name).mkdir(parents=True)
        for path in (self.maildir, *self.maildir.iterdir()):
            shutil.chown(path, "nobody", "nogroup")
        values = {"folder": self.folder, "port": self.port, "password": "s3cret"}
        self._config = self.folder / "dovecot.conf"
        self._config.write_text(CONFIG.format(**values))
        self.url = f"imap+plain://mailroom:s3cret@127.0.0.1:{self.port}/INBOX"

    def __enter__(self) -> Self:
        # As root, without a service manager: this user's own processes are told by the folder.
        self._process = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", self._config])
        wait_for_port(self.port)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def put(self, raw: bytes) -> None:
        """Put an email into the mailbox, as a local delivery does."""
        path = self.maildir / "new" / f"{len(self.emails())}.{self.port}"
        path.write_bytes(raw)
        shutil.chown(path, "nobody", "nogroup")

    def emails(self) -> list[Path]:
        return sorted(path for name in ("new", "cur") for path in (self.maildir / name).iterdir())
