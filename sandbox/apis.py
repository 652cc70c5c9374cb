"""An HTTP server that speaks the sending APIs of Postmark and Mailgun as Anymail uses them."""

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import formatdate, getaddresses, parseaddr
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

from sandbox.accounts import Account
from sandbox.behaviour import RETRY_AFTER_SECONDS, SILENT_SECONDS, SLOW_SECONDS, Mode, persona
from sandbox.inbox import Accepted
from sandbox.webhooks import Poster, course

VARIABLE = re.compile(r"%recipient\.([^%]+)%")
DOMAIN_PATH = re.compile(r".*/([^/]+)/messages")
# https://postmarkapp.com/developer/api/overview#error-codes
BAD_TOKEN, INVALID_JSON, INVALID_EMAIL, OUT_OF_CREDITS, INACTIVE, TOO_MANY = (
    *(10, 402, 300),
    *(405, 406, 410),
)
POSTMARK_BATCH, POSTMARK_RECIPIENTS, MAILGUN_RECIPIENTS = 500, 50, 1000


class ApiCall(NamedTuple):
    """A request that was made, for tests to look at."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, list[str]]:
        """The fields of a form, urlencoded or multipart; files are left out."""
        return _form(self)[0]


@dataclass
class Answer:
    """What is said to a call. accepted: emails that leave once it was said."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    accepted: list[tuple[EmailMessage, list[str], str, dict[str, str]]] = field(
        default_factory=list
    )


class LocalServer(ThreadingHTTPServer):
    """An HTTP server on 127.0.0.1 that runs in a thread inside `with`, and keeps what was asked.

    handler: answers the requests, and appends to `calls`. port: 0 for a free one.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, handler: type[BaseHTTPRequestHandler], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.calls: list[ApiCall] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class APIServer(LocalServer):
    """Serves accounts at Postmark and Mailgun on 127.0.0.1, all on one port.

    accounts: told apart by their kind and key, and by Mailgun's domain in the path.
    mode_of: how the provider of an alias behaves at the moment.
    keep: called with each email that was accepted and not lost.
    poster: posts the webhooks. more: asked for the accounts again when a key is not known.
    """

    def __init__(
        self,
        accounts: Sequence[Account],
        *,
        port: int = 0,
        mode_of: Callable[[str], Mode] = lambda alias: Mode.WORKS,
        keep: Callable[[Accepted], None] = lambda accepted: None,
        poster: Poster | None = None,
        more: Callable[[], Sequence[Account]] = lambda: (),
    ) -> None:
        super().__init__(_Handler, port)
        self.accounts = list(accounts)
        self.mode_of = mode_of
        self.keep = keep
        self.poster = poster
        self.more = more

    def account(self, call: ApiCall) -> Account | Answer:
        """The account that a call is for, or how it is refused."""
        headers = {name.lower(): value for name, value in call.headers.items()}
        if domain := DOMAIN_PATH.fullmatch(call.path):
            own = [one for one in self.accounts if one.kind == "mailgun" and one.key]
            key = _basic_password(headers.get("authorization", ""))
            if not (mine := [one for one in own if one.key == key]):
                return Answer(401, {"message": "Invalid private key"})
            name = unquote(domain[1])
            for one in mine:
                if one.domain == name:
                    return one
            return Answer(404, {"message": f"Domain not found: {name}"})
        if call.path.endswith(("/email", "/email/batch")):
            token = headers.get("x-postmark-server-token", "")
            for one in self.accounts:
                if one.kind == "postmark" and token and one.key == token:
                    return one
            text = "Request does not contain a valid Server token."
            return Answer(401, {"ErrorCode": BAD_TOKEN, "Message": text})
        return Answer(404, {"message": "The sandbox does not know this address."})

    def answer(self, account: Account, mode: Mode, call: ApiCall) -> Answer:
        """What a provider that is asked for something by its customer says to it."""
        if account.kind == "postmark":
            return _down(mode) or _postmark(mode, call)
        return _down(mode) or _mailgun(account, mode, call)

    def deliver(self, account: Account, answer: Answer) -> None:
        """Deliver what was accepted to the recipients whose mailboxes take it."""
        for mail, recipients, _message_id, _metadata in answer.accepted:
            reached = [one for one in recipients if persona(one) not in {"bounce", "soft-bounce"}]
            if reached:
                self.keep(Accepted(account.alias, mail, reached))

    def report(self, account: Account, answer: Answer) -> None:
        """Post the webhooks that tell what became of each recipient's email."""
        if self.poster is None:
            return
        for _mail, recipients, message_id, metadata in answer.accepted:
            for one in recipients:
                about = {"address": one, "message_id": message_id, "metadata": metadata}
                self.poster.report(account, course(account.kind, persona(one), **about))


