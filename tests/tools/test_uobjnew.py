# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""uobjnew: a class's objects, as many as the program made."""
import runtimes
from tracing import json_lines, needs, run_tool


def objects(*command, options=()):
    status, out, err = run_tool("uobjnew", "--json", *options, "--", *command)
    assert status == 0, err
    return {r["class"]: r for r in json_lines(out)[0]}


@needs("python3.11")
def test_python_classes():
    found = objects(*runtimes.python(2))
    assert found["Thing"]["objects"] == 600 and found["ValueError"]["objects"] >= 100


@needs("ruby")
def test_ruby_classes_and_kinds():
    found = objects(*runtimes.ruby(2))
    assert found["Thing"]["objects"] == 600 and found["ArgumentError"]["objects"] == 100
    assert {"array", "string"} <= found.keys()


@needs("php8.2")
def test_php_classes(tmp_path):
    found = objects(*runtimes.php(tmp_path, 2))
    assert {name: r["objects"] for name, r in found.items()} == {"Thing": 600, "Exception": 100}


@needs("perl")
def test_perl_classes(tmp_path):
    assert objects(*runtimes.perl(tmp_path, 2))["Thing"]["objects"] == 600


@needs("java", "javac")
def test_java_classes():
    found = objects(*runtimes.java(0, 0, 0, 500, "-XX:+ExtendedDTraceProbes"))
    # OpenJDK 17's interpreter passes no size to its probe: bytes are of arrays and of compiled code.
    assert found["Work$Thing"]["objects"] == 500 and found["[B"]["bytes"] > 16 * found["[B"]["objects"]


@needs("python3.11")
def test_top_classes_last_as_in_bcc():
    _, out, _ = run_tool("uobjnew", "-C", "3", "--", *runtimes.python(1))
    rows = [line for line in out.splitlines() if line]
    assert rows[0].split() == ["NAME/TYPE", "#", "ALLOCS", "#", "BYTES"]
    counts = [int(row.split()[-2]) for row in rows[1:]]
    assert len(counts) == 3 and counts == sorted(counts)


def test_wrong_arguments_are_usage_errors():
    for args in ("x",), ("1", "0"), ("1", "1", "1"), ("-C", "0"), ("-l", "cobol"):
        assert run_tool("uobjnew", *args)[0] == 2
