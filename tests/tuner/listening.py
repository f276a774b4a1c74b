"""The addresses on which a local Ray accepts connections, in a process that a command would be.

    python -m tests.tuner.listening

Prints the addresses as /proc writes them, the names of the processes, and the mode of the scratch
directory. Ray must not be imported before nas.tuner.
"""

import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from nas.interruption import descendants
from nas.tuner.connection import connected


def listening(pid: int) -> Iterator[str]:
    """Yield the addresses on which a process accepts TCP connections."""
    inodes = set()
    for file in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(OSError):
            inodes.add(str(file.readlink()).removeprefix("socket:[").rstrip("]"))
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                yield fields[1].partition(":")[0]


if __name__ == "__main__":
    with connected(None) as scratch:
        processes = descendants(os.getpid())
        names = [Path(f"/proc/{pid}/cmdline").read_text() for pid in processes]
        found = {address for pid in [os.getpid(), *processes] for address in listening(pid)}
        json.dump([sorted(found), names, stat.S_IMODE(scratch.stat().st_mode)], sys.stdout)
