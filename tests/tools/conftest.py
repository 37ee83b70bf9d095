# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""What holds for every end-to-end test: signals have their default meaning, it ends in time, and no process outlives
it."""
import ctypes
import os
import signal
import time
from pathlib import Path

import pytest

from signals import give_defaults
from tracing import PATIENCE


class Hang(BaseException):
    """Not an Exception, which a test might expect."""

PR_SET_CHILD_SUBREAPER = 36     # linux/prctl.h
LEFT_SECONDS = 2                # a process that was killed may take a moment to be gone
TEST_SECONDS = int(os.environ.get("TESTS_SECONDS", 20 * PATIENCE))


def pytest_configure(config):
    config.addinivalue_line("markers", "no_tool: the test runs none of the tools, so that it is none of make check-honest's")
    give_defaults()
    # Orphans come to us, so that what is left of a test can be seen, also what went into the background.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def on_alarm(number, frame):
    raise Hang(f"the test hangs: not ended after {TEST_SECONDS} s")


def in_time():
    """Each phase by itself: what pytest does in between is not to be interrupted."""
    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(TEST_SECONDS)
    yield
    signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup():
    yield from in_time()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call():
    yield from in_time()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown():
    yield from in_time()


def children():
    """The ids of our children, those that ended included."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        found.update(map(int, (task / "children").read_text().split()))
    return found


def running(pid):
    """The command line of a process, or None if it has ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else words or f"process {pid}"


def reap(pid):
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def left_since(before):
    """The commands that were started since then and still run, after they have been ended."""
    end = time.monotonic() + LEFT_SECONDS
    while True:
        new = children() - before
        left = {pid: command for pid in new if (command := running(pid))}
        if not left or time.monotonic() > end:
            break
        time.sleep(0.01)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    for pid in new - left.keys():
        reap(pid)
    return sorted(left.values())


def fail_if_left(what, before):
    left = left_since(before)
    # More may appear by the end of these: theirs.
    while more := left_since(before):
        left += more
    if left:
        pytest.fail(f"{what} left {len(left)} running: {'; '.join(left)}", pytrace=False)


@pytest.fixture(autouse=True, scope="module")
def nothing_left_of_a_module(request):
    """What the module's other fixtures started. A finalizer, as fixtures are torn down in the order of their last use."""
    before = children()
    request.node.addfinalizer(lambda: fail_if_left(request.node.name, before))


@pytest.fixture(autouse=True)
def nothing_left_of_a_test(request):
    """The last fixture of a test to be torn down, as the first to be set up."""
    before = children()
    yield
    fail_if_left(request.node.name, before)
