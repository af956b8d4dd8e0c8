"""asyncio's echo server: `asyncio_echo.py protocol|streams asyncio|uvloop [--pieces N]`. Prints `ready PORT`.

With pieces, what is received at once is answered by so many writes. Both loops set TCP_NODELAY by themselves.
"""

import argparse
import asyncio
import contextlib

parser = argparse.ArgumentParser()
parser.add_argument("api", choices=["protocol", "streams"])
parser.add_argument("loop", choices=["asyncio", "uvloop"])
parser.add_argument("--pieces", type=int, default=1)
arguments = parser.parse_args()


def split(data):
    size = -(-len(data) // arguments.pieces)
    return [data[at : at + size] for at in range(0, len(data), size)]


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


class EchoInPieces(Echo):
    def data_received(self, data):
        for piece in split(data):
            self.transport.write(piece)


async def serve(reader, writer):
    # The load generator leaves when its time is up.
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def serve_in_pieces(reader, writer):
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            for piece in split(data):
                writer.write(piece)
            await writer.drain()
    writer.close()


async def main():
    loop = asyncio.get_running_loop()
    whole = arguments.pieces == 1
    if arguments.api == "streams":
        server = await asyncio.start_server(
            serve if whole else serve_in_pieces, "127.0.0.1", 0, backlog=4096
        )
    else:
        server = await loop.create_server(Echo if whole else EchoInPieces, "127.0.0.1", 0, backlog=4096)
    print("ready", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if arguments.loop == "uvloop":
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())
