"""An SMTP server on 127.0.0.1, with PIPELINING (RFC 2920)."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from asgiref.sync import sync_to_async

from sandbox.accounts import Account
from sandbox.behaviour import SILENT_SECONDS, SLOW_SECONDS, Mode, persona
from sandbox.inbox import Accepted
from sandbox.webhooks import GREYLISTED, MAILBOX_FULL, NO_MAILBOX

# What RCPT is answered with; a deferred recipient is accepted at the second try.
REPLY_OF_MODE = {
    "bounce": NO_MAILBOX,
    "soft-bounce": MAILBOX_FULL,
    "deferred": GREYLISTED,
    "refused": "550 5.7.1 The recipient does not accept email from you.",
    "rate-limited": "450 4.7.1 Too many emails, slow down.",
    "out-of-quota": "550 5.4.5 Daily sending quota exceeded.",
}
DOWN = "421 4.3.2 Service not available, closing the connection"
RATE_LIMITED = "451 4.7.1 Too many emails, slow down."
QUOTA_EXCEEDED = "550 5.4.5 Daily sending quota exceeded."


class SMTPServer(Controller):
    """Serves one account; `with SMTPServer(account) as server`.

    mode_of: how the provider of an alias behaves at the moment.
    keep: called with each email that was accepted and not lost. Both may use the database.
    Raises OSError where the port is in use.
    """

    def __init__(
        self,
        account: Account,
        *,
        mode_of: Callable[[str], Mode] = lambda alias: Mode.WORKS,
        keep: Callable[[Accepted], None] = lambda accepted: None,
    ) -> None:
        self.account = account
        self.mode_of: Callable[..., Any] = sync_to_async(mode_of)
        self.keep: Callable[..., Any] = sync_to_async(keep)
        self.deferred: set[tuple[str, str]] = set()  # sender and recipient
        super().__init__(self, hostname="127.0.0.1", port=account.port, ready_timeout=5)

    def __enter__(self) -> "SMTPServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(no_assert=True)

    def factory(self) -> SMTP:
        """Build the session of a connection, as aiosmtpd asks for it."""
        options: dict[str, Any] = {}
        if self.account.key:
            options = {"authenticator": self._is_right, "auth_require_tls": False}
        session = _Session(self, hostname="sandbox.example", **options)
        session.controller = self
        return session

    def _trigger_server(self) -> None:
        """Call the server once, as the base class does, without waiting for a greeting."""
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        socket.create_connection(("127.0.0.1", self.port), 1).close()

    def _is_right(self, server: Any, session: Any, envelope: Any, how: str, given: Any) -> Any:
        right = given.password == self.account.key.encode()
        return AuthResult(success=right, handled=right)

    async def mode(self) -> Mode:
        found: Mode = await self.mode_of(self.account.alias)
        return found

    async def handle_EHLO(  # noqa: N802  (aiosmtpd's names, here and below)
        self, server: Any, session: Any, envelope: Any, hostname: str, answers: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*answers[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", answers[-1]]

    async def handle_MAIL(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        mode = await self.mode()
        if self.account.key and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if mode == Mode.REFUSE:
            asyncio.get_running_loop().call_later(0.05, server.transport.close)
            return DOWN
        if mode in {Mode.BUSY, Mode.QUOTA}:
            return RATE_LIMITED if mode == Mode.BUSY else QUOTA_EXCEEDED
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        who = persona(address)
        if who == "deferred":
            pair = (envelope.mail_from, address)
            if pair in self.deferred:
                who = ""
            self.deferred.add(pair)
        if refusal := REPLY_OF_MODE.get(who):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        mode = await self.mode()
        if mode == Mode.SLOW:
            await asyncio.sleep(SLOW_SECONDS)
        if mode == Mode.SILENT:
            await _silence(server)
        if mode == Mode.DROP:
            server.transport.abort()
        elif mode != Mode.LOSE:
            mail = message_from_bytes(envelope.original_content, policy=policy.default)
            assert isinstance(mail, EmailMessage)  # the policy's
            await self.keep(Accepted(self.account.alias, mail, list(envelope.rcpt_tos)))
        return "250 2.0.0 OK"


class _Session(SMTP):
    """aiosmtpd's session, with a greeting that depends on the provider's mode."""

    controller: SMTPServer

    async def push(self, status: str | bytes) -> None:
        text = status.decode() if isinstance(status, bytes) else status
        transport: Any = self.transport
        if text.startswith("220 "):
            try:
                mode = await self.controller.mode()
                if mode == Mode.SILENT:
                    await _silence(self)
            except asyncio.CancelledError:  # the client left, and aiosmtpd leaves the socket open
                transport.close()
                raise
            if mode == Mode.REFUSE:
                await super().push(DOWN)
                transport.close()
                return
        await super().push(text)


async def _silence(server: Any) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(SILENT_SECONDS)
    server.transport.abort()  # or the server could not stop
