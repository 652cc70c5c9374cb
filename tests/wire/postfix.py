"""A real Postfix of our own, on loopback, strict about who pipelines and how lines end."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.services import free_port, wait_for_port

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
config_directory = {folder}/etc
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.mailroom.test
mydestination =
mynetworks = 127.0.0.0/8
smtpd_forbid_unauth_pipelining = yes
smtpd_forbid_bare_newline = yes
smtpd_client_connection_count_limit = 2
smtpd_recipient_restrictions =
    check_recipient_access inline:{{ {{ {refused} = REJECT no such user }} }},
    permit_mynetworks, reject
default_transport = smtp:[127.0.0.1]:{next_port}
smtp_tls_security_level = none
{more}
"""
# Takes the bounces of its own emails into a Maildir of the user nobody.
BOUNCES = """\
recipient_delimiter = +
virtual_mailbox_domains = {domain}
virtual_mailbox_base = /
virtual_mailbox_maps = inline:{{ {{ bounces@{domain} = {maildir}/ }} }}
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_transport = virtual
"""
MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
virtual unix - n n - - virtual
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """Takes mail on `port` and hands it to the server on `next_port`; refuses `refused`.

    bounces: the Maildir that takes what comes to bounces@bounces.mailroom.test.
    """

    def __init__(self, next_port: int, refused: str, bounces: Path | None = None) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="mailroom-postfix-"))
        self.folder.chmod(0o755)
        for name in ("etc", "queue", "data"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        told = {"domain": "bounces.mailroom.test", "maildir": bounces}
        more = BOUNCES.format(**told) if bounces else ""
        values = {"folder": self.folder, "port": self.port, "next_port": next_port}
        (self.folder / "etc/main.cf").write_text(MAIN.format(refused=refused, more=more, **values))
        (self.folder / "etc/master.cf").write_text(MASTER.format(**values))

    def __enter__(self) -> Self:
        self._run("start")
        wait_for_port(self.port)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run("abort")
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def log(self) -> str:
        """What it wrote down so far."""
        return (self.folder / "log").read_text()

    def _run(self, command: str) -> None:
        environment = {**os.environ, "MAIL_CONFIG": str(self.folder / "etc")}
        done = subprocess.run(
            ["/usr/sbin/postfix", "-c", str(self.folder / "etc"), command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or command == "abort", done.stderr
