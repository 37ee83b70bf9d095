# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""What more threads than there are CPUs do at a time: each tool shows all of it, on every kernel and in every preemption mode.
The truth is the load's own count."""
import json
import subprocess

import pytest

from tracing import PATIENCE, Tool, json_lines, json_told, need_capability_checks, running, target_path

THREADS = 16


def seen(tool, load, count, is_one, *options):
    """(rows of the load's calls, the load's own count, what the tool reported as lost, stderr)"""
    with Tool(tool, "--json", *options) as run:
        with running(target_path("crowd"), load, THREADS, count, stdout=subprocess.PIPE) as crowd:
            truth = int(crowd.communicate(timeout=4 * PATIENCE)[0])
        out, err = run.stop()
    assert run.status == 0, err
    records, _ = json_lines(out)
    return sum(crowd.pid in (r["pid"], r.get("ppid")) and is_one(r) for r in records), truth, json_told(out), err


def its_lines(out):
    """The records among a command's own lines."""
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def test_each_open_is_shown():
    rows, truth, lost, err = seen("opensnoop", "opens", 200, lambda r: r["path"] == "/dev/null")
    assert (rows, lost) == (truth, 0), err


def test_each_program_is_shown():
    rows, truth, lost, err = seen("execsnoop", "spawns", 4, lambda r: r["comm"] == "true" and r["ret"] == 0)
    assert (rows, lost) == (truth, 0), err


def test_each_connection_is_shown():
    """What an interrupt changes while the program runs isn't seen, and in doubt: the other end of a connection, too."""
    rows, truth, _, err = seen("tcpconnect", "connects", 50, lambda r: r["result"] == "ok")
    assert rows == truth, err


def test_each_check_is_shown():
    need_capability_checks()
    rows, truth, lost, err = seen("capable", "checks", 100, lambda r: r["name"] == "CAP_SYS_CHROOT")
    assert (rows, lost) == (truth, 0), err


@pytest.mark.parametrize("options", [[], ["-L"]])
def test_each_system_call_is_counted(options):
    with Tool("ucalls", "-l", "none", "-S", *options, "--json", "--", target_path("crowd"), "reads", THREADS, 1000) as run:
        out, err = run.wait()
    assert run.status == 0, err
    counted, = [row["calls"] for row in its_lines(out) if row.get("syscall") == "read"]
    # And one of the C library's header, as the program starts.
    assert counted == THREADS * 1000 + 1, err


def test_each_child_is_followed():
    with Tool("execsnoop", "--json", "--", target_path("crowd"), "spawns", THREADS, 4) as run:
        out, err = run.wait()
    assert run.status == 0, err
    assert sum(row.get("comm") == "true" for row in its_lines(out)) == THREADS * 4 and json_told(out) == 0, err
