# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""A tool at work, ours or another's: when it is ready, what it says, what it costs."""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from signals import give_defaults  # noqa: E402

BUILD = os.environ.get("BUILD", "build")
TIMEOUT = float(os.environ.get("BENCH_TIMEOUT", "20"))
# Between two of what happens all the time; slow machines take longer for everything.
PAUSE = float(os.environ.get("BENCH_PAUSE", "0.001"))


class Failed(Exception):
    """The tool doesn't run here; the text says what it said."""


class Tool:
    """A tool at work; its rows go to a terminal, which makes all of them write each one at once."""

    def __init__(self, argv):
        give_defaults()
        self.master, slave = pty.openpty()
        self.err, self.text = tempfile.TemporaryFile(), bytearray()
        self.start = time.monotonic()
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=slave, stderr=self.err)
        os.close(slave)
        self.ended = threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while True:
            try:
                ready, _, _ = select.select([self.master], [], [], 0.2)
                chunk = os.read(self.master, 1 << 16) if ready else None
            except OSError:
                return
            if chunk:
                self.text += chunk
            elif self.ended.is_set():
                return

    def wait(self, ready):
        """Until that is so; the seconds since its start."""
        while not ready():
            ended = self.process.poll() is not None
            if ended or time.monotonic() - self.start > TIMEOUT:
                self.end()
                raise Failed(ended and self.last_words() or f"not ready in {TIMEOUT:.0f} s")
            time.sleep(PAUSE / 2)
        return time.monotonic() - self.start

    def wait_for(self, pattern):
        return self.wait(lambda: re.search(pattern, self.text))

    def wait_until_idle(self):
        """Until it has done what it does to start and waits in the kernel, for events or for its interval's end."""
        since = None

        def idle():
            nonlocal since
            wchan = Path(f"/proc/{self.process.pid}/wchan").read_text()
            if not re.search("poll|nanosleep", wchan):
                since = None
                return False
            since = since or time.monotonic()
            return time.monotonic() - since > 20 * PAUSE

        return self.wait(idle) - 20 * PAUSE

    def last_words(self):
        """What it said before it gave up, without a traceback, modprobe's complaints, or how it is used."""
        said = os.pread(self.err.fileno(), 1 << 16, 0).decode(errors="replace") or self.text.decode(errors="replace")
        said = [line.strip() for line in said.splitlines() if line.strip() and "modprobe" not in line]
        if not said:
            return ""
        line = said[-1] if said[0].startswith(("usage:", "Traceback")) else said[0]
        return line[:150].rstrip(":")

    def cpu(self):
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9

    def memory(self):
        """Peak resident MiB, and MiB of BPF maps."""
        proc = Path(f"/proc/{self.process.pid}")
        peak = int(re.search(r"VmHWM:\s+(\d+)", (proc / "status").read_text()).group(1)) / 1024
        maps = 0
        for info in (proc / "fdinfo").iterdir():
            text = info.read_text()
            found = re.search(r"^memlock:\s+(\d+)", text, re.M)
            maps += int(found.group(1)) if found and "map_type" in text else 0
        return peak, maps / (1 << 20)

    def settle(self):
        """Until it has written all it has, or only writes about others still."""
        size, pause = -1, max(0.5, 40 * PAUSE)
        for _ in range(20):
            if size == len(self.text):
                break
            size = len(self.text)
            time.sleep(pause)

    def end(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.ended.set()
        self.reader.join()
        os.close(self.master)