class _Handler(BaseHTTPRequestHandler):
    server: APIServer

    def do_POST(self) -> None:
        self.close_connection = True
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        call = ApiCall(self.path.partition("?")[0], dict(self.headers), body)
        self.server.calls.append(call)
        account = self.server.account(call)
        if isinstance(account, Answer) and account.status == 401:
            known = {one.alias for one in self.server.accounts}
            new = [one for one in self.server.more() if one.alias not in known]
            self.server.accounts += [one for one in new if one.port == self.server.server_port]
            account = self.server.account(call)
        if isinstance(account, Answer):
            return self._say(account)
        mode = self.server.mode_of(account.alias)
        if mode in {Mode.SLOW, Mode.SILENT}:
            time.sleep(SLOW_SECONDS if mode == Mode.SLOW else SILENT_SECONDS)
        if mode in {Mode.SILENT, Mode.DROP}:
            return None
        answer = self.server.answer(account, mode, call)
        if mode == Mode.LOSE:
            return self._say(answer)
        self.server.deliver(account, answer)
        self._say(answer)
        return self.server.report(account, answer)

    def _say(self, answer: Answer) -> None:
        text = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(text))}
        for name, value in (headers | answer.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: object) -> None:
        """Say nothing on stderr."""


def _down(mode: Mode) -> Answer | None:
    """What any HTTP API says when it can't or won't work for anybody."""
    if mode == Mode.REFUSE:
        return Answer(503, {"message": "Service unavailable", "Message": "Service unavailable"})
    if mode == Mode.BUSY:
        return _rate_limited()
    return None


def _rate_limited() -> Answer:
    text = "Too many requests"
    wait = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return Answer(429, {"message": text, "Message": text}, wait)


# -- Postmark: https://postmarkapp.com/developer/api/email-api -------------------------------------


def _postmark(mode: Mode, call: ApiCall) -> Answer:
    is_batch = call.path.endswith("/batch")
    try:
        given = call.json
    except ValueError:
        return _postmark_error(INVALID_JSON, "Received invalid JSON input.")
    emails = given if is_batch else [given]
    if not isinstance(emails, list) or not all(isinstance(one, dict) for one in emails):
        return _postmark_error(INVALID_JSON, "Received JSON input of another shape.")
    if len(emails) > POSTMARK_BATCH:
        return _postmark_error(TOO_MANY, f"Batches hold up to {POSTMARK_BATCH} messages.")
    if "rate-limited" in {persona(a) for one in emails for a in _people(one, "To", "Cc", "Bcc")}:
        return _rate_limited()
    said = [_postmark_one(mode, one) for one in emails]
    accepted = [one for answer in said for one in answer.accepted]
    if is_batch:
        return Answer(200, [one.body for one in said], accepted=accepted)
    return said[0]


def _postmark_one(mode: Mode, told: dict[str, Any]) -> Answer:
    if problem := _postmark_problem(told):
        return _postmark_error(INVALID_EMAIL, problem)
    everybody = _people(told, "To", "Cc", "Bcc")
    who = {address: persona(address) for address in everybody}
    if mode == Mode.QUOTA or "out-of-quota" in who.values():
        text = "Not allowed to send: you ran out of credits."
        return _postmark_error(OUT_OF_CREDITS, text)
    inactive = ", ".join(address.lower() for address in everybody if who[address] == "refused")
    why = "Inactive recipients are ones that have generated a hard bounce or a spam complaint."
    taken = [address for address in everybody if who[address] != "refused"]
    if not taken:
        text = "You tried to send to recipients that have been marked as inactive."
        return _postmark_error(INACTIVE, f"{text} Found inactive addresses: {inactive}. {why}")
    text = f"Message OK, but will not deliver to these inactive addresses: {inactive}. {why}"
    message_id = str(uuid4())
    body = {
        "To": told.get("To", ""),
        "SubmittedAt": datetime.now(UTC).isoformat(),
        "MessageID": message_id,
        "ErrorCode": 0,
        "Message": text if inactive else "OK",
    }
    metadata = {str(k): str(v) for k, v in (told.get("Metadata") or {}).items()}
    return Answer(200, body, accepted=[(_postmark_mail(told), taken, message_id, metadata)])


