# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Which processes are looked at: the same options in all tools."""
import os
import re
import subprocess
from pathlib import Path

import pytest

from tracing import (PATIENCE, Tool, cgroup_mount, json_lines, need, need_capability_checks, run_tool, running, target_path,
                     tool_path, wait_until)

btf = pytest.mark.skipif(not Path("/sys/kernel/btf/vmlinux").exists(),
                         reason="needs the kernel's BTF (CONFIG_DEBUG_INFO_BTF)")

# A process that each of the tools sees do something, once it is told to: an argument is a user, a second one a name.
LOAD = """
import gc, os, socket, sys, threading
if sys.argv[1:]: os.setuid(int(sys.argv[1]))
if sys.argv[2:]: open("/proc/self/comm", "w").write(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
def work(): return [1]
gc.collect(); work()
open("/etc/hostname").close()
s = socket.socket(); s.connect_ex(("127.0.0.1", 9)); s.close()
try: os.chroot("/")
except OSError: pass
t = threading.Thread(target=work); t.start(); t.join()
os.execv("/bin/true", ["true"])
"""

TOOLS = {
    "trace": ["trace", "--json", "t:syscalls:sys_enter_openat"],
    "opensnoop": ["opensnoop", "--json"],
    "tcpconnect": ["tcpconnect", "--json"],
    "execsnoop": ["execsnoop", "--json"],
    "capable": ["capable", "--json"],
    "ugc": ["ugc", "--json", "-l", "python"],
    "uthreads": ["uthreads", "--json", "-l", "python"],
    "ustat": ["ustat", "--json", "-l", "python", "100"],
}


@pytest.fixture(params=TOOLS)
def tool(request):
    if request.param == "capable":
        need_capability_checks()
    return request.param


class Waiting:
    """A program that goes on only when told."""

    def __init__(self, *command):
        self.process = subprocess.Popen([*command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**os.environ, "TARGET_WAIT": "1"})
        line = self.process.stdout.readline().split()
        self.pid = int(line[1]) if len(line) > 1 else self.process.pid

    def go(self):
        self.process.communicate(b"\n", timeout=PATIENCE)
        assert self.process.returncode == 0


@pytest.fixture
def start():
    programs = []

    def start(*arguments, command=None):
        programs.append(Waiting(*(command or ["/usr/bin/python3", "-c", LOAD, *map(str, arguments)])))
        return programs[-1]

    yield start
    for program in programs:
        if program.process.poll() is None:
            program.process.kill()
            program.process.communicate()


def seen(tool, options, programs):
    """The processes that are seen to do anything, be it one of the programs or not."""
    with Tool(*TOOLS[tool], *map(str, options)) as run:
        for program in programs:
            program.go()
        out, err = run.stop()
    assert run.status == 0, err
    return sorted({row["pid"] for row in json_lines(out)[0]})


def test_several_processes_by_comma_and_by_repetition(tool, start):
    one, two, three, four = [start() for _ in range(4)]
    assert seen(tool, ["-p", f"{one.pid},{two.pid}", "--pid", four.pid], [one, two, three, four]) == \
        sorted([one.pid, two.pid, four.pid])


@btf
def test_children_of_a_process(tool, start):
    child = start()
    grandchild = start(command=["sh", "-c", '/usr/bin/python3 -c "$0"; true', LOAD])
    assert seen(tool, ["--ppid", os.getpid()], [child, grandchild]) == [child.pid]


def test_a_thread(tool, start):
    if tool in ("uthreads", "execsnoop"):
        pytest.skip("other threads are what it shows")
    one, two = start(), start()
    assert seen(tool, ["--tid", one.pid], [two, one]) == [one.pid]


def test_a_user(tool, start):
    nobody, root = start(12345), start()
    assert seen(tool, ["--uid", "12345"], [nobody, root]) == [nobody.pid]


def test_any_of_several_parts_of_names(tool, start):
    if tool == "execsnoop":
        pytest.skip("its -n is a regular expression for the new name")
    one, two, three = start(0, "a-name-of-15bit"), start(0, "other/worker:7"), start(0, "third")
    options = ["-n", "of-15bit", "--name", "worker"]
    assert seen(tool, options, [one, two, three]) == sorted([one.pid, two.pid])


