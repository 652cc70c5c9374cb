"""Read a page as a browser with a strict policy would."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """Collects links, visible text, and whatever a policy without 'unsafe-inline' would block.

    html: the page; `text` is its text outside of scripts, spaces collapsed.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.blocked: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.blocked += [f"{tag} {name}" for name in values if name == "style" or name[:2] == "on"]
        if tag == "style" or (tag == "script" and not values.get("src") and not _is_data(values)):
            self.blocked.append(tag)
        if tag == "a":
            self.links.append(values.get("href", ""))
        if tag in ("script", "img", "iframe") and values.get("src"):
            self.loads.append(values["src"])
        if tag == "link":
            self.loads.append(values["href"])

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _is_data(values: dict[str, str]) -> bool:
    return values.get("type") == "application/json"
