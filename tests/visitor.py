"""A visitor without a browser: fills in forms as one, cookies and CSRF tokens included."""

import re
from html.parser import HTMLParser

import requests

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Visitor:
    """Keeps a session with the site at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()

    def get(self, address: str) -> requests.Response:
        return self._plain(self.session.get(self._absolute(address), timeout=30))

    def post(self, address: str, /, **fields: str) -> requests.Response:
        """Open the page, then send its form with these fields."""
        page = self.get(address)
        token = TOKEN.search(page.text)
        assert token, f"{page.url} has no form to send:\n{page.text[:2000]}"
        data = {"csrfmiddlewaretoken": token[1], **fields}
        answer = self.session.post(
            self._absolute(address), data, headers={"Referer": page.url}, timeout=30
        )
        return self._plain(answer)

    def log_in(self, email: str, password: str) -> requests.Response:
        return self.post("/accounts/login/", login=email, password=password)

    def _absolute(self, address: str) -> str:
        return address if address.startswith("http") else f"{self.url}{address}"

    @staticmethod
    def _plain(answer: requests.Response) -> requests.Response:
        assert answer.status_code < 500, f"{answer.url} answered {answer.status_code}"
        return answer


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("href", "src")]


def links_of(html: str) -> list[str]:
    """Every link and picture address in an HTML text."""
    parser = _Links()
    parser.feed(html)
    return parser.found
