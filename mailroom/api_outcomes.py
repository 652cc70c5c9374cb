"""Outcomes of mail APIs: HTTP answers, and what requests and botocore raise."""

from collections.abc import Mapping

import requests
from anymail.exceptions import AnymailAPIError
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from mailroom.verdicts import Fault, Outcome, Verdict

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


API_ERRORS = (
    AnymailAPIError,
    requests.RequestException,
    boto.ClientError,
    boto.BotoCoreError,
    ResponseParserError,
)


def api_error(error: BaseException, text: str) -> Outcome:
    """The outcome that one of API_ERRORS stands for; text: the provider's words."""
    if isinstance(error, AnymailAPIError):
        if isinstance(error.response, requests.Response):  # an answer, readable or not
            return _answer(error.response, text)
        error = error.__cause__ or error
    match error:
        case boto.ClientError():
            return _boto(error, text)
        case boto.BotoCoreError():
            return _boto_transport(error, text)
        case requests.RequestException():
            return _requests(error, text)
    # Anymail's own, or botocore's parser's: there was an answer that nobody understands.
    return Outcome(Verdict.UNKNOWN, text, fault=Fault.TRANSPORT)


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


def _boto(error: boto.ClientError, text: str) -> Outcome:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    # SES rejects a message for its content or, in the same code, for a sender that it doesn't know.
    is_our_sender = code == "MessageRejected" and "is not verified" in text
    if code in BOTO_ACCOUNT or is_our_sender:
        return Outcome(Verdict.FOR_NOW, text, fault=Fault.ACCOUNT)
    if code in BOTO_FOR_NOW:
        return Outcome(Verdict.FOR_NOW, text)
    return http_answer(status, text, {})


def _boto_transport(error: boto.BotoCoreError, text: str) -> Outcome:
    match error:
        case boto.ConnectionError():  # never made; a lost one is an HTTPClientError
            return Outcome(Verdict.FOR_NOW, text, fault=Fault.TRANSPORT)
        case boto.HTTPClientError() | boto.IncompleteReadError():
            return Outcome(Verdict.UNKNOWN, text, fault=Fault.TRANSPORT)
        case boto.ParamValidationError():
            return Outcome(Verdict.FOR_GOOD, text, fault=Fault.MESSAGE)
    # Credentials, region, endpoint: the mailer is set up wrongly.
    return Outcome(Verdict.FOR_NOW, text, fault=Fault.ACCOUNT)
