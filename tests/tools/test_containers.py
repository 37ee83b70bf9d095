# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Tools in a PID namespace of their own, as in a container: process ids are those that are seen there."""
import json
import subprocess

import pytest

from tracing import PATIENCE, json_lines, need, need_capability_checks, need_that, running, tool_path

# What every tool has something to show of. Its pid is small in a new namespace, and another one outside.
LOAD = """
import gc, os, socket, subprocess, threading, time
def work(): return [1]
while True:
    for i in range(100): work()
    gc.collect(); os.chroot("/"); open("/etc/hostname").close()
    s = socket.socket(); s.connect_ex(("127.0.0.1", 9)); s.close()
    t = threading.Thread(target=work); t.start(); t.join()
    time.sleep(.01)
"""

# Runs in the namespace: the load, then the tool, whose arguments name the load's process PID.
INSIDE = """
import json, subprocess, sys, time
load = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.DEVNULL)
try:
    time.sleep(.3)
    tool = [str(load.pid) if a == "PID" else a for a in sys.argv[2:]]
    done = subprocess.run(tool, stdin=subprocess.DEVNULL, capture_output=True, text=True)
finally:
    load.kill()
print(json.dumps({"pid": load.pid, "status": done.returncode, "out": done.stdout, "err": done.stderr}))
"""

NAMESPACE = ["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"]


@pytest.fixture(scope="module", autouse=True)
def namespaces():
    need("unshare")
    done = subprocess.run([*NAMESPACE, "true"], capture_output=True, text=True)
    need_that(not done.returncode, done.stderr.strip())


def run_inside(*tool, load=LOAD, wrapper=()):
    command = [*NAMESPACE, *wrapper, "/usr/bin/python3", "-c", INSIDE, load, str(tool_path(tool[0])), *map(str, tool[1:])]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=4 * PATIENCE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("args", [
    ["opensnoop", "-p", "PID"],
    ["tcpconnect", "-p", "PID"],
    ["capable", "-p", "PID"],
    ["ugc", "-p", "PID"],
    ["uthreads", "-p", "PID"],
    ["uflow", "PID"],
    ["trace", "-p", "PID", "t:syscalls:sys_enter_openat"],
], ids=lambda args: args[0])
def test_rows_and_filters_have_the_ids_of_the_namespace(args):
    if args[0] == "capable":
        need_capability_checks()
    result = run_inside(*args, "--json", "--max-events", 5, "--duration", PATIENCE / 2)
    rows, _ = json_lines(result["out"])
    assert result["status"] == 0 and len(rows) == 5, result["err"]
    assert {row["pid"] for row in rows} == {result["pid"]}
    # Those of a fresh namespace begin with 1; the host's went past that long ago.
    assert result["pid"] < 10


@pytest.mark.parametrize("tool", ["opensnoop", "ugc", "trace"])
def test_rows_without_a_filter_have_them_too(tool):
    spec = ["t:syscalls:sys_enter_openat", "--name", "python3"] if tool == "trace" else []
    result = run_inside(tool, *spec, "--json", "--duration", 3)
    rows, _ = json_lines(result["out"])
    assert result["pid"] in {row["pid"] for row in rows}


def test_tables_are_of_the_process_asked_for():
    for args in ["ucalls", "PID"], ["uobjnew", "PID"]:
        rows, _ = json_lines(run_inside(*args, "--json", "--duration", 3)["out"])
        assert rows, args
    result = run_inside("ustat", "-p", "PID", "--json", 1, 3)
    rows, _ = json_lines(result["out"])
    assert {row["pid"] for row in rows} == {result["pid"]}
    assert sum(row["gcs"] for row in rows) > 0


def run_command(*tool):
    """The rows of a tool that follows a shell, and the ids that the shell tells of itself and of its parent."""
    script = "echo ids $$ $PPID >&2; /bin/cat /etc/hostname >/dev/null; exec /bin/ls / >/dev/null"
    result = run_inside(*tool, "--json", "--", "sh", "-c", script, load="import time; time.sleep(100)")
    assert result["status"] == 0, result["err"]
    rows = [json.loads(line) for line in result["out"].splitlines()][:-1]
    shell, parent = next(line.split()[1:] for line in result["err"].splitlines() if line.startswith("ids "))
    return rows, int(shell), int(parent)


