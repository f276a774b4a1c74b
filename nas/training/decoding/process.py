"""Loader: a process that decodes images for the one that started it, and ends with it.

    python -m nas.training.decoding.process FD

`FD` is a connected socket. A request is the length of a JSON text, that text (a
`nas.training.loop.decoders.Piece` without its images) and the encoded images. The answer is 0 and
the pixels of all images, or the length of a JSON text that names the broken image, and that text.
This module loads neither torch nor anything of the study.
"""

import json
import signal
import socket
import struct
import sys

from nas.training.decoding.decode import BROKEN, Cut, cut
from nas.training.decoding.pixels import reason

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