def test_the_longest_name_and_one_that_nearly_is(start):
    one, two = start(0, "a-name-of-15bit"), start(0, "a_name-of-15bit")
    assert seen("opensnoop", ["-n", "a-name-of-15bit"], [one, two]) == [one.pid]


def test_descendants_that_a_process_has_and_gets(start):
    """The first one runs already; the second one is started while the trace runs."""
    add = target_path("add")
    command = f"{add} 1; TARGET_WAIT= {add} 1 | cat; true"
    with running("sh", "-c", command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                 env={**os.environ, "TARGET_WAIT": "1"}) as shell:
        first = int(shell.stdout.readline().split()[1])
        other = start(command=[add, "1"])
        with Tool("trace", "-p", shell.pid, "--follow", f'{add}:AddNum "%d", arg1') as trace:
            other.go()
            shell.communicate(b"\n")
            out, err = trace.stop()
    pids = [int(line.split()[0]) for line in out.splitlines()[1:]]
    assert len(pids) == 2 and pids[0] == first and pids[1] not in (first, other.pid), err


def test_the_exits_of_followed_tasks_are_seen():
    """A task leaves the set only after all other programs have seen it end."""
    status, out, err = run_tool("trace", "--json", "t:sched:sched_process_exit", "--", "sh", "-c", "/bin/true; :")
    assert status == 0 and {row["comm"] for row in json_lines(out)[0]} == {"true", "sh"}, err


# ---- the end --------------------------------------------------------------------------------


def test_the_run_ends_with_its_processes(tool, start):
    one, two = start(), start()
    with Tool(*TOOLS[tool], "-p", f"{one.pid},{two.pid}") as run:
        one.go()
        with pytest.raises(subprocess.TimeoutExpired):
            run.process.wait(timeout=0.5)
        two.go()
        out, err = run.wait()
    assert run.status == 0 and "all processes of -p have ended" in err
    assert {row["pid"] for row in json_lines(out)[0]} == {one.pid, two.pid}


def test_the_run_ends_with_the_last_descendant(start):
    program = start(command=["sh", "-c", f"echo ready {os.getpid()}; read x; (sleep 1; exec /bin/true) & exit 0"])
    with Tool("execsnoop", "--json", "-p", program.process.pid, "--follow") as run:
        program.go()
        out, err = run.wait()
    assert run.status == 0 and f"process {program.process.pid} and all that it had forked have ended" in err
    assert {row["comm"] for row in json_lines(out)[0]} == {"sleep", "true"}


def test_a_child_that_nobody_has_waited_for_keeps_no_run(start):
    """What had ended before the run has no end to be seen."""
    source = f"import os\nif os.fork() == 0: os._exit(0)\nprint('ready', {os.getpid()}, flush=True)\ninput()"
    program = start(command=["/usr/bin/python3", "-c", source])
    with Tool("execsnoop", "-p", program.process.pid, "--follow") as run:
        program.go()
        _, err = run.wait()
    assert run.status == 0 and f"process {program.process.pid} and all that it had forked have ended" in err


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
@pytest.mark.parametrize("group", [(1, f"tools-test-{os.getpid()}"), (2, f"tools-test-{os.getpid()}")], indirect=True)
def test_group_of_either_version_and_those_below_it(tool, group, start):
    inside, below, outside = start(), start(), start()
    (group / "cgroup.procs").write_text(str(inside.pid))
    (group / "below" / "cgroup.procs").write_text(str(below.pid))
    assert seen(tool, ["--cgroup-path", group], [inside, below, outside]) == sorted([inside.pid, below.pid])


@btf
@pytest.mark.parametrize("group", [(1, f"docker-{CONTAINER}.scope"), (2, CONTAINER)], indirect=True)
def test_container_by_the_beginning_of_its_id(tool, group, start):
    inside, outside = start(), start()
    (group / "below" / "cgroup.procs").write_text(str(inside.pid))
    assert seen(tool, ["--container", CONTAINER[:12]], [inside, outside]) == [inside.pid]


# ---- pinned maps ----------------------------------------------------------------------------


@pytest.fixture
def pins(tmp_path):
    """A BPF file system, to pin maps in."""
    need("bpftool")
    pins = tmp_path / "pins"
    pins.mkdir()
    subprocess.run(["mount", "-t", "bpf", "bpf", str(pins)], check=True)
    yield pins
    subprocess.run(["umount", str(pins)], check=True)


