# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""uflow's picture of programs whose call tree is known (tests/targets/flow.*), in each language: recursion, exceptions and
threads included."""
import os
import re
import select
import signal
import subprocess

import pytest

import runtimes
from flow_programs import COMMANDS, FILTERS, TARGETS, Program
from tracing import BUILD, PATIENCE, Tool, json_lines, need, run_tool, running, tool_path

WORK = """
work
  fact
    fact
      fact
  guarded
    deep
      deep
        deep
    leaf
  leaf
"""


def trace(language, *options, args=(), json=True):
    """What uflow printed, and the program's number."""
    with Program(language, *args) as program:
        flags = [*FILTERS.get(language, []), *options]
        with Tool("uflow", *(["--json"] if json else []), *flags, program.pid) as tool:
            program.work()
            out, err = tool.stop()
    assert tool.status == 0, err
    return out, program.pid


def tree(records, root):
    """The calls within those of root, a line each, indented by depth. Every call must end, in the right order."""
    lines, stack, base = [], [], None
    for record in records:
        depth, name = record["depth"], record["method"].split("::")[-1]
        if record["event"] == "enter":
            if base is None and name == root:
                base = depth
            if base is not None:
                lines.append("  " * (depth - base) + name)
                stack.append((depth, name))
        elif base is not None:
            assert stack.pop() == (depth, name), (lines, record)
            if depth == base:
                base = None
    assert not stack, lines
    return lines


def by_thread(records):
    threads = {}
    for record in records:
        threads.setdefault(record["tid"], []).append(record)
    return threads


@pytest.mark.parametrize("language", COMMANDS)
def test_uflow_shows_the_known_tree_with_recursion_and_exceptions(language):
    out, pid = trace(language)
    records, lost = json_lines(out)
    assert lost == 0 and all(record["pid"] == pid for record in records)
    lines = tree(records, "work")
    assert lines[:len(WORK.split())] == WORK.strip("\n").split("\n")
    assert all(a["time"] <= b["time"] for a, b in zip(records, records[1:]))


@runtimes.needs_debian13("python3.13")
def test_uflow_shows_python_without_probes_when_it_runs_with_trampolines():
    command = runtimes.debian13(["python3", "-X", "perf", str(TARGETS / "flow.py")], "python3.13")
    with Program("python", command=command) as program:
        with Tool("uflow", "--json", program.pid) as tool:
            program.work()
            out, err = tool.stop()
    records, lost = json_lines(out)
    assert lost == 0 and "-X perf" in err
    assert tree(records, "work") == WORK.strip("\n").split("\n")
    fact = next(r for r in records if r["method"] == "fact")
    assert fact["file"] == "/work/flow.py" and "def fact" in (TARGETS / "flow.py").read_text().splitlines()[fact["line"] - 1]


@runtimes.needs_debian13("php8.4")
def test_uflow_names_what_php_without_probes_lacks():
    command = runtimes.debian13(["php", str(TARGETS / "flow.php")], "php8.4")
    with Program("php", command=command) as program:
        status, out, err = run_tool("uflow", program.pid)
    assert status == 1 and "built without DTrace probes" in err and not out


@pytest.mark.parametrize("language", ["java", "perl", "python", "ruby"])
def test_uflow_keeps_a_stack_for_each_thread(language):
    out, pid = trace(language, args=["threads"])
    records, lost = json_lines(out)
    assert lost == 0
    trees = []
    for records in by_thread(records).values():
        lines = tree(records, "inThread" if language == "java" else "in_thread")
        if lines:
            trees.append(lines[1:])
    assert sorted(trees, key=len) == [["  outer", "    leaf"] * n for n in (3, 5)]


def test_uflow_keeps_apart_threads_that_preempt_each_other():
    calls = 3000
    out, pid = trace("perl", "-b", 4096, args=["threads", str(calls)])
    records, lost = json_lines(out)
    assert lost == 0 and {r["pid"] for r in records} == {pid} and {r["event"] for r in records} == {
        "enter", "leave", "unwound"}
    by_name = [r["method"] for r in records if r["event"] == "leave"]
    assert by_name.count("outer") == 4 * calls
    for records in by_thread(records).values():
        assert all(a["time"] <= b["time"] for a, b in zip(records, records[1:]))


