"""asyncio's echo server: `asyncio_echo.py protocol|streams asyncio|uvloop`. Prints `ready PORT`."""

import asyncio
import sys


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


async def serve(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def main(api):
    loop = asyncio.get_running_loop()
    if api == "streams":
        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
    else:
        server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=4096)
    print("ready", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if sys.argv[2] == "uvloop":
    import uvloop

    uvloop.run(main(sys.argv[1]))
else:
    asyncio.run(main(sys.argv[1]))