def _postmark_problem(told: dict[str, Any]) -> str:
    for name in ("From", "To", "Cc", "Bcc"):
        for address in _people(told, name):
            if not _is_address(address):
                return f"Invalid '{name}' address: '{address}'."
    if not _people(told, "From"):
        return "Invalid 'From' address: ''."
    if not (everybody := _people(told, "To", "Cc", "Bcc")):
        return "Zero recipients specified"
    if len(everybody) > POSTMARK_RECIPIENTS:
        return f"Up to {POSTMARK_RECIPIENTS} recipients a message."
    if not (told.get("TextBody") or told.get("HtmlBody")):
        return "Provide either email TextBody or HtmlBody or both."
    return ""


def _postmark_error(code: int, text: str) -> Answer:
    return Answer(422, {"ErrorCode": code, "Message": text})


def _postmark_mail(told: dict[str, Any]) -> EmailMessage:
    named = {"From": "From", "To": "To", "Cc": "Cc", "ReplyTo": "Reply-To", "Subject": "Subject"}
    headers = [(header, str(told[name])) for name, header in named.items() if told.get(name)]
    headers += [(one["Name"], str(one["Value"])) for one in told.get("Headers") or []]
    files = [
        (one["Name"], one["ContentType"], base64.b64decode(one["Content"]))
        for one in told.get("Attachments") or []
    ]
    return _mail(headers, told.get("TextBody") or "", told.get("HtmlBody") or "", files)


# -- Mailgun: https://documentation.mailgun.com/docs/mailgun/api-reference/openapi-final/tag/Messages


def _mailgun(account: Account, mode: Mode, call: ApiCall) -> Answer:
    form, files = _form(call)
    if problem := _mailgun_problem(form):
        return Answer(400, {"message": problem})
    addresses = _bare([text for name in ("to", "cc", "bcc") for text in form.get(name, [])])
    who = {persona(address) for address in addresses}
    if mode == Mode.QUOTA or "out-of-quota" in who:
        text = f"Domain {account.domain} is not allowed to send: its limit is reached."
        return Answer(403, {"message": text})
    if "rate-limited" in who:
        return _rate_limited()
    given = form.get("h:Message-Id", [""])[0]
    is_batch = "recipient-variables" in form
    message_id = f"<{uuid4().hex}@{account.domain}>" if is_batch or not given else given
    answer = Answer(200, {"id": message_id, "message": "Queued. Thank you."})
    if not is_batch:
        answer.accepted = [(_mailgun_mail(form, files), addresses, message_id, _custom(form))]
        return answer
    variables = json.loads(form["recipient-variables"][0])
    for name, address in _addresses(form["to"]):  # each gets an email of their own
        own = {**form, "to": [str(Address(name, addr_spec=address))]}
        own = merged(own, variables.get(address, {}))
        mail = _mailgun_mail(own, files)
        # Events name the Message-ID of the recipient's own email.
        own_id = own.get("h:Message-Id", [message_id])[0]
        answer.accepted.append((mail, [address], own_id, _custom(own)))
    return answer


def _mailgun_problem(form: dict[str, list[str]]) -> str:
    addresses = _bare([text for name in ("to", "cc", "bcc") for text in form.get(name, [])])
    if not form.get("from") or not all(map(_is_address, _bare(form["from"]))):
        return "'from' parameter is not a valid address."
    if not form.get("to"):
        return "'to' parameter is missing"
    if not all(_is_address(one) and persona(one) != "refused" for one in addresses):
        return "'to' parameter is not a valid address. please check documentation"
    if len(addresses) > MAILGUN_RECIPIENTS:
        return f"Up to {MAILGUN_RECIPIENTS} recipients a message."
    if not (form.get("text") or form.get("html")):
        return "Need at least one of 'text' or 'html' parameters"
    try:
        json.loads(form.get("recipient-variables", ["{}"])[0])
    except ValueError:
        return "'recipient-variables' is not valid JSON"
    return ""


