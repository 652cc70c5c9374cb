"""The headers, text and size of the last mail of each type, against what its class asks for."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from django.conf import settings

from mailroom.doctor.findings import Finding, Means, Status, examination
from mailroom.message_types import MessageType
from mailroom.messages.merge_fields import shown
from mailroom.models import Message

LARGEST_HTML = 100_000  # bytes of HTML: Gmail cuts off at 102 kB, unsubscribe link and all


@examination("headers")
def headers(means: Means) -> Iterator[Finding]:
    for name, row in settings.MESSAGE_TYPES.items():
        message = Message.objects.filter(type=name).order_by("-pk").first()
        if message is None:
            yield Finding("headers", name, Status.SKIPPED, "none has been sent yet")
            continue
        faults = [*header_faults(row, message.headers), *_content_faults(message)]
        status = Status.FAILED if faults else Status.OK
        yield Finding("headers", name, status, "; ".join(faults) or "as its class asks")


def header_faults(row: MessageType, found: Mapping[str, str]) -> list[str]:
    """What is missing or wrong in the headers of a mail of a type.

    RFC 3834 (Auto-Submitted), RFC 8058 (one click), RFC 2919 (List-Id); Google and Yahoo ask bulk
    senders for the second.
    """
    faults = [] if found.get("Feedback-ID", "").count(":") == 3 else ["no Feedback-ID of 4 parts"]
    if not row.bulk:
        if not found.get("Auto-Submitted", "").startswith("auto-"):
            faults.append("no Auto-Submitted: absence notices will answer it")
        faults += [
            f"{name} on email that can't be unsubscribed from"
            for name in found
            if _is_way_out(name)
        ]
        return faults
    links = [urlsplit(part.strip(" <>")) for part in found.get("List-Unsubscribe", "").split(",")]
    # The link itself is filled in for each reader.
    if not any(link.scheme in {"http", "https"} or shown(link.path) for link in links):
        faults.append("no List-Unsubscribe")
    if found.get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click":
        faults.append("no List-Unsubscribe-Post: no button to leave by one click")
    if not found.get("List-Id"):
        faults.append("no List-Id: mail programs cannot sort it")
    if "Precedence" not in found and "Auto-Submitted" not in found:
        faults.append("neither Precedence nor Auto-Submitted: absence notices will answer it")
    return faults


def _is_way_out(name: str) -> bool:
    return name.lower().startswith("list-unsubscribe") or name.lower() == "precedence"


def _content_faults(message: Message) -> Iterator[str]:
    if message.erased_at:
        return
    if not message.body.strip():
        yield "no text part: some filters take it for spam"
    for content, kind in message.content.get("alternatives", []):
        if kind == "text/html" and len(str(content).encode()) > LARGEST_HTML:
            yield f"HTML of {len(str(content).encode()) // 1000} kB: Gmail cuts it off"
