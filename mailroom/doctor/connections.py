"""Does each provider answer, and does it know us? No mail is sent."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import requests
from django.conf import settings
from django.core.mail import mailers

from mailroom.addresses import address_key
from mailroom.bounces.mailbox import opened, urls
from mailroom.config.channels import channel_options, channels, children, providers_of
from mailroom.config.schemes import ANYMAIL
from mailroom.config.urls import mailbox_at
from mailroom.delivery.transport import mailer_for
from mailroom.doctor.findings import (
    LONGEST_SECONDS,
    Finding,
    Judgement,
    Means,
    Status,
    examination,
    start_together,
)
from mailroom.models import MailAccount
from mailroom.outcomes import describe

SMTP_MODULE = "mailroom.backends.smtp."
RENEW = timedelta(days=14)
SECONDS = LONGEST_SECONDS - 1  # for the calls of one examination


class Call(NamedTuple):
    """A call that changes nothing and shows whether the key is good: path, headers, user."""

    path: str
    headers: Callable[[Any], dict[str, str]] = lambda mailer: {}
    auth: Callable[[Any], tuple[str, str] | None] = lambda mailer: None


# By Anymail's module name; paths stand behind the backend's own API address.
CALLS = {
    "brevo": Call("account", lambda m: {"api-key": m.api_key}),
    "mailersend": Call("api-quota", lambda m: {"Authorization": f"Bearer {m.api_token}"}),
    "mailgun": Call("domains?limit=1", auth=lambda m: ("api", m.api_key)),
    "mailjet": Call("../v3/REST/myprofile", auth=lambda m: (m.api_key, m.secret_key)),
    "postmark": Call("server", lambda m: {"X-Postmark-Server-Token": m.server_token}),
    "resend": Call("domains", lambda m: {"Authorization": f"Bearer {m.api_key}"}),
    "sendgrid": Call("scopes", lambda m: {"Authorization": f"Bearer {m.api_key}"}),
    "sparkpost": Call("account", lambda m: {"Authorization": m.api_key}),
}


@examination("providers", asks_outside=True)
def examine_providers(means: Means) -> Iterator[Finding]:
    """Connect to each provider in MAILERS that can be connected to."""
    aliases = [alias for alias in settings.MAILER_URLS if not children(alias)]
    calls = {alias: partial(_provider, alias, means) for alias in aliases}
    for alias, answer in zip(calls, _answers(calls), strict=True):
        yield Finding("providers", alias, *answer)


@examination("mailboxes to read", asks_outside=True)
def mailboxes(means: Means) -> Iterator[Finding]:
    """Sign in to each mailbox that bounces and requests to unsubscribe are read from."""
    calls = {_named(url): partial(_mailbox, url, means) for url in urls()}
    for name, answer in zip(calls, _answers(calls), strict=True):
        yield Finding("mailboxes to read", name, *answer)


@examination("mail accounts")
def mail_accounts(means: Means) -> Iterator[Finding]:
    """Connect to each active mail account: with its credentials, and to where it may be."""
    accounts = list(MailAccount.objects.all())
    # Built here: the threads do not use the database.
    calls = {
        one.alias: partial(_account, mailer_for(one.alias), one, means)
        for one in accounts
        if one.active
    }
    found = _answers(calls)
    for one in accounts:
        answer = next(found) if one.active else (Status.SKIPPED, "is deactivated")
        yield Finding("mail accounts", f"{one.alias} {one.name}", *answer)


def _answers(calls: Mapping[str, Callable[[], Judgement]]) -> Iterator[Judgement]:
    """What each call finds; they run at the same time."""
    running = start_together({name: partial(_or_failed, calls[name]) for name in calls}, SECONDS)
    for name in calls:
        yield running.result(name, (Status.FAILED, "it does not answer in time"))


def _or_failed(call: Callable[[], Judgement]) -> Judgement:
    try:
        return call()
    except Exception as error:  # noqa: BLE001  (whatever is wrong is what is asked for)
        return Status.FAILED, describe(error)


def _provider(alias: str, means: Means) -> Judgement:
    entry = mailers.settings[alias]
    backend = entry.get("OPTIONS", {}).get("backend", entry["BACKEND"])
    mailer: Any = mailers[alias]
    if backend.startswith("anymail."):
        return _api(mailer, backend, means)
    if not backend.startswith(SMTP_MODULE):
        return Status.SKIPPED, "nothing to connect to"
    mailer.timeout = min(mailer.timeout or means.timeout, means.timeout)
    try:
        mailer.open()
        return _session(mailer, _senders(alias))
    finally:
        mailer.close()


def _account(mailer: Any, account: MailAccount, means: Means) -> Judgement:
    mailer.timeout = means.timeout
    try:
        mailer.open_as(account)
        if account.kind == "smtp":
            status, words = _session(mailer.inner, [address_key(account.from_email)])
            if account.options.get("security") == "none":  # of this machine: no other is allowed
                status = Status.OK if status is Status.WARNING else status
        else:
            status, words = _api(mailer.inner.make(), ANYMAIL[account.kind].backend, means)
        return status, mailer.without_secrets(words)
    finally:
        mailer.close()


def _session(mailer: Any, senders: list[str]) -> Judgement:
    """TLS with the certificate verified, AUTH, MAIL FROM. mailer: an SMTP backend that is open."""
    connection = mailer.connection
    connection.ehlo_or_helo_if_needed()
    certificate: Any = getattr(connection.sock, "getpeercert", dict)()
    words = "answers" + (", AUTH is good" if mailer.username else "")
    for sender in senders:
        code, reply = connection.mail(sender)
        connection.rset()
        if code >= 400:
            text = f"{code} {reply.decode(errors='replace')}"[:200]
            if not mailer.username and (code == 530 or connection.has_extn("auth")):
                return Status.FAILED, f"it asks for a user and password: {text}"
            return Status.FAILED, f"it refuses MAIL FROM <{sender}>: {text}"
    if not isinstance(connection.sock, ssl.SSLSocket):
        return Status.WARNING, f"{words}, without TLS: everybody on the way can read along"
    return _certificate(certificate or {}, words)


def _senders(alias: str) -> list[str]:
    """The envelope senders of what goes out by a provider."""
    if settings.MAIL_BOUNCE_ADDRESS:
        return [settings.MAIL_BOUNCE_ADDRESS]
    own = settings.MAILER_SENDERS.get(alias)
    used = [channel_options(one).from_email for one in channels() if alias in providers_of(one)]
    return sorted({address_key(one) for one in ([own] if own else used) if "@" in one})


def _certificate(certificate: Any, words: str) -> Judgement:
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    until = f"{words}; its certificate is good until {end:%Y-%m-%d}"
    return (Status.WARNING if end - datetime.now(UTC) < RENEW else Status.OK), until


def _mailbox(url: str, means: Means) -> Judgement:
    where = mailbox_at(url)
    try:
        with opened(where, means.timeout) as mailbox:
            sock = mailbox.client.sock
            certificate: Any = getattr(sock, "getpeercert", dict)()
    except ImportError:
        return Status.FAILED, "cannot be read: install the extra, django-mailroom[bounces]"
    except Exception as error:  # noqa: BLE001  (a server may repeat what it was given)
        return Status.FAILED, describe(error).replace(where.password, "***")
    if not isinstance(sock, ssl.SSLSocket):
        return Status.WARNING, "can be read, without TLS: everybody on the way can read along"
    return _certificate(certificate or {}, "can be read")


def _named(url: str) -> str:
    try:
        return str(mailbox_at(url))
    except ValueError:
        return "MAIL_BOUNCE_URL"


def _api(mailer: Any, path: str, means: Means) -> Judgement:
    name = path.split(".")[2]
    if name == "amazon_ses":
        return _ses(mailer)
    if name not in CALLS:
        return Status.SKIPPED, "its API has no call known to be harmless"
    call = CALLS[name]
    try:
        answer = requests.get(
            mailer.api_url + call.path,
            headers=call.headers(mailer),
            auth=call.auth(mailer),
            timeout=means.timeout,
        )
    except requests.RequestException as error:
        return Status.FAILED, f"its API does not answer: {type(error).__name__}"
    return _verdict(answer)


def _verdict(answer: requests.Response) -> Judgement:
    if answer.status_code < 300:
        return Status.OK, "its API knows the key"
    if "restricted" in answer.text[:500]:  # Resend's keys that may send and nothing else
        return Status.OK, "its API knows the key, which may only send"
    if answer.status_code in {401, 403}:
        return Status.FAILED, f"its API refuses the key ({answer.status_code})"
    return Status.WARNING, f"its API answers {answer.status_code} to a harmless call"


def _ses(mailer: Any) -> Judgement:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  (SES has it)

    try:
        mailer.open()
        account = mailer.client.get_account()
    except (ClientError, BotoCoreError) as error:
        return Status.FAILED, f"SES: {error}"
    finally:
        mailer.close()
    if not account.get("SendingEnabled", True):
        return Status.FAILED, "SES has paused sending for this account"
    if not account.get("ProductionAccessEnabled", True):
        return Status.WARNING, "SES: a sandbox account sends to verified addresses alone"
    return Status.OK, "SES knows the account, sending is enabled"
