"""A small, fast SMTP server that writes down what it accepts, and misbehaves as it is told.

    python tests/mailroom/fakes/sink.py --port N --log FILE [--behave JSON]

Each accepted mail is a line of JSON in the log, written before the answer: what the log lacks, the
client never got a 250 for.
"""

import argparse
import asyncio
import contextlib
import json
import re
import time
import zlib
from pathlib import Path

MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


class Behaviour:
    """now, good: fractions of recipients refused for now (at first) and for good.
    drop_every: close the connection after so many mails. die_at: numbers of mails that are accepted
    and never answered. delay: seconds before each answer to the content.
    """

    def __init__(self, now=0.0, good=0.0, drop_every=0, die_at=(), delay=0.0, refuse_first=()):
        self.now, self.good, self.drop_every = now, good, drop_every
        self.die_at, self.delay = set(die_at), delay
        self.refuse_first = set(refuse_first)
        self.tries: dict[str, int] = {}

    def to_recipient(self, address: str) -> bytes:
        """The answer to RCPT: which addresses are refused is decided by their hash."""
        self.tries[address] = self.tries.get(address, 0) + 1
        lot = zlib.crc32(address.encode()) % 1000 / 1000
        if "impossible" in address or lot < self.good:
            return b"550 5.1.1 no such user\r\n"
        temporary = self.good <= lot < self.good + self.now or address in self.refuse_first
        if temporary and self.tries[address] == 1:
            return b"451 4.3.0 try again later\r\n"
        return b"250 2.1.5 ok\r\n"


class Session:
    def __init__(self, reader, writer, behaviour, log, counter):
        self.reader, self.writer = reader, writer
        self.behaviour, self.log, self.counter = behaviour, log, counter
        self.recipients: list[str] = []
        self.here = 0

    async def run(self) -> None:
        self.writer.write(b"220 sink ESMTP\r\n")
        while line := await self.reader.readline():
            if not await self.answer(line.strip()):
                break
            await self.writer.drain()

    async def answer(self, line: bytes) -> bool:
        verb = line[:4].upper()
        if verb == b"EHLO":
            self.writer.write(
                b"250-sink\r\n250-PIPELINING\r\n250-SIZE 50000000\r\n250 8BITMIME\r\n"
            )
        elif verb == b"RCPT":
            address = line.partition(b"<")[2].partition(b">")[0].decode()
            reply = self.behaviour.to_recipient(address)
            if reply.startswith(b"250"):
                self.recipients.append(address)
            self.writer.write(reply)
        elif verb == b"DATA" and not self.recipients:
            self.writer.write(b"554 5.5.1 no valid recipients\r\n")
        elif verb == b"DATA":
            return await self.content()
        elif verb == b"QUIT":
            self.writer.write(b"221 bye\r\n")
            await self.writer.drain()
            return False
        else:
            self.recipients = []
            self.writer.write(b"250 ok\r\n")
        return True

    async def content(self) -> bool:
        self.writer.write(b"354 go on\r\n")
        await self.writer.drain()
        data = await self.reader.readuntil(b"\r\n.\r\n")
        self.counter["mails"] += 1
        self.here += 1
        found = MESSAGE_ID.search(data)
        message_id = found[1].decode() if found else ""
        entry = {"id": message_id, "to": self.recipients, "at": time.time()}
        self.log.write(json.dumps(entry) + "\n")
        self.log.flush()
        self.recipients = []
        if self.behaviour.delay:
            await asyncio.sleep(self.behaviour.delay)
        if self.counter["mails"] in self.behaviour.die_at:
            return False
        self.writer.write(b"250 2.0.0 queued\r\n")
        await self.writer.drain()
        return not (self.behaviour.drop_every and self.here >= self.behaviour.drop_every)


async def serve(port: int, log_path: Path, behaviour: Behaviour) -> None:
    counter = {"mails": 0}
    with log_path.open("a", encoding="utf-8") as log:

        async def connected(reader, writer):
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await Session(reader, writer, behaviour, log, counter).run()
            writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", port, limit=50_000_000)
        async with server:
            await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--behave", default="{}")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.log, Behaviour(**json.loads(options.behave))))
