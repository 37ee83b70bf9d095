# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Whom trace looks at: processes, their children and descendants, names, control groups, containers."""
import os
import subprocess
from pathlib import Path

import pytest

from tracing import Tool, cgroup_mount, run_tool, running, target_path, wait_until

SPEC = f'{target_path("add")}:AddNum "%d", arg1'
btf = pytest.mark.skipif(not Path("/sys/kernel/btf/vmlinux").exists(),
                         reason="needs the kernel's BTF (CONFIG_DEBUG_INFO_BTF)")


class Waiting:
    """A program that goes on to its calls only when told."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command or [target_path("add"), "1"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env={**os.environ, "TARGET_WAIT": "1"})
        self.pid = int(self.process.stdout.readline().split()[1])

    def go(self):
        self.process.communicate(b"\n")
        assert self.process.returncode == 0


@pytest.fixture
def waiting():
    programs = []

    def start(*command):
        programs.append(Waiting(*command))
        return programs[-1]

    yield start
    for program in programs:
        if program.process.poll() is None:
            program.process.kill()
            program.process.communicate()


def seen(options, programs):
    """Which of the programs are seen to make their call."""
    with Tool("trace", *map(str, options), SPEC) as trace:
        for program in programs:
            program.go()
        out, err = trace.stop()
    assert trace.status == 0, err
    return [int(line.split()[0]) for line in out.splitlines()[1:]]


def test_several_processes_by_comma_and_by_repetition(waiting):
    one, two, three, four = [waiting() for _ in range(4)]
    assert seen(["-p", f"{one.pid},{two.pid}", "-p", four.pid], [one, two, three, four]) == [one.pid, two.pid, four.pid]


@btf
def test_children_of_a_process(waiting):
    child = waiting()
    grandchild = waiting("sh", "-c", f"{target_path('add')} 1; true")
    assert seen(["--ppid", os.getpid()], [child, grandchild]) == [child.pid]


def test_descendants_that_a_process_has_and_gets(waiting):
    """The first one runs already; the second one is started while the trace runs."""
    command = f"{target_path('add')} 1; TARGET_WAIT= {target_path('add')} 1 | cat; true"
    with running("sh", "-c", command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                 env={**os.environ, "TARGET_WAIT": "1"}) as shell:
        first = int(shell.stdout.readline().split()[1])
        other = waiting()
        with Tool("trace", "-p", shell.pid, "--follow", SPEC) as trace:
            other.go()
            shell.communicate(b"\n")
            out, err = trace.stop()
    pids = [int(line.split()[0]) for line in out.splitlines()[1:]]
    assert len(pids) == 2 and pids[0] == first and pids[1] not in (first, other.pid), err


def test_part_of_a_name_is_compared_in_the_kernel(waiting, tmp_path):
    named = tmp_path / "a-name-of-15bit"
    named.write_bytes(target_path("add").read_bytes())
    named.chmod(0o755)
    spec = f'{named}:AddNum "%d", arg1'
    for text, found in (("name-of", 1), ("15bit", 1), ("a-name-of-15bit", 1), ("name_of", 0)):
        with Tool("trace", "-n", text, spec) as trace:
            subprocess.run([named, "1"], stdout=subprocess.DEVNULL, check=True)
            out, err = trace.stop()
        assert len(out.splitlines()) == 1 + found, text
        assert f"{found} events" in err


# ---- control groups -------------------------------------------------------------------------


@pytest.fixture
def group(request):
    """A group and one below it, gone afterwards."""
    top = cgroup_mount(request.param[0]) / request.param[1]
    below = top / "below"
    try:
        below.mkdir(parents=True)
    except OSError as error:
        pytest.skip(f"{below}: {error}")
    for file in (top, below):
        for name in ("cpuset.cpus", "cpuset.mems"):
            if (file / name).exists() and (file.parent / name).exists():
                (file / name).write_text((file.parent / name).read_text())
    yield top
    wait_until(lambda: not (below / "cgroup.procs").read_text(), "the group to be empty")
    below.rmdir()
    top.rmdir()


CONTAINER = "5eaf00d5" + "0123456789abcdef" * 3 + "01234567"


@btf
@pytest.mark.parametrize("group", [(1, f"trace-test-{os.getpid()}"), (2, f"trace-test-{os.getpid()}")], indirect=True)
def test_group_of_either_version_and_those_below_it(group, waiting):
    inside, below, outside = waiting(), waiting(), waiting()
    (group / "cgroup.procs").write_text(str(inside.pid))
    (group / "below" / "cgroup.procs").write_text(str(below.pid))
    assert seen(["-c", group], [inside, below, outside]) == [inside.pid, below.pid]


@btf
@pytest.mark.parametrize("group", [(1, f"docker-{CONTAINER}.scope"), (2, CONTAINER)], indirect=True)
def test_container_by_the_beginning_of_its_id(group, waiting):
    inside, outside = waiting(), waiting()
    (group / "below" / "cgroup.procs").write_text(str(inside.pid))
    assert seen(["--container", CONTAINER[:12]], [inside, outside]) == [inside.pid]


@pytest.mark.parametrize("options, reason", [
    (["--container", "0123feed0123feed"], "no process runs in a container"),
    (["--container", "web"], "not the beginning of a container's id"),
    (["-c", "/usr"], "/usr: not in a hierarchy of control groups"),
    (["-c", "/no/such/group"], "/no/such/group: No such file or directory"),
    (["-p", "1,4194303"], "there is no process 4194303"),
    (["-L", "4194303"], "there is no thread 4194303"),
    (["--ppid", "4194303"], "there is no process 4194303"),
    (["--follow"], "--follow goes with one -p PID"),
    (["-p", "1,2,"], "invalid --pid ''"),
    (["-n", ""], "the name of a thread has 1 to 15 bytes"),
    (["-p", "1", "--", "true"], "-p and -- COMMAND exclude each other"),
])
def test_filters_that_cannot_match_are_refused(options, reason):
    status, _, err = run_tool("trace", SPEC, *options)
    assert status == 2
    assert reason in err
