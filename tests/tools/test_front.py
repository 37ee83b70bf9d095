# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Closed descriptors, full disks, readers that take nothing, names made to drive a terminal: in every tool."""
import contextlib
import fcntl
import json
import mmap
import os
import re
import resource
import select
import subprocess
import termios
import time

import pytest

from tracing import PATIENCE, Tool, run_target, run_tool, target_path, tool_path

ADD = target_path("add")
TOOLS = sorted(path.name for path in tool_path("").iterdir() if path.is_file())

# A second of each tool's work; its rows need not come.
WORK = {
    "trace": ["--duration", "1", "t:sched:sched_switch"],
    "blazesym-lite": ["-e", ADD, "--find", "AddNum"],
    "tplist": ["sched:sched_*"],
    **{name: ["--duration", "1", os.getpid()] for name in ("ucalls", "uflow", "ugc", "uobjnew", "uthreads")},
    "xdpcount": ["--duration", "1", "lo"],
    **{name: ["--duration", "1"] for name in ("capable", "execsnoop", "opensnoop", "redis-cmd", "tcpconnect", "ustat")},
}


def run_shell(name, redirections, *args, before=""):
    """Run a tool with redirections of a shell: (status, stdout, stderr). It must end."""
    done = subprocess.run(["sh", "-c", f'{before} exec "$0" "$@" {redirections}', tool_path(name), *map(str, args)],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, text=True)
    return done.returncode, done.stdout, done.stderr


# ---- closed descriptors ------------------------------------------------------------------------


@pytest.mark.parametrize("name", TOOLS)
def test_closed_stdout_is_an_error_and_no_hang(name):
    status, _, err = run_shell(name, ">&- <&-", *WORK[name])
    if "cannot write the output" not in err:  # A tool that had no row to print has no error either.
        status, _, err = run_shell(name, ">&- <&-", "--help")
    assert (status, "cannot write the output: Bad file descriptor" in err) == (1, True), err


@pytest.mark.parametrize("name", TOOLS)
def test_closed_stderr_and_stdin_do_no_harm(name):
    status, out, err = run_shell(name, "2>&- <&-", "--help")
    assert status == 0 and f"Usage: {name}" in out and not err
    assert run_shell(name, "2>&- <&-", *WORK[name])[0] in (0, 1)


def test_nothing_is_written_into_a_file_that_took_a_closed_number():
    with subprocess.Popen([tool_path("trace"), "-v", "-M", "1", f"{ADD}:AddNum"], stdout=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, preexec_fn=lambda: os.close(2)) as trace:
        try:
            for _ in range(200):
                run_target("add", 1)
                if trace.poll() is not None:
                    break
            assert b"AddNum" in trace.stdout.read()
        finally:
            trace.kill()


# ---- full disks --------------------------------------------------------------------------------

PRINTING = [
    *((name, option) for name in TOOLS for option in ("--help", "--version")),
    ("trace", "-l", "p:c:mem*"), ("trace", "--dump", "p:c:getpid"), ("trace", "--duration", "1", "t:sched:sched_switch"),
    ("trace", "--json", "--duration", "1", "t:sched:sched_switch"),
    ("trace", "--count", "--duration", "1", "t:sched:sched_switch"),
    ("tplist", "sched:*"), ("tplist", "--json", "sched:*"), ("tplist", "-v", "sched:*"),
    ("tplist", "-l", target_path("usdt")), ("tplist", "-p", str(os.getpid()), "-v"),
    ("blazesym-lite", "-e", ADD, "--find", "AddNum"), ("blazesym-lite", "--json", "-e", ADD, "0x1200"),
    ("execsnoop", "--duration", "1"), ("opensnoop", "--json", "--duration", "1"), ("capable", "--duration", "1"),
    ("tcpconnect", "--duration", "1"), ("ustat", "--duration", "1"),
]


@contextlib.contextmanager
def busy():
    """Something to be seen all the time: programs that are started, and files that these open."""
    with subprocess.Popen(["sh", "-c", "while :; do /bin/true; done"]) as loop:
        try:
            yield
        finally:
            loop.kill()


def names(command):
    return " ".join(os.path.basename(str(word)) for word in command)


@pytest.mark.parametrize("command", PRINTING, ids=names)
def test_full_disk_is_reported(command):
    with busy():
        status, _, err = run_shell(command[0], ">/dev/full", *command[1:])
    assert (status, "cannot write the output: No space left on device" in err) == (1, True), err


@pytest.mark.parametrize("command", PRINTING[-8:-4] + PRINTING[:2], ids=names)
def test_limit_of_file_sizes_is_reported(command, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))

    with open(tmp_path / "out", "wb") as out:
        done = subprocess.run([tool_path(command[0]), *command[1:]], stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.PIPE, preexec_fn=limit, timeout=PATIENCE)
    assert done.returncode == 1 and b"cannot write the output: File too large" in done.stderr


# ---- readers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [[], ["--json"]], ids=["text", "json"])
def test_duration_ends_though_nobody_reads(mode):
    reader, writer = os.pipe()
    try:
        fcntl.fcntl(writer, fcntl.F_SETFL, os.O_NONBLOCK)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(writer, bytes(4096))
        fcntl.fcntl(writer, fcntl.F_SETFL, 0)
        with Tool("trace", *mode, "--duration", "1", "t:sched:sched_switch", stdout=writer) as trace:
            _, err = trace.wait()
        assert trace.status == 1 and "cannot write the output: its reader takes nothing" in err
    finally:
        os.close(reader)
        os.close(writer)