def test_threads_and_parents_have_ids_of_the_namespace():
    rows, shell, parent = run_command("execsnoop")
    execs = {row["comm"]: row for row in rows}
    assert set(execs) == {"sh", "cat", "ls"}
    assert all(row["pid"] == row["tid"] for row in rows)
    assert (execs["sh"]["pid"], execs["sh"]["ppid"]) == (shell, parent)
    assert (execs["ls"]["pid"], execs["cat"]["ppid"]) == (shell, shell)
    assert execs["cat"]["pid"] == shell + 1


@pytest.mark.parametrize("tool", [["opensnoop"], ["trace", "t:syscalls:sys_enter_openat"]], ids=lambda tool: tool[0])
def test_a_command_and_what_it_forks_are_followed(tool):
    rows, shell, _ = run_command(*tool)
    assert {row["pid"] for row in rows} == {shell, shell + 1}
    assert {row["comm"] for row in rows} == {"sh", "cat", "ls"}


def test_descendants_of_a_running_process_are_followed():
    load = "import os, time\nwhile True:\n if not os.fork(): os.execlp('true', 'true')\n os.wait(); time.sleep(.05)"
    result = run_inside("trace", "--json", "-p", "PID", "--follow", "-M", 3, "--duration", PATIENCE / 2,
                        "t:sched:sched_process_exec", load=load)
    rows, _ = json_lines(result["out"])
    assert len(rows) == 3 and all(row["pid"] > result["pid"] for row in rows), result["err"]
    assert {row["comm"] for row in rows} == {"true"}


def test_a_process_of_a_namespace_below_has_the_id_that_it_has_above(tmp_path):
    """A container in the container: /proc shows its processes, too."""
    load = (f"import subprocess\n"
            f"p = subprocess.Popen({[*NAMESPACE, '/usr/bin/python3', '-c', LOAD]!r})\n"
            f"children = ''\n"
            f"while not children: children = open(f'/proc/{{p.pid}}/task/{{p.pid}}/children').read()\n"
            f"open({str(tmp_path / 'child')!r}, 'w').write(children)\n"
            f"p.wait()")
    result = run_inside("trace", "--json", "--name", "python3", "-M", 3, "--duration", PATIENCE / 2, "-U",
                        "t:syscalls:sys_enter_openat (STRCMP(\"/etc/hostname\", args->filename))", load=load)
    rows, _ = json_lines(result["out"])
    assert rows and {row["pid"] for row in rows} == {int((tmp_path / "child").read_text())}, result
    assert any(frame["symbol"] for row in rows for frame in row["user_stack"]), "and its frames have names"


def test_a_process_outside_has_no_id():
    with running("/usr/bin/python3", "-c", LOAD):
        result = run_inside("opensnoop", "--json", "--duration", 1, load="import time; time.sleep(100)")
    rows, _ = json_lines(result["out"])
    assert {row["pid"] for row in rows if row["path"] == "/etc/hostname"} == {0}


def test_proc_of_another_namespace_is_refused():
    """Its numbers aren't those of the tool's own namespace: taken for them, they would be other processes'."""
    done = subprocess.run(["unshare", "--fork", "--pid", tool_path("opensnoop"), "--duration", "0.1"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert "/proc shows the processes of another PID namespace" in done.stderr


def test_a_server_is_shown_by_its_id_of_the_namespace(tmp_path):
    need("redis-server", "redis-cli")
    server = (f"import subprocess, time\n"
              f"s = subprocess.Popen(['redis-server', '--port', '0', '--save', '', '--unixsocket', '{tmp_path}/s'],"
              f" stdout=subprocess.DEVNULL)\n"
              f"open('{tmp_path}/child', 'w').write(str(s.pid))\n"
              f"while True: subprocess.run(['redis-cli', '-s', '{tmp_path}/s', 'set', 'a', 'b'], capture_output=True)")
    result = run_inside("redis-cmd", "--json", "--max-events", 3, "--duration", PATIENCE / 2, load=server)
    rows, _ = json_lines(result["out"])
    assert rows and {row["pid"] for row in rows} == {int((tmp_path / "child").read_text())}, result["err"]
