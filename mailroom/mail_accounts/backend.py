"""The mailer of a mail account: made of its row, and made again when the row has changed."""

import io
import re
import smtplib
import ssl
from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMessage, InvalidMailer
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.module_loading import import_string

from mailroom.backends import EachBackend, smtp
from mailroom.backends.smtp.session import Connection, SecureConnection
from mailroom.backends.smtp.transaction import Reply
from mailroom.bulk.batch_api import BATCH_CALLS
from mailroom.config.hosts import connect_to_host, sandbox_urls
from mailroom.config.schemes import ANYMAIL, SMTP_TIMEOUT_SECONDS
from mailroom.delivery.transport import pool_of
from mailroom.masking import pattern
from mailroom.models import MailAccount
from mailroom.models.mail_account import REGIONS
from mailroom.outcomes import Fault, Outcome, classify

SMTP_PATH = f"{__name__}.CheckedEmailBackend"
NO_CONNECTION = "The connection to the mail server failed."


class EmailBackend(EachBackend):
    """Sends through the account that `alias` stands for.

    Each `open` looks whether the account was changed: new credentials are used from the next window
    on. Errors hold no credentials, and of the connection only what the server replied.
    """

    def __init__(self, *, alias: str) -> None:
        super().__init__(alias=alias)
        self._alias = alias
        self.timeout: float = SMTP_TIMEOUT_SECONDS
        self._mailer: Any = None
        self._opened: MailAccount | None = None
        self._secrets: re.Pattern[str] | None = None
        path = backend_path(alias)
        pool = pool_of(path)
        self.takes_bytes = path == SMTP_PATH or bool(pool and pool.takes_raw(path))
        self.takes_values = path in BATCH_CALLS

    @property
    def account(self) -> MailAccount:
        """The account's row, as it was when it was opened. Raises as `open` does."""
        if self._opened is None:
            self.open()
        assert self._opened
        return self._opened

    def open(self) -> bool:
        """Open it, anew where the account has changed.

        Raises InvalidMailer where it is deactivated or was deleted, ImproperlyConfigured where its
        credentials can't be decrypted, and what its server refuses the connection with.
        """
        return self.open_as(MailAccount.objects.by_alias(self._alias))

    def open_as(self, account: MailAccount | None) -> bool:
        """Open it as an account's row says, without asking the database. Raises as `open` does."""
        if account is None or not account.active:
            self.close()
            reason = "is deactivated" if account else "was deleted"
            raise InvalidMailer(f"The mail account {reason}.", alias=self._alias)
        if self._opened is None or _changes(account) != _changes(self._opened):
            self.close()
            secrets = account.secrets()
            user = account.options.get("username", "")
            self._secrets = pattern(map(str, secrets.values()), [user])
            self._mailer, self._opened = build_backend(account, secrets, self.timeout), account
        try:
            return bool(self._mailer.open())
        except Exception as error:  # noqa: BLE001  (raised again, without what it must not say)
            raise self._cleared(error) from None

    @property
    def inner(self) -> Any:
        """The backend that the account's row describes, once it is open."""
        return self._mailer

    def close(self) -> None:
        mailer, self._mailer, self._opened = self._mailer, None, None
        if mailer is not None:
            mailer.close()

    def send_each(self, email_messages: Sequence[EmailMessage]) -> list[Exception | None]:
        if self._mailer is None:
            try:
                self.open()
            except Exception as refused:  # noqa: BLE001  (it is classified)
                return [refused] * len(email_messages)
        known: dict[int, Exception] = {}  # one error may stand for many messages: it stays one
        errors: list[Exception | None] = []
        for error in self._mailer.send_each(email_messages):
            if error is not None and id(error) not in known:
                known[id(error)] = self._cleared(error)
            errors.append(error and known[id(error)])
        for message in email_messages:
            if outcomes := getattr(message, "outcomes", None):
                message.outcomes = {  # type: ignore[attr-defined]
                    one: outcome._replace(error=self.without_secrets(outcome.error))
                    for one, outcome in outcomes.items()
                }
        return errors

    def _cleared(self, error: Exception) -> Exception:
        """The error without credentials, a traceback, and what it says about the network."""
        error.__traceback__ = error.__context__ = None
        if isinstance(error.__cause__, Exception):
            self._cleared(error.__cause__)
        response: Any = getattr(error, "response", None)
        if hasattr(response, "iter_content"):  # of requests, which need not be installed
            content = self.without_secrets(_text(response.content)).encode()
            cleared = _with_content(response, content)
            cleared.reason = self.without_secrets(_text(response.reason or ""))
            error.response = cleared  # type: ignore[attr-defined]
        elif own := _unanswered(error):  # the client's words are about this site's network
            error.outcome = own  # type: ignore[attr-defined]
        if isinstance(own := getattr(error, "outcome", None), Outcome):
            error.outcome = own._replace(error=self.without_secrets(own.error))  # type: ignore[attr-defined]
        match error:
            case smtplib.SMTPResponseException():
                error.smtp_error = self.without_secrets(_text(error.smtp_error)).encode()
            case smtplib.SMTPRecipientsRefused():
                error.recipients = {
                    one: (code, self.without_secrets(_text(words)).encode())
                    for one, (code, words) in error.recipients.items()
                }
                error.args = (error.recipients,)
            case ssl.SSLCertVerificationError():
                _say(error, f"The server's certificate was refused: {error.verify_message}.")
            case smtplib.SMTPException():
                pass
            case OSError() if error.errno is not None:
                _say(error, NO_CONNECTION)
        error.args = tuple(
            self.without_secrets(_text(one)) if isinstance(one, str | bytes) else one
            for one in error.args
        )
        return error

    def without_secrets(self, text: str) -> str:
        """The text with *** in place of the account's credentials."""
        return self._secrets.sub("***", text) if self._secrets else text


