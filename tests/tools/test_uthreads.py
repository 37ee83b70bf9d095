# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""uthreads: each thread once, by its name where it has one."""
import runtimes
from tracing import json_lines, needs, run_tool


def threads(*command):
    status, out, err = run_tool("uthreads", "--json", "--", *command)
    assert status == 0, err
    return json_lines(out)[0]


@needs("java", "javac")
def test_java_threads_start_and_stop_with_names():
    found = [r for r in threads(*runtimes.java(0, 3)) if r.get("name", "").startswith("Thread-")]
    assert [(r["name"], r["type"]) for r in found] == [
        (f"Thread-{i}", kind) for i in range(3) for kind in ("start", "stop")]
    assert len({r["tid"] for r in found}) == 3


@needs("python3.11")
def test_python_threads():
    found = threads(*runtimes.python(0, 4))
    assert [(r["language"], r["type"]) for r in found] == [("python", "start")] * 4


@needs("perl")
def test_perl_threads(tmp_path):
    assert len(threads(*runtimes.perl(tmp_path, 0, 4))) == 4


@needs("ruby")
def test_ruby_threads_are_told_by_the_kernel():
    script = "sleep 1; 4.times.map { Thread.new { sleep 0.2 } }.each(&:join)"
    found = threads("ruby", "-e", script)
    assert [r["type"] for r in found] == ["kernel"] * 4 and len({r["tid"] for r in found}) == 4
    assert all(r["tid"] != r["pid"] for r in found)


def test_wrong_arguments_are_usage_errors():
    for args in ("x",), ("1", "1"), ("-l", "cobol"):
        assert run_tool("uthreads", *args)[0] == 2
