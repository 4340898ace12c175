"""What living processes listen on, as the kernel tells it."""

import os
from collections.abc import Iterable
from pathlib import Path


def members(group: int) -> list[int]:
    """Return the living processes of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if entry.name.isdecimal() and int(fields[2]) == group and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def listening(pids: Iterable[int]) -> set[tuple[str, int]]:
    """Return the TCP addresses on which processes listen."""
    inodes = {
        os.readlink(descriptor).removeprefix("socket:[").removesuffix("]")
        for pid in pids
        for descriptor in Path(f"/proc/{pid}/fd").iterdir()
        if descriptor.is_symlink() and os.readlink(descriptor).startswith("socket:")
    }
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                address, port = fields[1].split(":")
                local = "127.0.0.1" if address == "0100007F" else address
                found.add((local, int(port, 16)))
    return found
