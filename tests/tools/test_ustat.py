# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""ustat: a program's own counts are the truth. Each program in tests/targets/runtimes does K rounds of known work: what two runs
with different K differ by is exact, whatever the runtime does to start and to end."""
import json
import os
import shutil
import subprocess

import pytest

import runtimes
from tracing import BUILD, PATIENCE, Tool, json_lines, needs, on_terminal, run_tool, running, wait_until

KEYS = "methods", "gcs", "objects", "classes", "exceptions", "threads"


def count(lang, command, *options, env=None):
    """What ustat counted while the command ran: (sums, messages). A key that it can't tell is missing."""
    status, out, err = run_tool("ustat", "--json", "-l", lang, *options, "--", *command,
                                env={**os.environ, **(env or {})})
    assert status == 0, err
    assert "BUG" not in err and "Error" not in err, err
    records, lost = json_lines(out)
    assert records and lost == 0, err
    sums = {}
    for record in records:
        for key in KEYS:
            if record[key] is not None:
                sums[key] = sums.get(key, 0) + record[key]
    return sums, err


def difference(lang, less, more, env=None):
    """By how much the counts of two commands differ, without what doesn't."""
    before, after = count(lang, less, env=env)[0], count(lang, more, env=env)[0]
    return {key: after[key] - before[key] for key in after if after[key] != before[key]}


# --- counts ---------------------------------------------------------------------------------------

# A round: 1000 calls, 300 objects, 50 exceptions, 7 collections, 3 files or classes loaded.

@needs("python3.11")
def test_python_counts_equal_the_programs():
    # Besides: each raising function's call, the round's own; an exception is an object, too.
    assert difference("python", runtimes.python(1), runtimes.python(2)) == {
        "methods": 1000 + 50 + 1, "objects": 300 + 50, "exceptions": 50, "gcs": 7}


@needs("python3.11")
def test_python_threads_equal_the_programs():
    assert difference("python", runtimes.python(1, 0), runtimes.python(1, 4))["threads"] == 4


@needs("ruby")
def test_ruby_counts_equal_the_programs():
    # Without TracePoint: the methods written in C. new and initialize; raise, exception, its initialize
    # and backtrace; the loop's to_i. An exception is an object.
    assert difference("ruby", runtimes.ruby(1), runtimes.ruby(3)) == {
        "methods": 2 * (2 * 300 + 4 * 50 + 1), "objects": 2 * (300 + 50), "exceptions": 2 * 50, "gcs": 2 * 7}


@needs("ruby")
def test_ruby_loads_equal_the_programs(tmp_path):
    loaded = tmp_path / "loaded.rb"
    loaded.write_text("")
    assert difference("ruby", runtimes.ruby(1, loaded), runtimes.ruby(2, loaded))["classes"] == 3


@needs("ruby")
def test_ruby_methods_are_counted_with_a_tracepoint():
    plain = difference("ruby", runtimes.ruby(1), runtimes.ruby(2))
    traced = difference("ruby", runtimes.ruby(1), runtimes.ruby(2), env={"TRACE": "1"})
    # GC.start is written in Ruby, too.
    assert traced["methods"] - plain["methods"] == 1000 + 1 + 7


@needs("ruby")
def test_ruby_threads_equal_the_programs():
    command = ["ruby", "-e", "4.times.map { Thread.new { sleep 0.2 } }.each(&:join)"]
    assert count("ruby", command)[0]["threads"] == 4


@needs("ruby")
def test_ruby_is_not_crashed_by_method_counts():
    for _ in range(8):
        assert count("ruby", ["ruby", "-e", "1"])[0]["methods"] > 0


@needs("php8.2")
def test_php_counts_equal_the_programs(tmp_path):
    # An exception is an object; an included file is called as a function. Functions count when they return:
    # those that raise don't.
    assert difference("php", runtimes.php(tmp_path, 1), runtimes.php(tmp_path, 2)) == {
        "methods": 1000 + 1 + 3, "objects": 300 + 50, "exceptions": 50, "gcs": 7, "classes": 3}


@needs("perl")
def test_perl_counts_equal_the_programs(tmp_path):
    assert difference("perl", runtimes.perl(tmp_path, 1), runtimes.perl(tmp_path, 2)) == {
        "methods": 1000 + 300 + 50 + 1, "objects": 300, "exceptions": 50, "classes": 3}


@needs("perl")
def test_perl_threads_equal_the_programs(tmp_path):
    assert count("perl", runtimes.perl(tmp_path, 0, 4))[0]["threads"] == 4


@needs("tclsh")
def test_tcl_counts_equal_the_programs():
    assert difference("tcl", runtimes.tcl(1), runtimes.tcl(2)) == {
        "methods": 1000 + 50 + 1, "exceptions": 50, "classes": 3}


@needs("node")
def test_node_counts_equal_the_programs(tmp_path):
    assert difference("node", runtimes.node(tmp_path, 1), runtimes.node(tmp_path, 2)) == {
        "exceptions": 50, "gcs": 7, "classes": 3}