def backend_path(alias: str) -> str:
    """The dotted path of the backend behind an account's alias, "" where it was deleted."""
    account = MailAccount.objects.by_alias(alias)
    if account is None:
        return ""
    return SMTP_PATH if account.kind == "smtp" else ANYMAIL[account.kind].backend


def build_backend(
    account: MailAccount, secrets: dict[str, str], timeout: float = SMTP_TIMEOUT_SECONDS
) -> BaseEmailBackend:
    """The backend that an account's row describes. timeout: seconds, for SMTP."""
    plain = account.options
    if account.kind == "smtp":
        security = {"starttls": {"use_tls": True}, "tls": {"use_ssl": True}}
        return CheckedEmailBackend(
            alias=account.alias,
            host=plain["host"],
            port=int(plain["port"]),
            username=plain.get("username") or None,
            password=secrets.get("password"),
            timeout=timeout,
            **security.get(plain["security"], {}),
        )
    kind = ANYMAIL[account.kind]
    options = {name: value for name, value in plain.items() if name != "region"} | secrets
    if url := REGIONS.get(account.kind, {}).get(plain.get("region", "")):
        options["api_url"] = url
    if url := sandbox_urls().get(account.kind):
        options["api_url"] = url
    arranged = kind.arrange(options)

    def make() -> BaseEmailBackend:
        backend: BaseEmailBackend = import_string(kind.backend)(alias=account.alias, **arranged)
        return backend

    from mailroom.backends.anymail_pool import CallsBackend  # noqa: PLC0415  (the extra)

    return CallsBackend(account.alias, kind.backend, make)


def _changes(account: MailAccount) -> tuple[object, ...]:
    """What differs once somebody saved the account, also where two did at once."""
    return account.version, account.changed_at


def _unanswered(error: Exception) -> Outcome | None:
    """The outcome of a call of an API that got no answer, None for any other error."""
    told_by = error, error.__cause__
    if not error.__cause__ or any(getattr(one, "response", None) is not None for one in told_by):
        return None
    outcome = classify(error)
    is_call = type(error).__module__.startswith("anymail.")
    is_lost = is_call and outcome.fault is Fault.TRANSPORT
    return outcome._replace(error=NO_CONNECTION) if is_lost else None


def _say(error: OSError, words: str) -> None:
    error.errno = error.strerror = None
    error.args = (words,)


def _with_content(response: Any, content: bytes) -> Any:
    """A response of requests with another content."""
    changed = type(response)()
    changed.status_code, changed.reason = response.status_code, response.reason
    changed.headers, changed.url = response.headers, response.url
    changed.encoding, changed.raw = response.encoding, io.BytesIO(content)
    return changed


def _text(words: str | bytes) -> str:
    return words.decode(errors="replace") if isinstance(words, bytes) else words


# -- An SMTP backend that connects to checked addresses ---------------------------------------


class _CheckedConnection(Connection):
    def connect(self, host: str = "", port: int = 0, source_address: Any = None) -> Reply:
        """As smtplib's, to an address that was checked; the server's greeting."""
        self.sock, self.file = connect_to_host(host, port, self.seconds), None
        return self.getreply()


class _CheckedSecureConnection(SecureConnection):
    def connect(self, host: str = "", port: int = 0, source_address: Any = None) -> Reply:
        sock = connect_to_host(host, port, self.seconds)
        self.sock, self.file = self.context.wrap_socket(sock, server_hostname=host), None
        return self.getreply()


class CheckedEmailBackend(smtp.EmailBackend):
    """The SMTP backend for hosts that strangers choose. TLS verifies the host's name."""

    @property
    def connection_class(self) -> Any:
        return _CheckedSecureConnection if self.use_ssl else _CheckedConnection
