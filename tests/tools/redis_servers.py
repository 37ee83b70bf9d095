# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Redis and its descendants to test against: the machine's own server, and Debian's builds of other
suites, unpacked below the build folder and run in a chroot, as a container would."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tracing import BUILD, PATIENCE

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "vm"))
import debs  # noqa: E402

# name -> suites (the last one preferred), package, executable
BUILDS = {
    "redis-6.0": (["bullseye"], "redis-server", "redis-server"),
    "redis-7.0": (["bookworm"], "redis-server", "redis-server"),
    "redis-8.0": (["trixie"], "redis-server", "redis-server"),
    "redis-8.0-forky": (["forky"], "redis-server", "redis-server"),
    "redict-7.3": (["bookworm", "bookworm-backports"], "redict-server", "redict-server"),
    "valkey-8.0": (["bookworm", "bookworm-backports"], "valkey-server", "valkey-server"),
    "valkey-8.1": (["trixie"], "valkey-server", "valkey-server"),
    "valkey-9.1": (["forky"], "valkey-server", "valkey-server"),
}


def fetch(name):
    """The folder with a build's files, downloaded on first use; debs.Error when it can't be."""
    suites, package, _ = BUILDS[name]
    root = BUILD / "servers" / name
    if not root.exists():
        root.parent.mkdir(parents=True, exist_ok=True)
        apt = debs.Repository(str(BUILD / "servers" / "apt" / suites[-1]), suites, "amd64")
        apt.unpack([package], str(root), depends=True)
        for link in "bin", "lib", "lib64", "sbin":
            if not os.path.lexists(root / link):
                (root / link).symlink_to(f"usr/{link}")
    return root


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A running server, with its own data folder, on a free loopback port. name: a key of BUILDS, or
    None for the redis-server on PATH. wrapper: a command that runs it as a child."""

    def __init__(self, name=None, *config, port=None, executable=None, wrapper=()):
        self.build, self.port = name, port or free_port()
        argv, self.data = [], None
        if name:
            root = fetch(name)
            self.data = Path(tempfile.mkdtemp(dir=root, prefix="data-"))
            argv, inside = ["chroot", str(root), f"/usr/bin/{BUILDS[name][2]}"], f"/{self.data.name}"
        else:
            self.data = Path(tempfile.mkdtemp(prefix="redis-cmd-"))
            argv, inside = [str(executable or shutil.which("redis-server"))], str(self.data)
        argv = [*wrapper, *argv]
        argv += ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", inside, "--save", "",
                 "--unixsocket", f"{inside}/socket", *map(str, config)]
        self.socket = str(self.data / "socket")
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"})
        self.pid = self.process.pid
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.knock(wrapper)
                break
            except OSError:
                assert self.process.poll() in (None, 0), f"{argv} ended with {self.process.returncode}"
                assert time.monotonic() < end, f"{argv} does not listen"
                time.sleep(0.01)
        if wrapper:
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
            self.pid = int(children.split()[0])

    def knock(self, wrapped):
        with socket.socket(socket.AF_UNIX if wrapped else socket.AF_INET) as knock:
            knock.connect(self.socket if wrapped else ("127.0.0.1", self.port))

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def close(self):
        if self.pid != self.process.pid:
            os.kill(self.pid, signal.SIGKILL)
        elif self.process.poll() == 0:  # it went into the background, and its process isn't known
            with contextlib.suppress(OSError), self.connect() as last:
                last.sendall(encode("SHUTDOWN", "NOSAVE"))
                last.recv(1)
        elif self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.data, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def encode(*args):
    """One command in the protocol's form."""
    args = [a if isinstance(a, bytes) else str(a).encode() for a in args]
    return b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args)


class Error(Exception):
    """An error reply."""


class Client:
    """A minimal client: sends bytes, reads replies; error replies are returned, not raised."""

    def __init__(self, server, unix=False):
        if unix:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE)
            self.socket.connect(server.socket)
        else:
            self.socket = server.connect()
        self.file = self.socket.makefile("rb")

    @property
    def address(self):
        return "%s:%d" % self.socket.getsockname()

    def send(self, *args):
        self.socket.sendall(encode(*args))

    def raw(self, data):
        self.socket.sendall(data)

    def reply(self):
        line = self.file.readline()
        assert line.endswith(b"\r\n"), "the server hung up"
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            return Error(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind in b"*%>~":
            count = int(rest) * (2 if kind == b"%" else 1)
            return None if count < 0 else [self.reply() for _ in range(count)]
        if kind == b"_":
            return None
        raise AssertionError(line)

    def call(self, *args):
        self.send(*args)
        return self.reply()

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