@needs("node")
def test_node_workers_equal_the_programs(tmp_path):
    assert count("node", runtimes.node(tmp_path, 0, 4))[0]["threads"] == 4


@needs("java", "javac")
def test_java_counts_equal_the_programs(tmp_path):
    found = difference("java", runtimes.java(1), runtimes.java(2))
    assert (found["gcs"], found["exceptions"], found["classes"]) == (7, 50, 3)


@needs("java", "javac")
def test_java_methods_objects_and_threads_equal_the_programs():
    flag = "-XX:+ExtendedDTraceProbes"
    found = difference("java", runtimes.java(0, 0, 1001, 101, flag), runtimes.java(0, 0, 41001, 20101, flag))
    # A constructor is a method: Thing's and Object's. The virtual machine's own threads do something, too: a few
    # dozen methods, not always the same.
    assert found["objects"] == pytest.approx(20000, rel=0.01)
    assert found["methods"] == pytest.approx(40000 + 2 * 20000, rel=0.01)
    assert difference("java", runtimes.java(0, 1), runtimes.java(0, 5))["threads"] == 4


# --- other builds ---------------------------------------------------------------------------------

@runtimes.needs_debian13("python3.13")
def test_python_without_usdt_is_counted_when_functions_are_left():
    less, more = (runtimes.debian13(runtimes.python(k), "python3.13") for k in (1, 2))
    with runtimes.hold_debian13("python3.13"):
        found = difference("python", less, more)
    assert found["methods"] == 1000 + 50 + 1 and found["gcs"] == 7


@runtimes.needs_debian13("php8.4")
def test_php_without_usdt_is_counted(tmp_path):
    less, more = (runtimes.debian13(runtimes.php(tmp_path, k), "php8.4") for k in (1, 2))
    with runtimes.hold_debian13("php8.4"):
        found = difference("php", less, more)
    assert found == {"methods": 1000 + 1 + 3, "objects": 300 + 50, "exceptions": 50, "gcs": 7, "classes": 3}


@runtimes.needs_debian13("ruby3.3")
def test_a_build_without_probes_says_what_it_lacks():
    script = "5.times { sleep 0.2; Object.new }"
    command = runtimes.debian13(["ruby", "-e", script], "ruby3.3")
    _, out, _ = run_tool("ustat", "--json", "-l", "ruby", "0.2", "--", *command)
    record = json_lines(out)[0][0]
    assert record["methods"] is None and "neither a USDT probe nor" in record["methods_error"]


@needs("java", "javac")
def test_java_without_its_flag_says_what_to_do():
    counts, err = count("java", runtimes.java(1))
    assert "methods" not in counts and "objects" not in counts and counts["gcs"] == 7
    assert "-XX:+ExtendedDTraceProbes" in err


@needs("java", "javac")
def test_on_a_terminal_the_reason_of_a_dash_stands_under_the_table():
    """A warning would be gone with the next table, which clears the screen."""
    text, err = on_terminal(120, "ustat", "-l", "java", "0.2", "--", *runtimes.java(1))
    tables = [table for table in text.split("\x1b[H\x1b[2J") if "METHOD/s" in table]
    told = [table for table in tables
            if "-: no method calls of java are reported: " in table and "-XX:+ExtendedDTraceProbes" in table]
    assert told and "are reported" not in err


# --- processes ------------------------------------------------------------------------------------

LOOP = "import sys, time\ndef f(): pass\nwhile True:\n    f()\n    time.sleep(0.01)\n"


def python_loop(executable="/usr/bin/python3"):
    return running(executable, "-c", LOOP)


def read_until(tool, condition):
    """The records up to the first for which the condition holds."""
    records = []
    for line in tool.read_lines():
        records.append(json.loads(line))
        if condition(records[-1]):
            return records
    raise AssertionError("ustat ended")


@needs("python3.11")
def test_processes_come_and_go_without_a_restart():
    with Tool("ustat", "--json", "-l", "python", "0.3") as tool, python_loop() as first:
        read_until(tool, lambda r: r.get("pid") == first.pid and r["methods"] > 0)
        with python_loop() as second:
            read_until(tool, lambda r: r.get("pid") == second.pid and r["methods"] > 0)
        tool.stop()
        assert tool.status == 0


@needs("python3.11")
def test_a_renamed_interpreter_is_recognised(tmp_path):
    renamed = tmp_path / "app-server"
    shutil.copy(os.path.realpath("/usr/bin/python3.11"), renamed)
    with Tool("ustat", "--json", "0.3") as tool, python_loop(renamed) as process:
        found = read_until(tool, lambda r: r.get("pid") == process.pid and r["methods"])[-1]
        assert found["languages"] == ["python"] and str(renamed) in found["cmdline"]
        tool.stop()