def _custom(form: dict[str, list[str]]) -> dict[str, str]:
    return {name[2:]: values[0] for name, values in form.items() if name[:2] == "v:"}


def merged(form: dict[str, list[str]], values: dict[str, Any]) -> dict[str, list[str]]:
    """A form with one recipient's variables put in; an unknown variable stays as it is written."""

    def value(found: re.Match[str]) -> str:
        return str(values.get(found[1], found[0]))

    kept = ("to", "recipient-variables")
    return {
        name: texts if name in kept else [VARIABLE.sub(value, text) for text in texts]
        for name, texts in form.items()
        if name != "recipient-variables"
    }


def _mailgun_mail(form: dict[str, list[str]], files: list[tuple[str, str, bytes]]) -> EmailMessage:
    named = {"from": "From", "to": "To", "cc": "Cc", "subject": "Subject"}
    headers = [(named[name], ", ".join(form[name])) for name in named if form.get(name)]
    headers += [(name[2:], values[0]) for name, values in form.items() if name[:2] == "h:"]
    return _mail(headers, form.get("text", [""])[0], form.get("html", [""])[0], files)


def _form(call: ApiCall) -> tuple[dict[str, list[str]], list[tuple[str, str, bytes]]]:
    """The fields of a form, and its files as name, content type, content."""
    kind = {name.lower(): value for name, value in call.headers.items()}.get("content-type", "")
    fields: dict[str, list[str]] = {}
    files: list[tuple[str, str, bytes]] = []
    if not kind.startswith("multipart/"):
        for name, value in parse_qsl(call.body.decode(errors="replace"), keep_blank_values=True):
            fields.setdefault(name, []).append(value)
        return fields, files
    parts = BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + call.body)
    for part in parts.get_payload():
        assert not isinstance(part, str)
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if filename := part.get_filename():
            files.append((filename, part.get_content_type(), content))
        else:
            name = str(part.get_param("name", header="content-disposition"))
            fields.setdefault(name, []).append(content.decode(errors="replace"))
    return fields, files


# -- Both ------------------------------------------------------------------------------------------


def _mail(
    headers: list[tuple[str, str]], text: str, html: str, files: list[tuple[str, str, bytes]]
) -> EmailMessage:
    mail = EmailMessage()
    for name, value in headers:
        if value and name not in mail and not name.lower().startswith(("content-", "mime-")):
            mail[name] = " ".join(value.split())
    if "Message-ID" not in mail:
        mail["Message-ID"] = f"<{uuid4().hex}@sandbox.example>"
    if "Date" not in mail:
        mail["Date"] = formatdate()
    if text or not html:
        mail.set_content(text)
        if html:
            mail.add_alternative(html, subtype="html")
    else:
        mail.set_content(html, subtype="html")
    for name, kind, content in files:
        main, _, sub = kind.partition("/")
        if main == "text" or not sub:
            main, sub = "application", "octet-stream"
        mail.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return mail


def _people(told: dict[str, Any], *names: str) -> list[str]:
    return [address for name in names for address in _bare([str(told.get(name) or "")])]


def _addresses(texts: list[str]) -> list[tuple[str, str]]:
    """Names and addresses; what can't be read comes as an address, which is then none."""
    pairs = [(text, pair) for text in texts for pair in getaddresses([text])]
    return [pair if any(pair) else ("", text) for text, pair in pairs if text.strip()]


def _bare(texts: list[str]) -> list[str]:
    return [address for _, address in _addresses(texts)]


def _is_address(text: str) -> bool:
    local, at, domain = parseaddr(text)[1].rpartition("@")
    return bool(at and local) and "." in domain and " " not in text


def _basic_password(header: str) -> str:
    try:
        text = base64.b64decode(header.removeprefix("Basic ")).decode()
    except ValueError:
        return ""
    user, _, password = text.partition(":")
    return password if user == "api" else ""
