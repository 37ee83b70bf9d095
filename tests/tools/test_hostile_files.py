# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Files that change while they are read: an answer or an error, never a signal, never a hang."""
import re
import shutil
import threading
from contextlib import contextmanager

import pytest

from tracing import FULL, run_tool, target_path

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
