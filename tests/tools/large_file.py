# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""A large program, and how much of it is in memory: what somebody has read of it."""
import ctypes
import mmap
import os
import subprocess
from pathlib import Path


def resident(path):
    """Bytes of a file that are in memory."""
    size = os.path.getsize(path)
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), size) as mapping:
        pages = (size + mmap.PAGESIZE - 1) // mmap.PAGESIZE
        vector = (ctypes.c_ubyte * pages)()
        start = ctypes.addressof(ctypes.c_char.from_buffer(mapping))
        if ctypes.CDLL(None, use_errno=True).mincore(ctypes.c_void_p(start), ctypes.c_size_t(size), vector):
            raise OSError(ctypes.get_errno(), "mincore")
        return sum(entry & 1 for entry in vector) * mmap.PAGESIZE


def large_program(folder, megabytes=200):
    """A program with much code; its symbols lie behind that, as always."""
    source, path = Path(folder, "large.s"), Path(folder, "large")
    source.write_text(f".text\n.globl main\n.type main, @function\nmain:\n.byte 0xc3\n.size main, 1\n"
                      f".fill {megabytes << 20}, 1, 0x90\n.globl far\n.type far, @function\nfar:\n.byte 0xc3\n"
                      ".size far, 1\n.section .note.GNU-stack\n")
    subprocess.run(["gcc", "-o", path, source], check=True)
    return path


def evict(path):
    fd = os.open(path, os.O_RDWR)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)
