"""A network between two ports: what goes in comes out later, in both directions.

python bench/far.py --port N --to N --round-trip SECONDS
"""

import argparse
import asyncio
import contextlib


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float
) -> None:
    """Hand on what is read, each piece `seconds` later and in its order."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(1 << 20):
            loop.call_later(seconds, writer.write, piece)
    loop.call_later(seconds, writer.close)


async def serve(port: int, to: int, round_trip: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(round_trip)  # the handshake of TCP
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", to)
        one_way = round_trip / 2
        await asyncio.gather(
            _carry(reader, there_writer, one_way), _carry(there_reader, writer, one_way)
        )

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--round-trip", type=float, required=True)
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.to, options.round_trip))