def test_uflow_closes_java_methods_whose_compiler_tells_no_exceptions(tmp_path):
    (tmp_path / "Raise.java").write_text("""public class Raise {
        static void deep(int n) { if (n == 0) throw new RuntimeException(); deep(n - 1); }
        static void once() { try { deep(5); } catch (RuntimeException e) { } }
        static void many() { for (int i = 0; i < 3000; i++) once(); }
        public static void main(String[] a) throws Exception {
            System.out.println("ready"); System.in.read(); many(); System.out.println("done"); System.in.read(); } }""")
    need("javac")
    subprocess.run(["javac", "-d", tmp_path, tmp_path / "Raise.java"], check=True)
    # The first compiler alone, soon and in the foreground.
    command = [*COMMANDS["java"][:2], "-XX:TieredStopAtLevel=1", "-Xbatch", "-cp", tmp_path, "Raise"]
    with Program("java", command=command) as program:
        with Tool("uflow", "--json", "-C", "Raise", "-b", 4096, program.pid) as tool:
            program.work()
            records, lost = json_lines(tool.stop()[0])
    assert lost == 0
    base = next(r["depth"] for r in records if r["method"] == "many")
    depths = {(r["event"], r["depth"] - base) for r in records if r["method"] == "once"}
    assert depths == {("enter", 1), ("leave", 1)}
    ends = [r["event"] for r in records if r["method"] == "deep" and r["event"] != "enter"]
    assert len(ends) == 3000 * 6 and "unwound" in ends


def test_uflow_closes_perl_subs_that_were_left_by_die_and_by_jumps():
    records, _ = json_lines(trace("perl")[0])
    ends = [(r["event"], r["method"]) for r in records if r["event"] != "enter"]
    assert [method for event, method in ends if event == "unwound"] == ["deep"] * 3 + ["skip"] * 2
    lines = tree(records, "work")
    assert lines[len(WORK.split()):] == ["  jump", "    leaf", "  skip", "  skip", "  by_leaf", "    leaf"]


def test_uflow_follows_tcl_through_uplevel_namespaces_lambdas_and_tail_calls():
    lines = tree(json_lines(trace("tcl")[0])[0], "work")
    assert lines[len(WORK.split()):] == ["  above", "    leaf", "  last", "  leaf", "  inner", "    fact",
                                         "  x {leaf}", "    leaf"]


def test_uflow_ends_ruby_raise_with_its_exception():
    with Program("ruby") as program:
        with Tool("uflow", "--json", "--c-methods", program.pid) as tool:
            program.work()
            records, _ = json_lines(tool.stop()[0])
    names = [r["method"] for r in records if r["event"] == "unwound"]
    assert names == ["raise"]
    assert tree(records, "work")[0] == "work"


def test_uflow_prints_columns():
    out, pid = trace("python", "--latency", json=False)
    lines = out.splitlines()
    assert lines[0].split() == ["CPU", "PID", "TID", "TIME(us)", "METHOD"]
    row = re.compile(rf"\d+ +{pid} +{pid} +(\d+\.\d{{3}}) +(-> |<- )(\S+)(.*)")
    rows = [row.fullmatch(line) for line in lines[1:]]
    assert all(rows)
    work = [r for r in rows if r[3] == "work"]
    assert re.fullmatch(r"  flow\.py:\d+", work[0][4]), work[0][0]
    latency = float(re.fullmatch(r"  (\d+\.\d{3}) us", work[1][4])[1])
    assert abs(latency - (float(work[1][1]) - float(work[0][1]))) < 0.002
    depths = [line.index("->") - lines[0].index("METHOD") for line in lines if "-> fact" in line]
    assert depths == [2, 4, 6]


def test_uflow_tells_places_and_classes():
    records, _ = json_lines(trace("php")[0])
    source = (TARGETS / "flow.php").read_text().splitlines()
    fact = next(r for r in records if r["method"] == "fact")
    assert fact["class"] == "Flow" and fact["file"] == str(TARGETS / "flow.php")
    assert "function fact" in source[fact["line"] - 1]
    leaf = next(r for r in records if r["method"] == "leaf")
    assert "class" not in leaf


def test_uflow_marks_names_that_it_cut(tmp_path):
    long_name, fitting = "f" * 300, "g" * 254
    script = tmp_path / "long.py"
    script.write_text(f"""import sys
def {long_name}(): pass
def {fitting}(): pass
print("ready", flush=True)
sys.stdin.readline()
{long_name}()
{fitting}()
print("done", flush=True)
sys.stdin.readline()
""")
    with Program("python", command=["/usr/bin/python3", script]) as program:
        with Tool("uflow", "--json", "-C", tmp_path, program.pid) as tool:
            program.work()
            records, _ = json_lines(tool.stop()[0])
    names = [(r["method"], r.get("method_truncated")) for r in records if r["event"] == "enter"]
    assert names == [("f" * 255, True), (fitting, None)]


