"""Can the world reach what mailbox providers and mail providers post to?"""

from collections.abc import Iterator

import requests

from mailroom.doctor.findings import Finding, Means, Status, examination
from mailroom.messages.links import public_url
from mailroom.webhooks.providers import configured
from mailroom.webhooks.views import REFUSED


@examination("webhooks", asks_outside=True)
def webhooks(means: Means) -> Iterator[Finding]:
    """An unsigned post must be refused, by us and not by something before us."""
    names = configured()
    if not names:
        words = "no provider reports by webhook: bounces go unnoticed"
        yield Finding("webhooks", "", Status.SKIPPED, words)
    for name in names:
        status, words = posted(public_url("mail_webhook", name), {}, 400, REFUSED, means)
        yield Finding("webhooks", name, status, words)


def posted(
    url: str, data: dict[str, str], wanted: int, text: str, means: Means
) -> tuple[Status, str]:
    """Post to one of our own addresses, by the way the world takes; what came of it.

    wanted, text: how we answer. Another site's server, or a page for everything, has other words.
    """
    try:
        answer = requests.post(url, data, timeout=means.timeout, allow_redirects=False)
    except requests.exceptions.SSLError:
        return Status.FAILED, "its certificate is not good"
    except requests.RequestException as error:
        return Status.FAILED, f"not reached: {type(error).__name__}"
    if answer.status_code == wanted:
        if answer.text != text:
            return Status.FAILED, "answered by something else than this site"
        return Status.OK, f"reached, answers {answer.status_code} as it should"
    if 300 <= answer.status_code < 400:
        where = answer.headers.get("Location", "")[:100]
        return Status.FAILED, f"redirects to {where}: a post does not follow"
    return Status.FAILED, f"answers {answer.status_code}, not {wanted}"
