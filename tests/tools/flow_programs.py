# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""The programs whose call tree is known (tests/targets/flow.*), ready to be traced."""
import os
import subprocess
from pathlib import Path

from tracing import BUILD, PATIENCE, need, need_target

TARGETS = Path(__file__).resolve().parent.parent / "targets"

COMMANDS = {
    "java": ["java", "-XX:+ExtendedDTraceProbes", "-cp", BUILD / "targets", "Flow"],
    "perl": ["/usr/bin/perl", TARGETS / "flow.pl"],
    "php": ["php", TARGETS / "flow.php"],
    "python": ["/usr/bin/python3", TARGETS / "flow.py"],
    "ruby": ["ruby", TARGETS / "flow.rb"],
    "tcl": ["tclsh", TARGETS / "flow.tcl"],
}
# In Java methods of its own are called in between.
FILTERS = {"java": ["-C", "Flow"]}


class Program:
    """A target that is ready to make its calls when the constructor returns."""

    def __init__(self, language, *args, command=None, env=None):
        command = command or COMMANDS[language]
        need(command[0])
        if language == "java":
            need_target("Flow.class")
        self.process = subprocess.Popen(
            [*map(str, command), *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "USE_ZEND_DTRACE": "1", **(env or {})})
        self.pid = self.process.pid
        assert self.process.stdout.readline() == "ready\n"

    def work(self):
        """Let it make its calls, and return when they are done."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def end(self):
        """Let it end by itself."""
        self.process.communicate("\n", timeout=PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
