"""A real HTTP server on loopback with scripted answers.

It plays what no provider says on purpose, and providers other than Postmark and Mailgun: those two
are played by `sandbox.apis`.
"""

import json
import time
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

from sandbox.apis import ApiCall, LocalServer

DROP = 0  # a status that closes the connection instead of answering


class Answer(NamedTuple):
    """What the server says to one call."""

    status: int = 200
    body: Any = ""  # text, or what is sent as JSON
    headers: dict[str, str] = {}
    after: float = 0  # seconds
    cut: bool = False  # promise more than is sent
    drip: float = 0  # seconds between two bytes of the body
    reason: str | None = None  # the words behind the status


class _Handler(BaseHTTPRequestHandler):
    server: "HTTPServer"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.calls.append(ApiCall(self.path, dict(self.headers), body))
        answer = self.server.answer_to(self.path)
        time.sleep(answer.after)
        if answer.status != DROP:
            self._say(answer)
        self.close_connection = True

    def do_GET(self) -> None:
        self.do_POST()

    def _say(self, answer: Answer) -> None:
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        self.send_response(answer.status, answer.reason)
        self.send_header("Content-Length", str(len(text.encode()) + (99 if answer.cut else 0)))
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if not answer.drip:
            self.wfile.write(text.encode())
            return
        for byte in text.encode():
            self.wfile.write(bytes([byte]))
            time.sleep(answer.drip)

    def log_message(self, *args: object) -> None:
        """Say nothing on stderr."""


class HTTPServer(LocalServer):
    """Start with `with HTTPServer(Answer(…), …) as server`; the last answer repeats."""

    def __init__(self, *answers: Answer, by_path: dict[str, Answer] | None = None) -> None:
        super().__init__(_Handler)
        self.answers = list(answers)
        self.by_path = by_path or {}  # beginnings of paths, the first that fits

    def answer_to(self, path: str) -> Answer:
        for beginning, answer in self.by_path.items():
            if path.startswith(beginning):
                return answer
        return self.next_answer()

    def next_answer(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
