"""The four ends of an attempt, and whose fault a refusal is."""

import enum
from typing import NamedTuple


class Verdict(enum.Enum):
    """The four outcomes of an attempt."""

    ACCEPTED = "accepted"
    FOR_NOW = "refused for now"
    FOR_GOOD = "refused for good"
    UNKNOWN = "unknown"


class Fault(enum.Enum):
    """Whose fault it is: the transport's and the account's concern the provider's breaker."""

    NONE = ""
    TRANSPORT = "transport"
    ACCOUNT = "account"
    MESSAGE = "message"
    CONTENT = "content"  # it could not be built: no provider was asked about it


class Outcome(NamedTuple):
    """One attempt's end: verdict, the provider's words, its id, seconds to wait, whose fault."""

    verdict: Verdict
    error: str = ""
    provider_id: str = ""
    retry_after: float | None = None
    fault: Fault = Fault.NONE


class OutcomeUnknown(Exception):  # noqa: N818  (named after the outcome)
    """The content was handed over and no answer came: it may have been accepted."""


class Unbuildable(Exception):  # noqa: N818  (named after the outcome)
    """A message that can't be built, and never will be. error: what was raised."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


ACCEPTED = Outcome(Verdict.ACCEPTED)