def test_uflow_filters_keep_the_true_depth():
    whole, _ = json_lines(trace("python")[0])
    depths = {r["depth"] for r in whole if r["method"] == "deep"}
    records, _ = json_lines(trace("python", "-M", "dee")[0])
    assert {r["method"] for r in records} == {"deep"}
    assert {r["depth"] for r in records} == depths
    assert len([r for r in records if r["event"] == "leave"]) == 3
    records, _ = json_lines(trace("python", "-C", TARGETS, "--max-depth", 2)[0])
    assert [r["method"] for r in records if r["event"] == "enter"] == ["work", "fact", "guarded", "leaf"]
    assert {r["file"] for r in records if r["event"] == "enter"} == {str(TARGETS / "flow.py")}


def test_uflow_call_tree_counts_calls_and_time():
    out, _ = trace("python", "--call-tree", "-C", TARGETS, "--json", json=False)
    nodes, lost = json_lines(out)
    paths = {(*[c["method"] for c in n["callers"]], n["method"]): n for n in nodes}
    assert {path: node["calls"] for path, node in paths.items()} == {
        ("work",): 1, ("work", "fact"): 1, ("work", "fact", "fact"): 1, ("work", "fact", "fact", "fact"): 1,
        ("work", "guarded"): 1, ("work", "guarded", "deep"): 1, ("work", "guarded", "deep", "deep"): 1,
        ("work", "guarded", "deep", "deep", "deep"): 1, ("work", "guarded", "leaf"): 1, ("work", "leaf"): 1}
    for path, node in paths.items():
        inner = sum(n["total_us"] for p, n in paths.items() if p[:-1] == path)
        assert node["self_us"] == pytest.approx(node["total_us"] - inner, abs=0.01)
    assert [n["method"] for n in nodes if n["depth"] == 2] == [
        n["method"] for n in sorted((n for n in nodes if n["depth"] == 2), key=lambda n: -n["total_us"])]


def test_uflow_call_tree_of_each_thread():
    out, pid = trace("python", "--call-tree", "-T", "-M", "outer", args=["threads"], json=False)
    rows = [line.split(maxsplit=3) for line in out.splitlines()[1:]]
    assert sorted(int(calls) for calls, _, _, name in rows if name.startswith("outer")) == [3, 5]
    assert len([name for *_, name in rows if re.fullmatch(r"\S+-\d+", name)]) == 2


def test_uflow_folds_stacks_for_flame_graphs():
    out, _ = trace("python", "--folded", "-C", TARGETS, json=False)
    stacks = dict(line.rsplit(" ", 1) for line in out.splitlines())
    assert {"work", "work;fact", "work;fact;fact", "work;guarded;deep;deep;deep", "work;leaf"} <= stacks.keys()
    assert all(int(ns) > 0 for ns in stacks.values())


def test_uflow_tells_where_events_were_lost():
    calls = 20000
    with Program("python", str(calls)) as program:
        with Tool("uflow", "--json", "-C", TARGETS, "-b", 1, program.pid) as tool:
            tool.process.send_signal(signal.SIGSTOP)
            program.work()
            tool.process.send_signal(signal.SIGCONT)
            # It has made room again once it writes.
            assert select.select([tool.process.stdout], [], [], PATIENCE)[0]
            program.end()
            out, err = tool.wait()
    records, lost = json_lines(out)
    events = [r for r in records if r["event"] not in ("lost", "unwound")]
    # With the calls in in_thread(), and the returns from main() and the module, which began before. The record of the
    # thread's end, which is shown to nobody, may be lost as well.
    expected = 2 * (len(WORK.split()) + 1 + 2 * calls) + 2
    assert lost > 0 and len(events) + lost in (expected, expected + 1)
    assert lost - sum(r["events"] for r in records if r["event"] == "lost") in (0, 1)
    assert "lost" in err


def test_uflow_by_the_name_of_a_language(tmp_path):
    (tmp_path / "pythonflow").symlink_to(tool_path("uflow"))
    with Program("tcl") as program:
        done = subprocess.run([tmp_path / "pythonflow", str(program.pid)], capture_output=True, text=True,
                              timeout=PATIENCE)
    assert done.returncode == 1 and f"process {program.pid} has no runtime of python in it" in done.stderr


def test_uflow_shows_a_command_from_its_start():
    need("/usr/bin/perl")
    status, out, err = run_tool("uflow", "--json", "--", *COMMANDS["perl"])
    assert status == 0, err
    records, _ = json_lines(re.sub(r"^(ready|done)\n", "", out, flags=re.MULTILINE))
    expected = WORK.strip().splitlines()
    assert tree(records, "work")[:len(expected)] == expected


def test_uflow_refuses_a_command_that_is_no_runtime_itself():
    status, out, err = run_tool("uflow", "--", "sh", "-c", "true")
    assert (status, out) == (1, "") and "'sh' is no runtime of Java, Perl, PHP, Python, Ruby or Tcl itself" in err


