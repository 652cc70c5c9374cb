"""A real SMTP server on loopback whose answers a test chooses."""

import asyncio
import socket
import ssl
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

DROP = "drop"  # close the connection instead of answering
SILENCE = "silence"  # never answer


@dataclass
class Script:
    """What the server answers at each step; where nothing is said, it accepts."""

    greeting: str = ""
    mail: str = ""
    rcpt: dict[str, str] = field(default_factory=dict)  # by address; "*" for everybody
    data: str = ""  # to the command DATA
    content: str = ""  # after the final dot
    starttls: str = ""  # to that command, which is offered for it
    password: str = ""  # the only one that is right
    deaf: bool = False  # close the connection in the middle of the content
    pipelining: bool = False  # RFC 2920
    only: str = ""  # the recipient whose mail the answers to DATA and to the content are for
    drip: str = ""  # replies that begin so come byte by byte, four a second
    most: int = 0  # mails that one connection may bring: the next MAIL is answered with 421


@dataclass
class Received:
    """A mail that the server accepted: its envelope and its content."""

    sender: str
    recipients: list[str]
    raw: bytes

    @property
    def mail(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)  # type: ignore[return-value]


class _Dialogue(SMTP):
    """aiosmtpd's server with the two answers that its hooks do not reach."""

    script: Script

    def connection_made(self, transport: Any) -> None:
        server = self.event_handler
        server.connections += 1
        server.most_connections = max(server.most_connections, server.connections)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.event_handler.connections -= 1
        super().connection_lost(error)

    async def push(self, status: str | bytes) -> None:
        text = status.decode() if isinstance(status, bytes) else status
        if text.startswith("220 ") and self.script.greeting:
            text = self.script.greeting
        if text == DROP:
            self.transport.close()
            return
        if text == SILENCE:
            try:
                await asyncio.sleep(30)
            finally:  # the server stops only once all connections are gone
                self.transport.abort()
        if self.script.drip and text.startswith(self.script.drip):
            await self._drip(text)
        else:
            await super().push(text)

    async def _drip(self, text: str) -> None:
        transport = self.transport
        try:
            for byte in f"{text}\r\n".encode():
                transport.write(bytes([byte]))
                await asyncio.sleep(0.25)
        except asyncio.CancelledError:  # the server stops only once all connections are gone
            transport.abort()
            raise
        if self._reader.at_eof():
            transport.abort()

    async def smtp_STARTTLS(self, arg: str) -> None:
        if self.tls_context and not self.script.starttls:
            await super().smtp_STARTTLS(arg)
        else:
            await self.push(self.script.starttls or "454 TLS not available")

    async def smtp_DATA(self, arg: str) -> None:
        if self.script.only and self.script.only not in self.envelope.rcpt_tos:
            await super().smtp_DATA(arg)
        elif self.script.deaf:
            await super().push("354 go on")
            self.transport.abort()
        elif self.script.data:
            await self.push(self.script.data)
        else:
            await super().smtp_DATA(arg)


class SMTPServer(Controller):
    """Start with `with SMTPServer(Script(…)) as server`; `server.received` is what it accepted."""

    def __init__(
        self,
        script: Script | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,  # TLS from the start, and not by STARTTLS
        port: int = 0,
    ) -> None:
        self.script = script or Script()
        self.tls = None if implicit else tls
        self.received: list[Received] = []
        self.passwords: list[str] = []  # that were presented
        self.connections = self.most_connections = 0
        self.transactions: list[list[str]] = []  # recipients that each MAIL was followed by
        own = {"ssl_context": tls} if implicit else {}
        super().__init__(self, hostname="127.0.0.1", port=port, ready_timeout=5, **own)

    def __enter__(self) -> "SMTPServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(no_assert=True)

    def factory(self) -> SMTP:
        options: dict[str, Any] = {"tls_context": self.tls}
        if self.script.password:
            options |= {"authenticator": self._is_right, "auth_require_tls": False}
        dialogue = _Dialogue(self, hostname="mx.test", **options)
        dialogue.script = self.script
        return dialogue

    def _trigger_server(self) -> None:
        """Call the server once, as its base class does, without waiting for a greeting."""
        self.port = self.server.sockets[0].getsockname()[1]
        socket.create_connection(("127.0.0.1", self.port), 1).close()

    @property
    def url(self) -> str:
        """Its mailer URL; a time-out is short only where it is what a test waits for."""
        script = self.script
        silent = SILENCE in (script.greeting, script.mail, script.data, script.content)
        seconds = 1 if silent or script.drip or SILENCE in script.rcpt.values() else 20
        return f"smtp+plain://127.0.0.1:{self.port}?timeout={seconds}"

    def _is_right(
        self, server: SMTP, session: Session, envelope: Envelope, how: str, given: Any
    ) -> AuthResult:
        self.passwords.append(given.password.decode())
        right = given.password == self.script.password.encode()
        return AuthResult(success=right, handled=right)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, answers: list[str]
    ) -> list[str]:
        session.host_name = hostname
        session.mails = 0  # type: ignore[attr-defined]
        offered = ["250-STARTTLS"] * bool(self.script.starttls)
        return [*answers[:-1], *offered, *["250-PIPELINING"] * self.script.pipelining, answers[-1]]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.transactions.append([])
        session.mails += 1  # type: ignore[attr-defined]
        if 0 < self.script.most < session.mails:  # type: ignore[attr-defined]
            asyncio.get_running_loop().call_later(0.05, server.transport.close)
            return "421 enough of you"
        if not self.script.mail:
            envelope.mail_from = address
        return self.script.mail or "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.transactions[-1].append(address)
        refusal = self.script.rcpt.get(address) or self.script.rcpt.get("*")
        if not refusal:
            envelope.rcpt_tos.append(address)
        return refusal or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        is_meant = self.script.only in ("", *envelope.rcpt_tos)
        answer = (self.script.content if is_meant else "") or "250 OK"
        if answer.startswith("250"):
            sent = Received(envelope.mail_from, list(envelope.rcpt_tos), envelope.original_content)
            self.received.append(sent)
        return answer
