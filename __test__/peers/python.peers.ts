import test from 'ava';
import { launch } from './programs.js';
import { SIZE, conversations } from './wire.js';

const CLIENT = `
import asyncio, hashlib, socket, struct, sys
async def connect():
    return await asyncio.open_connection('127.0.0.1', int(sys.argv[1]))
async def main():
    reader, writer = await connect()
    writer.write(b'E' + bytes((at * 13 + (at >> 8) + (at >> 16)) & 0xff for at in range(${SIZE})))
    writer.write_eof()
    got = await reader.read()
    print('echo', len(got), hashlib.sha256(got).hexdigest())
    writer.close()
    await writer.wait_closed()
    reader, writer = await connect()
    writer.write(b'R')
    try:
        await reader.read()
        print('no reset')
    except ConnectionResetError:
        print('reset seen')
    writer.close()
    reader, writer = await connect()
    writer.write(b'X')
    await reader.readexactly(1)
    sock = writer.get_extra_info('socket')
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    writer.transport.abort()
    print('reset sent')
asyncio.run(main())
`;

const SERVER = `
import asyncio, socket, struct
async def serve(reader, writer):
    what = await reader.readexactly(1)
    if what == b'R':
        sock = writer.get_extra_info('socket')
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        writer.transport.abort()
        return
    if what == b'X':
        writer.write(b'x')
        try:
            await reader.read()
        except ConnectionResetError:
            print('reset seen', flush=True)
        writer.close()
        return
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()
    writer.close()
async def main():
    server = await asyncio.start_server(serve, '127.0.0.1', 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
`;

conversations(test, {
  name: "Python's asyncio",
  client: (port) => launch('python3', ['-c', CLIENT, String(port)]),
  server: () => launch('python3', ['-c', SERVER]),
});