def test_uflow_follows_forks():
    """The child's calls too, which has nothing of its own to be found by; but not those of another process."""
    script = """$| = 1; sub inner { } sub outer { inner() } print "ready\\n"; <STDIN>;
        if (!fork) { outer(); exit } wait; inner(); print "done\\n"; <STDIN>"""
    command = ["/usr/bin/perl", "-e", script]
    with Program("perl", command=command) as program, Program("perl", command=command) as other:
        with Tool("uflow", "--json", "--follow", program.pid) as tool:
            other.work()
            program.work()
            out, err = tool.stop()
    assert tool.status == 0, err
    records, _ = json_lines(out)
    entered = [(record["pid"] == program.pid, record["depth"], record["method"])
               for record in records if record["event"] == "enter"]
    assert entered == [(False, 1, "outer"), (False, 2, "inner"), (True, 1, "inner")]
    assert other.pid not in {record["pid"] for record in records}


def test_uflow_ends_with_the_process():
    with Program("tcl") as program:
        with Tool("uflow", program.pid) as tool:
            program.work()
            program.end()
            out, err = tool.wait()
    assert tool.status == 0 and "<- work" in out and "has ended" in err


def test_uflow_shows_all_that_a_process_did_before_its_end():
    calls = 15000
    with Program("python", str(calls)) as program:
        with Tool("uflow", "--json", "-M", "leaf", "-b", 16384, program.pid) as tool:
            # It is behind when it sees that the process has ended.
            tool.process.send_signal(signal.SIGSTOP)
            program.work()
            program.end()
            tool.process.send_signal(signal.SIGCONT)
            out, err = tool.wait()
    records, lost = json_lines(out)
    assert lost == 0 and "has ended" in err
    assert len([r for r in records if r["event"] == "leave"]) == calls + 2


@pytest.mark.parametrize("language, command, advice", [
    ("java", ["java", "-cp", BUILD / "targets", "Flow"], "-XX:+ExtendedDTraceProbes"),
    ("php", None, "USE_ZEND_DTRACE=1"),
    ("node", ["node", "-e", "console.log('ready'); process.stdin.read()"], "V8"),
])
def test_uflow_names_what_a_build_lacks(language, command, advice):
    with Program(language, command=command, env={"USE_ZEND_DTRACE": "0"}) as program:
        status, out, err = run_tool("uflow", program.pid)
    assert status == 1 and advice in err and not out


@pytest.mark.parametrize("args, message", [
    ([], "which process?"),
    (["1", "2"], "unexpected argument '2'"),
    (["-l", "cobol", "1"], "cobol"),
    (["--folded", "--json", "1"], "--folded"),
    (["--folded", "--call-tree", "1"], "exclude each other"),
    (["-M", "x" * 65, "1"], "invalid --method"),
])
def test_uflow_refuses_wrong_command_lines(args, message):
    status, out, err = run_tool("uflow", *args)
    assert status == 2 and message in err and not out


# A program with Python's probes, of which one is at an instruction that no uprobe can be put on.
UNPROBABLE = r"""
#include <stdlib.h>
#include <string.h>
#include <sys/sdt.h>
#include <unistd.h>
volatile int never;
__attribute__((noinline)) void PyEval_EvalCode(const char *file, const char *name, int line)
{
	if (never)
		STAP_PROBE3(python, function__entry, file, name, line);
	STAP_PROBE3(python, function__entry, file, name, line);
	STAP_PROBE3(python, function__return, file, name, line);
}
int main(void)
{
	/* Nothing reads them here: they must have been written to, to be in memory. */
	char *file = strdup("program.py"), *name = strdup("work");

	for (;; usleep(10000))
		PyEval_EvalCode(file, name, 7);
}
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="writes an instruction of x86_64")
def test_uflow_goes_on_without_a_place_that_can_not_be_probed(tmp_path):
    need("gcc")
    assembly, program = tmp_path / "python.s", tmp_path / "python"
    subprocess.run(["gcc", "-O1", "-S", "-xc", "-", "-o", assembly], input=UNPROBABLE, text=True, check=True)
    text = assembly.read_text()
    first = re.search(r"990:\s*nop", text)
    assert first and len(re.findall(r"990:\s*nop", text)) == 3
    assembly.write_text(text[:first.start()] + "990:\thlt" + text[first.end():])
    subprocess.run(["gcc", "-rdynamic", assembly, "-o", program], check=True)
    with running(program) as process:
        status, out, err = run_tool("uflow", process.pid, "--json", "--max-events", "4")
    assert status == 0, err
    assert f"{program}: 1 of 2 places are left out, as probes would do harm there (python:function__entry: " in err
    rows, _ = json_lines(out)
    assert [(row["event"], row["method"]) for row in rows] == [("enter", "work"), ("leave", "work")] * 2
