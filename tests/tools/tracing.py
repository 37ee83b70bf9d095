# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""What the end-to-end tests share: starting a tool, waiting until its probes are there, and
comparing what it printed with what the traced program itself logged."""
import contextlib
import fcntl
import json
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("BUILD", "build")).resolve()
# A virtual machine without hardware support is ten and more times slower.
PATIENCE = float(os.environ.get("TESTS_PATIENCE", "30"))


# The running kernel's version, for what only later ones have.
KERNEL = tuple(map(int, re.findall(r"\d+", os.uname().release)[:2]))


def tool_path(name, static=False):
    return BUILD / ("static/bin" if static else "bin") / name


def target_path(name):
    return BUILD / "targets" / name


def installed(command):
    return shutil.which(command, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def need(*commands):
    """Skip the test where one of these isn't installed."""
    for command in commands:
        need_that(installed(command), f"{command} is missing")


def need_that(condition, missing):
    """Skip the test unless that is so; says what is missing."""
    if not condition:
        pytest.skip(missing)


def need_capability_checks():
    """Skip the test where the kernel lets nobody see its checks of capabilities."""
    functions = {line.split()[2] for line in Path("/proc/kallsyms").open()}
    need_that({"register_kprobe", "__traceiter_cap_capable"} & functions, "neither kprobes nor the tracepoint cap_capable")


def need_target(name):
    """The path of a target whose compiler may have been missing."""
    need_that(target_path(name).exists(), f"the target {name} is missing: its compiler was not installed")
    return target_path(name)


def needs(*commands):
    """need(), as a mark."""
    missing = [command for command in commands if not installed(command)]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is missing")


def cgroup_mount(version=2):
    """Where a hierarchy of control groups is mounted, of version 1 one that has controllers."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mounted, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 ") if version == 2 else kind.startswith("cgroup ") and "name=" not in kind:
            return Path(mounted.split()[4])
    pytest.skip(f"no hierarchy of control groups version {version} is mounted")


@contextlib.contextmanager
def running(*command, **kwargs):
    """A program for the length of a block, after which it is killed, should it still be there."""
    process = subprocess.Popen([str(word) for word in command], **{"stdin": subprocess.DEVNULL, **kwargs})
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def on_terminal(width, name, *args):
    """Run a tool to its end on a terminal of so many columns: (what it shows, stderr)."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    with running(tool_path(name), *args, stdout=slave, stderr=subprocess.PIPE) as process:
        os.close(slave)
        text = b""
        # The end of the last writer is an error on a terminal.
        with contextlib.suppress(OSError):
            while chunk := os.read(master, 65536):
                text += chunk
        os.close(master)
        _, err = process.communicate(timeout=PATIENCE)
    return text.decode(), err.decode()


class Tool:
    """A running tool. Its probes are attached when the constructor returns."""

    def __init__(self, name, *args, armed="armed", static=False, stdout=subprocess.PIPE, env=None):
        self.stderr, self.read = b"", b""
        self.process = subprocess.Popen(
            [str(tool_path(name, static)), "-v", *map(str, args)], stdin=subprocess.DEVNULL,
            stdout=stdout, stderr=subprocess.PIPE, env=env)
        self.wait_stderr(armed)

    def wait_stderr(self, pattern):
        """Read stderr until it has the pattern; the tool must not end before that."""
        end = time.monotonic() + PATIENCE
        while not re.search(pattern.encode(), self.stderr):
            ready, _, _ = select.select([self.process.stderr], [], [], max(0, end - time.monotonic()))
            chunk = os.read(self.process.stderr.fileno(), 65536) if ready else b""
            if not chunk:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"no {pattern!r} on stderr: {self.stderr.decode()}")
            self.stderr += chunk

    def read_line(self):
        """The next line of stdout as text, without its end; None once the tool has closed it. Fails if none comes."""
        end = time.monotonic() + PATIENCE
        while b"\n" not in self.read:
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"no line came in {PATIENCE} s")
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                return None
            self.read += chunk
        line, _, self.read = self.read.partition(b"\n")
        return line.decode()

    def read_lines(self):
        """The lines as they come, until the tool ends."""
        return iter(self.read_line, None)

    def stop(self, sig=signal.SIGINT):
        """End it as a user would; returns (stdout, stderr) as text and keeps the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.wait()

    def wait(self):
        try:
            out, err = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the tool did not end")
        self.status = self.process.returncode
        return (self.read + (out or b"")).decode("utf-8"), (self.stderr + err).decode("utf-8")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            # It ends a command that it has started.
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.communicate(timeout=PATIENCE)
            self.process.kill()
            self.process.communicate()


def run_tool(name, *args, static=False, **kwargs):
    """Run a tool to its end: (status, stdout, stderr)."""
    done = subprocess.run([str(tool_path(name, static)), *map(str, args)], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=4 * PATIENCE, **kwargs)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def run_target(name, *args, env=None):
    """Run a traced program to its end: the lines of its own log."""
    done = subprocess.run([str(target_path(name)), *map(str, args)], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=4 * PATIENCE,
                          env={**os.environ, **(env or {})})
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().splitlines()


# How much work the loads do: a machine that is emulated has less. TESTS_FULL=1 is what the tools promise.
HITS = int(os.environ.get("TESTS_HITS", "200000"))
FULL = bool(os.environ.get("TESTS_FULL"))


def json_told(text):
    """How many events a --json run may lack: those lost, and those in doubt (skipped by a preemptible kernel)."""
    last = json.loads(text.splitlines()[-1])
    return last["lost"] + last.get("doubtful", 0)


def json_lines(text):
    """(records, lost) of a --json run."""
    records = [json.loads(line) for line in text.splitlines()]
    records = [record for record in records if "lost_so_far" not in record]
    assert "lost" in records[-1], "the last record tells the losses"
    return records[:-1], records[-1]["lost"]


def wait_until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.02)


class WaitingTarget:
    """A run of a target that waits at its end (target_wait()): its work is done, its log read, and it is
    there until the block ends."""

    def __init__(self, name, *args):
        self.process = subprocess.Popen([target_path(name), *map(str, args)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, "TARGET_WAIT": "1"})
        self.pid = self.process.pid
        self.log = []
        for line in self.process.stdout:
            if line.startswith("ready"):
                break
            self.log.append(line.split())

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        try:
            self.process.communicate("\n", timeout=PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
