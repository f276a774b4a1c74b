"""Loader: a process that decodes images for the one that started it, and ends with it.

    python -m nas.train.decoding.process FD

`FD` is a connected socket. A request is `nas.train.loop.decoders.Piece` without its images as JSON,
behind its length, and then the encoded images; the answer is 0 and the pixels of all of them, or
the length of a JSON text that says which image is broken, and that text. Neither torch nor
anything of the study is loaded here.
"""

import json
import signal
import socket
import struct
import sys

from nas.train.decoding.decode import BROKEN, Cut, cut
from nas.train.decoding.pixels import reason

LENGTH = struct.Struct("<I")


def receive(connection: socket.socket, into: memoryview) -> None:
    """Fill `into` from `connection`.

    Raises:
        EOFError: the other side is gone.
    """
    got = 0
    while got < len(into):
        more = connection.recv_into(into[got:], 0, socket.MSG_WAITALL)
        if more == 0:
            raise EOFError
        got += more


def received(connection: socket.socket, size: int) -> bytearray:
    """Return the next `size` bytes of `connection`; raises as `receive`."""
    content = bytearray(size)
    receive(connection, memoryview(content))
    return content


def serve(connection: socket.socket) -> None:
    """Answer requests until the other side is gone."""
    while True:
        (length,) = LENGTH.unpack(received(connection, LENGTH.size))
        asked = json.loads(received(connection, length))
        encoded = [bytes(received(connection, size)) for size in asked["sizes"]]
        how = Cut(**asked["how"])
        pixels = []
        for position, (data, draw) in enumerate(zip(encoded, asked["draws"], strict=True)):
            try:
                pixels.append(cut(data, draw, how).tobytes())
            except BROKEN as error:
                text = json.dumps([position, reason(error)]).encode()
                connection.sendall(LENGTH.pack(len(text)) + text)
                break
        else:
            connection.sendall(b"".join([LENGTH.pack(0), *pixels]))


def main() -> None:
    """Serve the socket whose number the command line gives."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that trains
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        try:
            serve(connection)
        except (EOFError, ConnectionError):
            return


if __name__ == "__main__":
    main()