def bpftool(*args):
    subprocess.run(["bpftool", *map(str, args)], check=True, capture_output=True,
                   env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/bin"})


def own_group():
    """The number of our group in the version 2 hierarchy."""
    path = re.search(r"^0::(/.*)$", Path("/proc/self/cgroup").read_text(), re.M).group(1)
    return os.stat(f"{cgroup_mount(2)}{path}").st_ino


@btf
@pytest.mark.parametrize("option", ["--cgroupmap", "--mntnsmap"])
def test_only_what_is_in_a_pinned_map(tool, start, pins, option):
    if option == "--cgroupmap":
        cgroup_mount(2)
    chosen = pins / "chosen"
    bpftool("map", "create", chosen, "type", "hash", "key", 8, "value", 8, "entries", 8, "name", "chosen")
    assert seen(tool, [option, chosen], [start()]) == []
    key = own_group() if option == "--cgroupmap" else os.stat("/proc/self/ns/mnt").st_ino
    bpftool("map", "update", "pinned", chosen, "key", *key.to_bytes(8, "little"), "value", *bytes(8))
    program = start()
    assert program.pid in seen(tool, [option, chosen], [program])


def test_maps_that_cannot_be_filters_are_told(pins):
    for option in ("--cgroupmap", "--mntnsmap"):
        status, _, err = run_tool("opensnoop", option, pins / "absent")
        assert status == 1 and "absent" in err
        bpftool("map", "create", pins / "narrow", "type", "hash", "key", 4, "value", 4, "entries", 1, "name", "n")
        status, _, err = run_tool("opensnoop", option, pins / "narrow")
        assert status == 1 and "keys of 8 bytes" in err
        (pins / "narrow").unlink()


# ---- mistakes -------------------------------------------------------------------------------


@pytest.mark.parametrize("options, reason", [
    (["--container", "0123feed0123feed"], "no process runs in a container"),
    (["--container", "web"], "not the beginning of a container's id"),
    (["--cgroup-path", "/usr"], "/usr: not in a hierarchy of control groups"),
    (["--cgroup", "/no/such/group"], "/no/such/group: No such file or directory"),
    (["-p", "1,4194303"], "there is no process 4194303"),
    (["--tid", "4194303"], "there is no thread 4194303"),
    (["--ppid", "4194303"], "there is no process 4194303"),
    (["--follow"], "--follow goes with one -p PID"),
    (["-p", "1,2,"], "invalid --pid ''"),
    (["--uid", "no-such-user"], "invalid --uid 'no-such-user'"),
    (["-p", "1", "--", "true"], "-p and -- COMMAND exclude each other"),
    (["-p", "nginx"], "expected a process id, such as of $(pgrep -d, -x nginx)"),
    (["--cgroup", "sleep"], "a control group's directory is wanted; a command goes behind --"),
])
def test_filters_that_cannot_match_are_refused(tool, options, reason):
    status, _, err = run_tool(*TOOLS[tool], *options)
    assert status == 2
    assert reason in err


def test_a_file_that_the_process_has_not_loaded_is_told(start):
    program = start()
    library = target_path("libadd.so")
    status, _, err = run_tool("trace", "-p", program.pid, "--duration", "0.1", f"{library}:lib_add", "c:malloc")
    assert status == 0
    assert f"the process of -p has not loaded {library}" in err and err.count("has not loaded") == 1


def test_a_bare_number_is_taken_for_a_process():
    for tool in "opensnoop", "execsnoop", "tcpconnect":
        status, _, err = run_tool(tool, "1234")
        assert status == 2 and "unexpected argument '1234': a process is -p 1234" in err


def test_every_tool_has_the_options():
    """All that look at processes; execsnoop's --name is for the new name."""
    options = ["pid", "follow", "ppid", "tid", "uid", "name", "cgroup-path", "container", "cgroupmap", "mntnsmap"]
    for path in sorted(tool_path("trace").parent.iterdir()):
        if path.name in ("tplist", "blazesym-lite", "xdpcount"):
            continue
        text = subprocess.run([path, "--help"], capture_output=True, text=True, check=True).stdout
        missing = [option for option in options if not re.search(rf"--{option}\b", text)]
        assert not missing, path.name
