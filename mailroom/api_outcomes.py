"""Outcomes of mail APIs: HTTP answers, and what requests, botocore and Anymail raise.

botocore is looked for only where one of its errors was raised: it need not be installed.
"""

from collections.abc import Mapping
from email.utils import parseaddr
from typing import Any
from urllib.error import HTTPError

import requests
from anymail.exceptions import AnymailAPIError, AnymailCancelSend, AnymailRecipientsRefused
from django.core.mail import EmailMessage

from mailroom.outcomes import Fault, Outcome, Verdict

HTTP_ACCOUNT = {401, 402, 403}
# Postmark says 422 for all that it refuses; these of its error codes speak of the account: sender
# not found, not confirmed, no credits, approval pending or missing.
POSTMARK_ACCOUNT = {400, 401, 405, 412, 413}
HTTP_UNKNOWN = {502, 504}  # RFC 9110 section 15.6: the gateway can't say what the origin did
HTTP_FOR_NOW = {408, 409, 423, 425, 429, 500, 503}
BOTO_FOR_NOW = {
    "TooManyRequestsException",
    "Throttling",
    "ThrottlingException",
    "LimitExceededException",
    "ServiceUnavailable",
    "InternalFailure",
}
BOTO_ACCOUNT = {
    "AccountSuspendedException",
    "SendingPausedException",
    "MailFromDomainNotVerifiedException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "ExpiredTokenException",
    "AccessDeniedException",
}
# What Anymail notes of a recipient: its documentation, "ESP send status".
RECIPIENT_VERDICTS = {
    "sent": Verdict.ACCEPTED,
    "queued": Verdict.ACCEPTED,
    "invalid": Verdict.FOR_GOOD,
    "rejected": Verdict.FOR_GOOD,
    "failed": Verdict.FOR_NOW,
}


def api_outcome(error: BaseException, text: str) -> Outcome | None:
    """The outcome that an error of an API stands for, None for one of something else.

    text: the provider's words. Any exception with a `response` that has a status is judged by it,
    as `requests.HTTPError` of a backend that calls `raise_for_status`; urllib's HTTPError too.
    """
    match error:
        case AnymailCancelSend() | AnymailRecipientsRefused():
            return Outcome(Verdict.FOR_GOOD, text, fault=Fault.MESSAGE)
        case AnymailAPIError() if not isinstance(error.response, requests.Response):
            return _without_answer(error.__cause__ or error, text) or Outcome(
                Verdict.UNKNOWN, text, fault=Fault.TRANSPORT
            )
        case HTTPError():
            return http_answer(error.code, text, dict(error.headers))
    response: Any = getattr(error, "response", None)
    if isinstance(getattr(response, "status_code", None), int):  # an answer, readable or not
        return _answer(response, text)
    return _without_answer(error, text)


def _answer(response: requests.Response, text: str) -> Outcome:
    if response.status_code == 422 and _postmark_code(response) in POSTMARK_ACCOUNT:
        return Outcome(Verdict.FOR_NOW, text, fault=Fault.ACCOUNT)
    return http_answer(response.status_code, text, response.headers)


def _postmark_code(response: requests.Response) -> int | None:
    try:
        code: int = response.json()["ErrorCode"]
    except (ValueError, KeyError, TypeError):
        return None
    return code


def http_answer(status: int, text: str, headers: Mapping[str, str]) -> Outcome:
    """The outcome of an HTTP answer that was not a plain success."""
    if status in HTTP_ACCOUNT:
        return Outcome(Verdict.FOR_NOW, text, fault=Fault.ACCOUNT)
    if status in HTTP_FOR_NOW:
        fault = Fault.TRANSPORT if status >= 500 else Fault.NONE
        wait = _seconds(headers.get("Retry-After", ""))
        return Outcome(Verdict.FOR_NOW, text, retry_after=wait, fault=fault)
    if status in HTTP_UNKNOWN or status < 300 or status >= 500:  # 2xx with an unreadable body too
        return Outcome(Verdict.UNKNOWN, text, fault=Fault.TRANSPORT)
    return Outcome(Verdict.FOR_GOOD, text, fault=Fault.MESSAGE)