# ---- names -------------------------------------------------------------------------------------

EVIL = "\x1b]0;pwned\x07\x1b[31mEVIL\u202e\u200b\ufeff"
HARMLESS = re.compile(r"[\n\t\x20-\x7e]*")


def assert_harmless(*texts):
    """No byte of these drives a terminal, and the name is there."""
    for text in texts:
        assert HARMLESS.fullmatch(text), repr(text)
    assert "EVIL" in "".join(texts), texts


def test_names_of_mapped_files_drive_no_terminal(tmp_path):
    path = tmp_path / EVIL
    path.write_bytes(b"\x7fELF, or nearly" * 1000)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 4096, flags=mmap.MAP_PRIVATE,
                                             prot=mmap.PROT_READ | mmap.PROT_EXEC):
        for command in (["blazesym-lite", "-p", os.getpid(), "--find", "x"], ["blazesym-lite", "-p", os.getpid(), "--usdt"],
                        ["tplist", "-p", os.getpid()]):
            assert_harmless(*run_tool(*command)[1:])


def test_names_that_were_given_drive_no_terminal(tmp_path):
    path = tmp_path / EVIL
    path.write_text("not ELF")
    for command in (["blazesym-lite", "-e", path, "0"], ["tplist", "-l", path], ["trace", f"p:{path}:f"],
                    ["trace", "-p", EVIL, "c:f"], ["execsnoop", "--duration", EVIL],
                    ["trace", "t:sched:sched_switch", "--", EVIL], ["trace", f"--{EVIL}"], ["tplist", EVIL]):
        status, out, err = run_tool(*command)
        assert status
        assert_harmless(out, err)


def test_names_of_symbols_drive_no_terminal(tmp_path):
    path, evil = tmp_path / "evil", EVIL.encode()
    placeholder = b"x" * len(evil)
    source = f"int {placeholder.decode()}(int n) {{ return n; }}"
    subprocess.run(["gcc", "-shared", "-x", "c", "-", "-o", path], input=source.encode(), check=True)
    path.write_bytes(path.read_bytes().replace(placeholder, evil))
    for command in (["blazesym-lite", "-e", path, "--find", "*EVIL*"], ["blazesym-lite", "--json", "-e", path, "--find", "*EVIL*"],
                    ["trace", "-l", f"p:{path}:*EVIL*"], ["trace", "--dump", f"p:{path}:*EVIL*"]):
        status, out, err = run_tool(*command)
        assert status == 0, err
        assert_harmless(out, err)


# ---- COMMAND's end -----------------------------------------------------------------------------

SWITCH = "t:sched:sched_switch"


@pytest.mark.parametrize("name, args", [("trace", [SWITCH]), ("execsnoop", []), ("opensnoop", [])])
@pytest.mark.parametrize("script, expected", [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -SEGV $$", 139)])
def test_status_of_command_is_that_of_the_tool(name, args, script, expected):
    status, out, err = run_tool(name, *args, "--", "sh", "-c", script)
    assert status == expected and out
    assert ("was killed by signal" in err) == (expected > 128)
    if expected > 128:
        assert f"signal {expected - 128} (SIG" in err


def test_command_that_the_tool_ends_has_no_status_of_interest():
    status, out, err = run_tool("trace", "--duration", "0.5", SWITCH, "--", "sleep", "100")
    assert (status, err) == (0, "") and out


# ---- losses and terminals ----------------------------------------------------------------------


def test_losses_are_reported_while_they_happen():
    reader, writer = os.pipe()
    try:
        with Tool("trace", "--json", "-b", "8", 't:sched:sched_switch "%s", args->next_comm', stdout=writer) as trace, busy():
            trace.wait_stderr(r"lost \d+ events so far")  # nobody reads
            os.close(writer)
            with open(reader, "rb", closefd=False) as file:
                so_far = next(line for line in file if b"lost_so_far" in line)
            assert json.loads(so_far)["lost_so_far"] > 0
    finally:
        os.close(reader)


class Terminal:
    """A tool at a terminal of its own."""

    def __init__(self, name, *args):
        self.master, slave = os.openpty()
        self.process = subprocess.Popen([tool_path(name), *map(str, args)], stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.text = ""

    def wait(self, pattern):
        end = time.monotonic() + PATIENCE
        while not re.search(pattern, self.text):
            assert select.select([self.master], [], [], max(0, end - time.monotonic()))[0], self.text
            self.text += os.read(self.master, 65536).decode()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.mark.parametrize("name, args", [("trace", ["--count", f"{ADD}:AddNum"]), ("tcpconnect", ["-c"]), ("execsnoop", [])])
def test_terminal_sees_that_something_is_under_way_and_a_line_of_its_own(name, args):
    with Terminal(name, *args) as terminal:
        terminal.wait(f"{name}: tracing, \\^C ends it\r\n")
        run_target("add", 2)
        os.write(terminal.master, b"\x03")
        terminal.wait(r"\^C\r\n")
        terminal.process.wait(PATIENCE)
    assert terminal.process.returncode == 0


def test_without_a_terminal_nothing_is_said_of_it():
    status, out, err = run_tool("trace", "--duration", "0.3", SWITCH)
    assert (status, err) == (0, "") and out
