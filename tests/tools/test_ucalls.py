# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""ucalls: as many calls of each method as the programs of known calls (tests/targets/flow.*, tests/targets/runtimes) make,
in each language, and times that add up."""
import json
import re
from collections import Counter

import pytest

import runtimes
from flow_programs import COMMANDS, FILTERS, TARGETS, Program
from tracing import Tool, json_lines, needs, run_tool

CALLS = {"work": 1, "fact": 3, "guarded": 1, "deep": 3, "leaf": 2}
# What the languages' targets call besides.
MORE = {"perl": {"leaf": 4, "jump": 1, "skip": 2, "by_leaf": 1},
        "tcl": {"leaf": 5, "fact": 4, "above": 1, "last": 1}}


def count(language, *options, args=()):
    """Records of the methods that the program defines, by name."""
    with Program(language, *args) as program:
        with Tool("ucalls", "--json", *options, program.pid) as tool:
            program.work()
            out, err = tool.stop()
    assert tool.status == 0, err
    records, lost = json_lines(out)
    assert lost == 0
    classes = FILTERS.get(language, [None, ""])[1]
    found = {}
    for record in records:
        if classes in record.get("class", ""):
            # Tcl's are named as they are called: with and without their namespace.
            sums = found.setdefault(record["method"].split("::")[-1], {})
            for key in "calls", "total_us", "self_us":
                sums[key] = sums.get(key, 0) + record.get(key, 0)
    return found


@pytest.mark.parametrize("options", [[], ["-L"]], ids=["counted", "timed"])
@pytest.mark.parametrize("language", COMMANDS)
def test_every_call_is_counted(language, options):
    records = count(language, *options)
    expected = {**CALLS, **MORE.get(language, {})}
    assert {name: records[name]["calls"] for name in expected} == expected


@pytest.mark.parametrize("language", COMMANDS)
def test_times_add_up_through_recursion_and_exceptions(language):
    records = count(language, "-L")
    times = {name: r["total_us"] for name, r in records.items()}
    assert times["work"] > times["guarded"] > times["deep"] > 0
    # Recursive calls are within the outermost; Java's make their exception in methods of their own.
    own = records["deep"]["self_us"]
    assert 0 < own < times["deep"] if language == "java" else own == pytest.approx(times["deep"], abs=0.01)
    assert times["work"] > times["fact"] + times["guarded"]
    if language == "python":
        assert times["work"] == pytest.approx(sum(records[name]["self_us"] for name in CALLS), rel=0.001)


@pytest.mark.parametrize("language", ["java", "perl", "python", "ruby"])
def test_calls_of_all_threads(language):
    records = count(language, "-L", args=["threads"])
    assert records["outer"]["calls"] == 8
    assert records["outer"]["total_us"] > records["outer"]["self_us"] > 0


@needs("python3.11")
def test_a_programs_own_counts_from_start_to_end():
    for options in [], ["-L"]:
        _, out, _ = run_tool("ucalls", "--json", *options, "--", *runtimes.python(3))
        records = {r["method"]: r for r in json_lines(out)[0] if r.get("file", "").endswith("work.py")}
        assert {n: records[n]["calls"] for n in ("call", "raising", "round_of_work")} == {
            "call": 3000, "raising": 150, "round_of_work": 3}
        source = (TARGETS / "runtimes/work.py").read_text().splitlines()
        assert "def raising" in source[records["raising"]["line"] - 1]


@runtimes.needs_debian13("python3.13")
def test_python_without_probes_is_counted_by_its_frames():
    command = runtimes.debian13(["python3", str(TARGETS / "flow.py")], "python3.13")
    with Program("python", command=command) as program:
        with Tool("ucalls", "--json", program.pid) as tool:
            program.work()
            records = {r["method"]: r for r in json_lines(tool.stop()[0])[0]}
    assert {name: records[name]["calls"] for name in CALLS} == CALLS


def test_ruby_methods_written_in_c_when_asked_for():
    records = count("ruby", "-L", "--c-methods")
    assert records["raise"]["calls"] == 1 and records["raise"]["total_us"] > 0
    assert records["guarded"]["calls"] == 1


@needs("perl")
def test_perl_subs_written_in_c_are_counted():
    code = "use List::Util 'sum'; $| = 1; print qq(ready\\n); <STDIN>; sum(1, 2) for 1 .. 7; print qq(done\\n); <STDIN>"
    with Program("perl", command=["perl", "-e", code]) as program:
        with Tool("ucalls", "--json", program.pid) as tool:
            program.work()
            records = json_lines(tool.stop()[0])[0]
    assert [(r["class"], r["method"], r["calls"]) for r in records] == [("List::Util", "sum", 7)]


@needs("python3.11")
def test_system_calls_with_their_time():
    code = "import os, time\nfor i in range(250): os.getppid()\ntime.sleep(0.2)"
    _, out, _ = run_tool("ucalls", "--json", "-LS", "--", "/usr/bin/python3.11", "-c", code)
    calls = {r["syscall"]: r for r in json_lines(out)[0] if "syscall" in r}
    assert calls["getppid"]["calls"] == 250
    sleep = calls.get("clock_nanosleep") or calls["select"]
    assert sleep["calls"] == 1 and 200000 <= sleep["total_us"] < 2e6
    assert calls["exit_group"]["calls"] == 1 and "self_us" not in sleep


def test_system_calls_alone_of_a_process_without_runtime():
    code = "for i in $(seq 50); do kill -0 $$; done"
    status, out, err = run_tool("ucalls", "--json", "-S", "-l", "none", "--", "sh", "-c", code)
    calls = {r["syscall"]: r["calls"] for r in json_lines(out)[0]}
    assert status == 0 and calls["kill"] == 50, err


@needs("python3.11")
def test_a_table_each_interval_has_what_is_new():
    with Program("python") as program:
        with Tool("ucalls", "--json", program.pid, 0.5) as tool:
            program.work()
            records, seen = [], Counter()
            # An interval may end amid the work.
            for line in tool.read_lines():
                records.append(json.loads(line))
                seen[records[-1]["method"]] += records[-1]["calls"]
                if all(seen[name] >= calls for name, calls in CALLS.items()):
                    break
            rest = json_lines(tool.stop()[0])[0]
    assert {name: seen[name] for name in CALLS} == CALLS
    assert all(isinstance(r["time"], float) for r in records)
    assert not {r["method"] for r in rest} & set(CALLS)


@needs("python3.11")
def test_columns_with_the_most_last_as_in_bcc():
    _, out, _ = run_tool("ucalls", "-T", 3, "--", *runtimes.python(2))
    rows = [line for line in out.splitlines() if line]
    assert rows[0].split() == ["METHOD", "#", "CALLS"] and len(rows) == 4
    assert re.fullmatch(r"call  work\.py:\d+ +2000", rows[-1])
    _, out, _ = run_tool("ucalls", "-L", "-m", "-T", 5, "--", *runtimes.python(2))
    rows = [line for line in out.splitlines() if line]
    assert rows[0].split() == ["METHOD", "#", "CALLS", "TIME", "(ms)", "SELF", "(ms)"]
    times = [float(row.split()[-2]) for row in rows[1:]]
    assert len(times) == 5 and times == sorted(times)


def test_names_are_escaped_and_cut(tmp_path):
    script = tmp_path / "a\nb.py"
    script.write_text(f"import sys\ndef {'f' * 200}(): pass\nprint('ready', flush=True)\nsys.stdin.readline()\n"
                      f"{'f' * 200}()\nprint('done', flush=True)\nsys.stdin.readline()\n")
    with Program("python", command=["/usr/bin/python3", script]) as program:
        with Tool("ucalls", program.pid) as tool:
            program.work()
            out = tool.stop()[0]
    assert re.search(rf"^{'f' * 95}\.\.\.  a\\nb\.py:2 +1$", out, re.M), out


def test_ends_with_the_process():
    with Program("tcl") as program:
        with Tool("ucalls", program.pid, "0.1") as tool:
            program.work()
            program.end()
            out, err = tool.wait()
    assert tool.status == 0 and "has ended" in err
    assert re.search(r"^\S*work .* 1$", out, re.M), out


@pytest.mark.parametrize("language, command, advice", [
    ("java", ["java", "-cp", TARGETS, "Flow"], "-XX:+ExtendedDTraceProbes"),
    ("php", None, "USE_ZEND_DTRACE=1"),
    ("node", ["node", "-e", "console.log('ready'); process.stdin.read()"], "V8"),
])
def test_what_a_build_lacks_is_named(language, command, advice):
    if language == "java":
        command = [c for c in COMMANDS["java"] if "Extended" not in str(c)]
    with Program(language, command=command, env={"USE_ZEND_DTRACE": "0"}) as program:
        status, out, err = run_tool("ucalls", program.pid)
    assert status == 1 and advice in err and not out


@pytest.mark.parametrize("args, message", [
    ([], "which process?"),
    (["x"], "invalid PID"),
    (["1", "1", "1"], "unexpected argument"),
    (["1", "0"], "interval"),
    (["-l", "cobol", "1"], "cobol"),
    (["-l", "none", "1"], "-S"),
    (["-T", "0", "1"], "-T"),
])
def test_wrong_command_lines_are_usage_errors(args, message):
    status, out, err = run_tool("ucalls", *args)
    assert status == 2 and message in err and not out
