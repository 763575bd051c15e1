#!/usr/bin/env python3
"""forward.py PID PORT PORT_FILE: a loopback port of this network namespace that leads to PORT on the loopback of PID's network namespace.

A socket stays in the namespace it was made in: we listen here, then move there, and dial from there. Writes the port it got to PORT_FILE."""
import asyncio
import ctypes
import os
import socket
import sys

CLONE_NEWNET = 0x40000000


def enter(pid):
    with open(f"/proc/{pid}/ns/net") as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


async def pump(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


async def serve(listener, port):
    async def accepted(reader, writer):
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))
        there_writer.close()
        writer.close()

    server = await asyncio.start_server(accepted, sock=listener)
    await server.serve_forever()


def main(pid, port, port_file):
    listener = socket.create_server(("127.0.0.1", 0))
    enter(pid)
    with open(port_file + ".new", "w") as opened:
        opened.write(str(listener.getsockname()[1]))
    os.rename(port_file + ".new", port_file)
    asyncio.run(serve(listener, port))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