@needs("python3.11")
def test_pid_shows_that_process_alone():
    with python_loop() as wanted, python_loop():
        wait_until(lambda: b"c\0" in open(f"/proc/{wanted.pid}/cmdline", "rb").read(), "python runs")
        status, out, err = run_tool("ustat", "--json", "-p", wanted.pid, "0.5", "2")
    records, _ = json_lines(out)
    assert status == 0 and {r["pid"] for r in records} == {wanted.pid}, err
    assert all(r["methods"] > 0 for r in records)


@needs("python3.11")
def test_rates_are_by_the_measured_time():
    with python_loop() as process:
        _, out, _ = run_tool("ustat", "--json", "-l", "python", "0.5", "2")
    records = json_lines(out)[0]
    assert process.pid in {r["pid"] for r in records}
    for record in records:
        assert record["interval_s"] > 0.4
        for key in KEYS:
            if record[key] is not None:
                assert record[key + "_per_s"] == pytest.approx(record[key] / record["interval_s"])


@needs("python3.11", "php8.2")
def test_languages_that_were_not_asked_for_are_not_shown(tmp_path):
    link = tmp_path / "phpstat"
    link.symlink_to(BUILD / "bin/ustat")
    with python_loop() as process:
        _, out, _ = run_tool("ustat", "--json", "-l", "php", "0.3", "1")
        done = subprocess.run([link, "--json", "0.3", "1"], capture_output=True, timeout=4 * PATIENCE)
        _, shown, _ = run_tool("ustat", "--json", "-l", "python", "0.3", "1")
    for text in out, done.stdout.decode():
        assert process.pid not in {r["pid"] for r in json_lines(text)[0]}
    assert process.pid in {r["pid"] for r in json_lines(shown)[0]}


@needs("python3.11")
def test_threads_have_rows_of_their_own():
    script = ("import threading, time\ndef f(): pass\ndef run():\n    for _ in range(100): f()\n"
              "    time.sleep(0.5)\nts = [threading.Thread(target=run) for _ in range(3)]\n"
              "[t.start() for t in ts]; [t.join() for t in ts]\n")
    _, out, err = run_tool("ustat", "--json", "-T", "-l", "python", "--", "/usr/bin/python3", "-c", script)
    records = json_lines(out)[0]
    workers = {r["tid"]: r["methods"] for r in records if r["tid"] != r["pid"] and r["methods"] > 100}
    assert len(workers) == 3, err


@needs("python3.11")
def test_time_in_collections():
    script = "import gc\nx = [[] for _ in range(300000)]\nfor _ in range(5): gc.collect()"
    _, out, _ = run_tool("ustat", "--json", "--gc-time", "-l", "python", "--", "/usr/bin/python3", "-c", script)
    records = json_lines(out)[0]
    assert max(r["gc_max_ms"] for r in records) > 0.5
    for r in records:
        assert r["gc_max_ms"] <= r["gc_ms_per_s"] * r["interval_s"] + 0.01
        # A collection counts where it ends; it may have begun before.
        assert r["gc_ms_per_s"] * r["interval_s"] <= 1000 * r["interval_s"] + r["gc_max_ms"]


@needs("python3.11")
def test_table_has_bccs_columns():
    with python_loop():
        _, out, _ = run_tool("ustat", "-C", "-l", "python", "-r", "1", "0.5", "1")
    lines = out.splitlines()
    assert lines[0].split()[1] == "loadavg:"
    assert lines[1].split() == "PID CMDLINE METHOD/s GC/s OBJNEW/s CLOAD/s EXC/s THR/s".split()
    assert len([line for line in lines[2:] if line]) == 1


@needs("python3.11")
def test_only_the_events_asked_for_are_counted():
    _, out, _ = run_tool("ustat", "--json", "-l", "python", "-e", "gc,excp", "--", *runtimes.python(1))
    record = json_lines(out)[0][-1]
    assert record["gcs"] >= 7 and record["methods"] is None and record["methods_error"] == "not asked for"


# --- errors ---------------------------------------------------------------------------------------

def test_a_process_without_a_runtime_is_refused():
    with running("sleep", 60) as process:
        status, _, err = run_tool("ustat", "-p", process.pid)
    assert status == 1 and f"process {process.pid} maps no runtime" in err


@pytest.mark.parametrize("args, said", [
    (("-l", "cobol"), "invalid -l 'cobol'"), (("-S", "x"), "invalid -S 'x'"), (("0",), "invalid interval"),
    (("1", "0"), "invalid count"), (("-r", "0"), "invalid -r"), (("-e", "gc,x"), "invalid -e 'x'"),
    (("1", "1", "1"), "unexpected argument"),
])
def test_wrong_arguments_are_usage_errors(args, said):
    status, _, err = run_tool("ustat", *args)
    assert status == 2 and said in err


def test_a_process_that_is_not_there():
    status, _, err = run_tool("ustat", "-p", "4194303")
    assert status == 2 and "there is no process 4194303" in err
