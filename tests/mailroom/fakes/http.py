"""A real HTTP server on loopback: a provider's API with scripted answers."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

DROP = 0  # a status that closes the connection instead of answering


class Answer(NamedTuple):
    """What the server says to one call."""

    status: int = 200
    body: Any = ""  # text, or what is sent as JSON
    headers: dict[str, str] = {}
    after: float = 0  # seconds
    cut: bool = False  # promise more than is sent
    drip: float = 0  # seconds between two bytes of the body


class Call(NamedTuple):
    """What the server was asked."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _Handler(BaseHTTPRequestHandler):
    server: "HTTPServer"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.calls.append(Call(self.path, dict(self.headers), body))
        answer = self.server.answer_to(self.path)
        time.sleep(answer.after)
        if answer.status != DROP:
            self._say(answer)
        self.close_connection = True

    def do_GET(self) -> None:
        self.do_POST()

    def _say(self, answer: Answer) -> None:
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        self.send_response(answer.status)
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


class HTTPServer(ThreadingHTTPServer):
    """Start with `with HTTPServer(Answer(…), …) as server`; the last answer repeats."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *answers: Answer, by_path: dict[str, Answer] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = list(answers)
        self.by_path = by_path or {}  # beginnings of paths, the first that fits
        self.calls: list[Call] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> "HTTPServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is part of some tests."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def answer_to(self, path: str) -> Answer:
        for beginning, answer in self.by_path.items():
            if path.startswith(beginning):
                return answer
        return self.next_answer()

    def next_answer(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
