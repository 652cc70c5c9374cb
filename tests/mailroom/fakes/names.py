"""A real DNS server on loopback, with the TXT records that a test gives it."""

import socket
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class DNSServer:
    """Start with `with DNSServer(records) as names`; `records` may change while it runs.

    records: texts by name; those of another kind by `MX name`. `silent` makes it answer
    nothing at all.
    """

    def __init__(self, records: dict[str, list[str]]) -> None:
        self.records = records
        self.silent = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "DNSServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.silent = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def _serve(self) -> None:
        while True:
            data, sender = self._socket.recvfrom(4096)
            if not data:
                return
            if not self.silent:
                self._socket.sendto(self._answer(data), sender)

    def _answer(self, data: bytes) -> bytes:
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        name = query.question[0].name
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        plain = name.to_text(omit_final_dot=True).lower()
        texts = self.records.get(plain if kind == "TXT" else f"{kind} {plain}")
        if texts and kind == "TXT":
            texts = [
                " ".join(f'"{text[n : n + 200]}"' for n in range(0, len(text), 200))
                for text in texts
            ]
        if texts:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *texts))
        elif not any(one.endswith(plain) for one in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer.to_wire(max_size=4096)
