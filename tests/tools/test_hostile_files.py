# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Files that change while they are read: an answer or an error, never a signal, never a hang."""
import re
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from tracing import BUILD, FULL, run_tool, running, target_path

ROUNDS = 60 if FULL else 6


def truncate(file, data):
    file.truncate(0)
    file.truncate(4096)
    file.seek(0)
    file.write(data)
    file.flush()


def scribble(file, data):
    file.seek(0)
    file.write(b"\xff" * len(data))
    file.seek(0)
    file.write(data)
    file.flush()


@contextmanager
def changing(path, change):
    """A thread that changes the file until the block ends."""
    data, ended = path.read_bytes(), threading.Event()

    def work():
        while not ended.wait(0.003):
            with open(path, "r+b") as file:
                change(file, data)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("change", [truncate, scribble])
def test_file_that_changes_is_an_answer_or_an_error(change, tmp_path):
    path = tmp_path / "changing"
    shutil.copy(target_path("stacks"), path)
    commands = [("trace", "-l", f"p:{path}:*"), ("trace", "--duration", "0.01", f"p:{path}:inner"),
                ("trace", "--dump", f"p:{path}:inner"), ("blazesym-lite", "-l", "-e", path, "0x1200"),
                ("blazesym-lite", "-l", "-e", path, "--find", "inner"), ("tplist", "-l", path)]
    errors, rounds = [], 0
    with changing(path, change):
        while rounds < ROUNDS or (not errors and rounds < 20 * ROUNDS):
            for command in commands:
                status, _, err = run_tool(*command)
                assert status in (0, 1, 2) and (status == 0 or err), (command, status, err)
                errors += [err] if status else []
            rounds += 1
    assert any(re.search("not an ELF file|a broken ELF file|changed while it was read", err) for err in errors), errors


# ---- paths of another root ---------------------------------------------------------------------


SWAP = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
a, b = (os.fsencode(path) for path in sys.argv[1:])
print("ready", flush=True)
while True:
    libc.renameat2(-100, a, -100, b, 2)  # RENAME_EXCHANGE
"""


# seccomp(2): SECCOMP_SET_MODE_FILTER, EPERM for openat2 (437 on all machines), then another program.
REFUSE_OPENAT2 = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *insn) for insn in (
    (0x20, 0, 0, 0), (0x15, 0, 1, 437), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000))))
prog = struct.pack("HxxxxxxP", 4, ctypes.addressof(program))
libc.prctl(38, 1, 0, 0, 0)
assert libc.prctl(22, 2, prog) == 0, os.strerror(ctypes.get_errno())
os.execv(sys.argv[1], sys.argv[1:])
"""


@contextmanager
def process(*argv):
    """A running program, which has printed a line."""
    with running(*argv, stdout=subprocess.PIPE, stdin=subprocess.PIPE) as child:
        assert child.stdout.readline()
        yield child


JAILED = "import os, sys; os.chroot(sys.argv[1]); os.chdir('/'); print('ready', flush=True); sys.stdin.read()"


def jail(folder):
    """A process whose root directory is the folder."""
    return process(sys.executable, "-c", JAILED, folder)


def listed(pid, path, name):
    status, out, err = run_tool("trace", "-p", pid, "-l", f"p:{path}:{name}")
    assert bool(out) == (status == 0) and (out or err)
    return status == 0


@pytest.fixture
def rooted(tmp_path):
    """A root with a library, and beside it what it may not lead to."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "d").mkdir(parents=True)
    outside.mkdir()
    shutil.copy(target_path("libadd.so"), root / "d/lib.so")
    shutil.copy(target_path("stacks"), outside / "lib.so")
    return root, outside


def test_links_of_a_root_lead_nowhere_else(rooted):
    root, outside = rooted
    (root / "absolute").symlink_to(outside / "lib.so")
    (root / "up").symlink_to("../../../../.." + str(outside / "lib.so"))
    (root / "folder").symlink_to(outside)
    (root / "inside").symlink_to("/d/lib.so")
    with jail(root) as child:
        for path in ("/absolute", "/up", "/folder/lib.so", "/../outside/lib.so", str(outside / "lib.so")):
            assert not listed(child.pid, path, "inner"), path
        assert listed(child.pid, "/inside", "lib_add"), "a link that stays inside"
        assert listed(child.pid, "/d/lib.so", "lib_add")


def test_root_whose_directories_change_leads_nowhere_else(rooted):
    root, outside = rooted
    (root / "e").symlink_to(outside)
    seen, end = [], time.monotonic() + (15 if FULL else 2)
    with jail(root) as child, process(sys.executable, "-c", SWAP, root / "d", root / "e"):
        while time.monotonic() < end:
            seen.append(listed(child.pid, "/d/lib.so", "lib_add"))
            assert not listed(child.pid, "/d/lib.so", "inner")
    assert True in seen and False in seen


def test_other_root_where_openat2_is_refused_is_said(rooted):
    root, _ = rooted
    with jail(root) as child:
        filtered = subprocess.run([sys.executable, "-c", REFUSE_OPENAT2, str(BUILD / "bin/trace"), "-p", str(child.pid),
                                   "-l", "p:/d/lib.so:lib_add"], capture_output=True, text=True)
    assert filtered.returncode and "openat2(2) is refused" in filtered.stderr, filtered.stderr
