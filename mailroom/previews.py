"""Made-up emails to look at in development, by type: each function takes a language."""

from mailroom.messages import TemplatedMessage


def _test(language: str) -> TemplatedMessage:
    """Tries one provider, on the page about all of them."""
    return TemplatedMessage(
        "mailroom.test", to=["staff@example.com"], context={"alias": "postmark"}, language=language
    )


PREVIEWS = {"mailroom.test": _test}