def _seconds(text: str) -> float | None:
    """Retry-After in seconds (RFC 9110 section 10.2.3); its date form is left to our backoff."""
    return float(text) if text.isdecimal() else None


def _without_answer(error: BaseException, text: str) -> Outcome | None:
    match error:
        case requests.RequestException():
            return _requests(error, text)
        case AnymailAPIError():  # there was an answer that nobody understands
            return Outcome(Verdict.UNKNOWN, text, fault=Fault.TRANSPORT)
    if any(kind.__module__.startswith("botocore.") for kind in type(error).__mro__):
        return _boto(error, text)
    return None


def _requests(error: requests.RequestException, text: str) -> Outcome:
    never_connected = (requests.ConnectTimeout, requests.exceptions.SSLError)
    if isinstance(error, never_connected) or _could_not_connect(error):
        return Outcome(Verdict.FOR_NOW, text, fault=Fault.TRANSPORT)
    if isinstance(error, ValueError):  # an impossible URL or header: api_url or the key
        return Outcome(Verdict.FOR_NOW, text, fault=Fault.ACCOUNT)
    return Outcome(Verdict.UNKNOWN, text, fault=Fault.TRANSPORT)  # the answer was lost or cut short


def _could_not_connect(error: requests.RequestException) -> bool:
    """urllib3 tells a connection that was never made from one that was lost with the answer."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return type(reason).__name__ in {"NewConnectionError", "NameResolutionError"}


def _boto(error: BaseException, text: str) -> Outcome:
    from botocore import exceptions as boto

    match error:
        case boto.ClientError():
            return _boto_answer(error.response, text)
        case boto.ConnectionError():  # never made; a lost one is an HTTPClientError
            return Outcome(Verdict.FOR_NOW, text, fault=Fault.TRANSPORT)
        case boto.HTTPClientError() | boto.IncompleteReadError():
            return Outcome(Verdict.UNKNOWN, text, fault=Fault.TRANSPORT)
        case boto.ParamValidationError():
            return Outcome(Verdict.FOR_GOOD, text, fault=Fault.MESSAGE)
        case boto.BotoCoreError():  # credentials, region, endpoint: the mailer is set up wrongly
            return Outcome(Verdict.FOR_NOW, text, fault=Fault.ACCOUNT)
    # Its parser's: there was an answer that nobody understands.
    return Outcome(Verdict.UNKNOWN, text, fault=Fault.TRANSPORT)


def _boto_answer(response: Mapping[str, Any], text: str) -> Outcome:
    code = response.get("Error", {}).get("Code", "")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    # SES rejects a message for its content or, in the same code, for a sender that it doesn't know.
    is_our_sender = code == "MessageRejected" and "is not verified" in text
    if code in BOTO_ACCOUNT or is_our_sender:
        return Outcome(Verdict.FOR_NOW, text, fault=Fault.ACCOUNT)
    if code in BOTO_FOR_NOW:
        return Outcome(Verdict.FOR_NOW, text)
    return http_answer(status, text, {})


def recipient_outcomes(message: EmailMessage) -> dict[str, Outcome]:
    """What Anymail noted on a message: the outcome by bare address in lower case, if any."""
    status = getattr(message, "anymail_status", None)
    recipients = getattr(status, "recipients", None) or {}
    return {
        parseaddr(address)[1].lower(): Outcome(
            RECIPIENT_VERDICTS.get(one.status, Verdict.UNKNOWN),
            error="" if one.status in {"sent", "queued"} else f"status {one.status}",
            provider_id=str(one.message_id or ""),
        )
        for address, one in recipients.items()
    }


def was_accepted(message: EmailMessage, error: Exception) -> bool:
    """Anymail's receivers run after the provider's answer: their errors are none of its."""
    if isinstance(error, AnymailRecipientsRefused):
        return False
    found = recipient_outcomes(message).values()
    return any(one.verdict is Verdict.ACCEPTED for one in found)
