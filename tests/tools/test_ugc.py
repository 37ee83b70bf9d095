# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""ugc: each collection once, with a duration that fits into what the program saw."""

import pytest

import runtimes
from tracing import json_lines, needs, run_tool, running

FULL = "import gc\ngc.disable()\nx = [[] for _ in range(200000)]\nfor _ in range(5): gc.collect()\n"


def collections(*command, options=()):
    status, out, err = run_tool("ugc", "--json", *options, "--", *command)
    assert status == 0 and "left out" not in err, err
    records, lost = json_lines(out)
    assert lost == 0
    return records


@needs("python3.11")
def test_python_collections_have_generation_and_duration():
    found = [r for r in collections("/usr/bin/python3.11", "-c", FULL) if r["number"] == 2]
    # The interpreter makes some itself, at its start and its end, of a smaller heap.
    long = [r for r in found if r["duration_ns"] > 1000000]
    assert len(long) >= 5 and all(r["description"] == "python generation 2" for r in found)
    assert {r["language"] for r in found} == {"python"}


@needs("java", "javac")
def test_java_collections_are_full_when_asked_for():
    found = collections(*runtimes.java(2, 0, 0, 0, "-XX:+UseSerialGC"))
    assert [r["description"] for r in found] == ["java full"] * 14
    assert len({r["tid"] for r in found}) == 1 and found[0]["comm"] == "VM Thread"


@needs("node")
def test_node_collections_are_counted_once(tmp_path):
    less, more = (len(collections(*runtimes.node(tmp_path, k))) for k in (1, 3))
    assert more - less == 14


@needs("php8.2")
def test_php_collections(tmp_path):
    # Kernels without attach cookies tell a new process's probes by their place in a page, which others may share.
    assert len(collections(*runtimes.php(tmp_path, 2), options=("-l", "php"))) == 14


@needs("ruby")
def test_ruby_collections_contain_their_sweeps():
    less, more = (collections(*runtimes.ruby(k)) for k in (1, 3))
    marks = [len([r for r in records if r["description"] == "ruby mark"]) for records in (less, more)]
    assert marks[1] - marks[0] == 14 and len(more) - len(less) == 14


@needs("python3.11")
def test_minimum_and_filter_leave_others_out():
    found = collections("/usr/bin/python3.11", "-c", FULL, options=("-M", "1", "-F", "generation 2"))
    assert len(found) >= 5
    assert all(r["duration_ns"] >= 1000000 and r["number"] == 2 for r in found)


@needs("python3.11")
def test_columns():
    _, out, _ = run_tool("ugc", "-m", "--", "/usr/bin/python3.11", "-c", FULL)
    lines = out.splitlines()
    assert lines[0].split() == ["START", "PID", "COMM", "TIME", "(ms)", "DESCRIPTION"]
    assert float(lines[1].split()[3]) < 1000


def test_a_process_without_a_runtime_is_refused():
    with running("sleep", 60) as process:
        status, _, err = run_tool("ugc", process.pid)
    assert status == 1 and "maps no runtime" in err


@pytest.mark.parametrize("args", [("x",), ("1", "2"), ("-M", "0"), ("-l", "cobol"), ("-p", "1", "1")])
def test_wrong_arguments_are_usage_errors(args):
    assert run_tool("ugc", *args)[0] == 2
