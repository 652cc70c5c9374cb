"""Reads a page as a browser does, and says what in it could run."""

from html.parser import HTMLParser

LINKS = {"href", "src", "action", "formaction", "data", "xlink:href"}
RUNS = ("javascript:", "vbscript:", "data:text", "data:image/svg")
OURS = ("/static/", "/admin/jsi18n/")
FOREIGN = {"object", "embed", "base", "applet"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        ours = named.get("src", "").startswith(OURS) or "json" in named.get("type", "")
        if tag in FOREIGN or (tag == "script" and not ours) or "srcdoc" in named:
            self.found.append(f"<{tag} {named}>")
        for name, value in named.items():
            plain = "".join(value.split()).lower()
            if name.startswith("on") or (name in LINKS and plain.startswith(RUNS)):
                self.found.append(f"<{tag} {name}={value}>")


def what_runs(html: str) -> list[str]:
    """The tags and attributes of a page that are not the site's own and could run something."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.found
