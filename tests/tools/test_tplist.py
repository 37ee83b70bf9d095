# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""tplist: what readelf and tracefs know."""
import json
import os
import re
import subprocess

from tracing import needs, run_tool, running, target_path, tool_path


def readelf_probes(path):
    """{provider:name: number of sites} by binutils."""
    out = subprocess.run(["readelf", "-nW", path], capture_output=True, text=True).stdout
    names = re.findall(r"Provider: (\S+)\s+Name: (\S+)", out)
    return {f"{p}:{n}": names.count((p, n)) for p, n in names}


@needs("readelf")
def test_probes_of_a_file_are_those_of_readelf():
    path = str(target_path("usdt"))
    status, out, _ = run_tool("tplist", "--json", "-l", path)
    records = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert {f"{r['provider']}:{r['name']}": len(r["locations"]) for r in records} == readelf_probes(path)


@needs("readelf")
def test_verbose_shows_places_and_arguments():
    path = str(target_path("usdt"))
    _, out, _ = run_tool("tplist", "-v", "-l", path)
    sites = sum(readelf_probes(path).values())
    assert len(re.findall(r"^    location #\d+ 0x[0-9a-f]+, \d+ arguments: ", out, re.MULTILINE)) == sites


@needs("python3.11", "readelf")
def test_probes_of_a_process_name_its_files():
    with running("/usr/bin/python3.11", "-c", "print(1, flush=True); input()",
                 stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        status, out, _ = run_tool("tplist", "-p", process.pid, "python:*")
    assert status == 0
    assert set(out.splitlines()) == {f"/usr/bin/python3.11 {p}" for p in readelf_probes("/usr/bin/python3.11")}


def test_tracepoints_and_their_fields():
    status, out, _ = run_tool("tplist", "task:task_rename")
    assert (status, out) == (0, "task:task_rename\n")
    _, out, _ = run_tool("tplist", "-v", "task:task_rename")
    assert "    char[16] newcomm;\n" in out and "common_" not in out


def test_a_pattern_that_matches_nothing_is_told():
    status, out, err = run_tool("tplist", "no:such*")
    assert (status, out) == (1, "") and "there is no tracepoint that matches no:such*" in err


def test_libraries_and_processes_that_are_not_there():
    status, _, err = run_tool("tplist", "-l", "no-such-library")
    assert status == 1 and "not found" in err
    status, _, err = run_tool("tplist", "-p", "4194303")
    assert status == 1 and "there is no process 4194303" in err
    assert run_tool("tplist", "a", "b")[0] == 2


def test_a_closed_pipe_ends_it_silently():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([tool_path("tplist")], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert done.stderr == b"" and done.returncode == 0
    # It had something to write.
    assert len(run_tool("tplist")[1]) > 1 << 14
