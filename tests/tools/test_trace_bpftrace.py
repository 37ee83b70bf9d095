# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""trace beside bpftrace: both watch the same run of a program, and must say the same of it.

bpftrace starts the program (-c) once its probes are there; ours are there before. Values that bpftrace 0.17
reads wrong are left out: strings on pages not yet in memory (empty there) and control characters."""
import re
import subprocess
from pathlib import Path

import pytest

from tracing import PATIENCE, Tool, need_that, needs, target_path

KPROBES = Path("/sys/bus/event_source/devices/kprobe/type").exists()
ADD, STACKS, USDT = target_path("add"), target_path("stacks"), target_path("usdt")
ROUNDS = {ADD: "5", STACKS: "24", USDT: "3"}
MINE = '(STRCMP("stacks", $comm))'

pytestmark = needs("bpftrace")
kernel = pytest.mark.skipif(not KPROBES, reason="needs kprobes (CONFIG_KPROBES)")
# What doesn't depend on the kernel is not worth the ten seconds that bpftrace takes to start in an emulated one.
host = pytest.mark.skipif(PATIENCE > 60, reason="too slow here: run on real hardware")


def side_by_side(target, spec, program, *options, tmp_path):
    """(trace's output, bpftrace's output) about one run of the target."""
    said = tmp_path / "bpftrace.out"
    with Tool("trace", *options, spec) as trace:
        done = subprocess.run(["bpftrace", "-o", said, "-e", program, "-c", f"{target} {ROUNDS[target]}"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=8 * PATIENCE)
        out, err = trace.stop()
    need_that(not done.returncode, f"bpftrace can't: {done.stdout.strip().splitlines()[-1]}")
    assert trace.status == 0, err
    assert "lost" not in err
    return out, "\n".join(line for line in said.read_text().splitlines() if not line.startswith("Attaching"))


LINES = {
    "entry with two integers": (
        STACKS, f'p:{STACKS}:inner "%d %ld", arg1, arg3',
        f'uprobe:{STACKS}:inner {{ printf("%d %ld\\n", arg0, arg2); }}'),
    "entry with a predicate and a string": (
        STACKS, f'p:{STACKS}:inner (arg1 > 2 && arg1 % 3 != 2) "%s %x", arg2, arg1',
        f'uprobe:{STACKS}:inner /arg0 > 2 && arg0 % 3 != 2/ {{ printf("%s %x\\n", str(arg1), arg0); }}'),
    "return of a long": (
        STACKS, f'r:{STACKS}:left "%ld", retval',
        f'uretprobe:{STACKS}:left {{ printf("%ld\\n", retval); }}'),
    "return with a signed predicate": (
        ADD, f'r:{ADD}:AddNum ((int)retval < -1) "%d", retval',
        f'uretprobe:{ADD}:AddNum /(int32)retval < -1/ {{ printf("%d\\n", retval); }}'),
    "narrow arguments": (
        ADD, f'{ADD}:add_narrow(signed char c, unsigned char uc, short s, unsigned short us) "%d %d %d %d", c, uc, s, us',
        f'uprobe:{ADD}:add_narrow {{ printf("%d %d %d %d\\n", (int8)arg0, (uint8)arg1, (int16)arg2, (uint16)arg3); }}'),
    "unsigned and wide arguments": (
        ADD, f'{ADD}:add_wide "%ld %lu %u", arg1, arg2, arg3',
        f'uprobe:{ADD}:add_wide {{ printf("%ld %lu %u\\n", arg0, arg1, arg2); }}'),
    "string in the caller's frame": (
        ADD, f'{ADD}:add_string "%s|%d", arg1, arg2',
        f'uprobe:{ADD}:add_string {{ printf("%s|%d\\n", str(arg0), arg1); }}'),
    "memory behind a pointer": (
        ADD, f'{ADD}:add_struct "%d %d %s", *(int *)arg1, ((int *)arg1)[1], *(char **)(arg1 + 8)',
        f'struct pair {{ int first; int second; char *name; }} uprobe:{ADD}:add_struct {{ '
        'printf("%d %d %s\\n", ((struct pair *)arg0)->first, ((struct pair *)arg0)->second, '
        'str(((struct pair *)arg0)->name)); }'),
    "arithmetic": (
        STACKS, f'p:{STACKS}:inner "%ld %ld %ld", arg1 * 7 - 3, (arg1 << 4) ^ 5, arg1 > 3 ? 1 : 2',
        f'uprobe:{STACKS}:inner {{ printf("%ld %ld %ld\\n", arg0 * 7 - 3, (arg0 << 4) ^ 5, arg0 > 3 ? 1 : 2); }}'),
    "USDT arguments in registers": (
        USDT, f'u:{USDT}:target:registers "%d %d %d %d", arg1, arg2, arg3, arg4',
        f'usdt:{USDT}:target:registers {{ printf("%d %d %d %d\\n", arg0, arg1, arg2, arg3); }}'),
    "USDT probe with several sites": (
        USDT, f'u:{USDT}:sites "%ld", arg1', f'usdt:{USDT}:target:sites {{ printf("%ld\\n", arg0); }}'),
    "ids and the thread's name": (
        STACKS, f'p:{STACKS}:ask "%d %d %d %d %s", $tgid, $pid, $uid, $gid, $comm',
        f'uprobe:{STACKS}:ask {{ printf("%d %d %d %d %s\\n", pid, tid, uid, gid, comm); }}'),
    "a library's function": (
        STACKS, f'c:close {MINE[:-1]} && (int)arg1 < 0) "%d", arg1',
        'uprobe:LIBC:close /comm == "stacks" && (int32)arg0 < 0/ { printf("%d\\n", (int32)arg0); }'),
    "entry of a system call": (
        STACKS, f't:syscalls:sys_enter_write {MINE} "%d %d", args->fd, args->count',
        'tracepoint:syscalls:sys_enter_write /comm == "stacks"/ { printf("%d %d\\n", args->fd, args->count); }'),
    "result of a system call": (
        STACKS, f't:syscalls:sys_exit_close {MINE} "%d", args->ret',
        'tracepoint:syscalls:sys_exit_close /comm == "stacks"/ { printf("%d\\n", args->ret); }'),
    "a tracepoint's array": (
        STACKS, f't:sched:sched_process_exit {MINE} "%s %d", args->comm, args->prio',
        'tracepoint:sched:sched_process_exit /comm == "stacks"/ { printf("%s %d\\n", args->comm, args->prio); }'),
    "a tracepoint's string of any length": (
        STACKS, f't:sched:sched_process_exec {MINE} "%s", args->filename',
        'tracepoint:sched:sched_process_exec /comm == "stacks"/ { printf("%s\\n", str(args->filename)); }'),
}

KERNEL_LINES = {
    "entry of a kernel function": (
        STACKS, f'vfs_write {MINE} "%d", arg3',
        'kprobe:vfs_write /comm == "stacks"/ { printf("%d\\n", arg2); }'),
    "return of a kernel function": (
        STACKS, f'r::vfs_write {MINE} "%d", retval',
        'kretprobe:vfs_write /comm == "stacks"/ { printf("%d\\n", retval); }'),
    "structures of the kernel": (
        STACKS, f'vfs_open {MINE} "%s %d", path->dentry->d_name.name, path->dentry->d_parent->d_inode->i_ino != 0',
        'kprobe:vfs_open /comm == "stacks"/ { $d = ((struct path *)arg0)->dentry; '
        'printf("%s %d\\n", str($d->d_name.name), $d->d_parent->d_inode->i_ino != 0); }'),
}


def check_lines(target, spec, program, tmp_path):
    libc = subprocess.run(["ldd", STACKS], capture_output=True, text=True).stdout
    program = program.replace("LIBC", (re.search(r"libc\.so\.6 => (\S+)", libc) or ["", "libc"])[1])
    out, said = side_by_side(target, spec, program, tmp_path=tmp_path)
    ours = [line.split(None, 4)[4].rstrip() for line in out.splitlines()[1:]]
    theirs = [line.rstrip() for line in said.splitlines() if line]
    assert theirs, "bpftrace saw it"
    assert ours == theirs


@host
@pytest.mark.parametrize("name", LINES)
def test_lines_are_those_of_bpftrace(name, tmp_path):
    check_lines(*LINES[name], tmp_path)


@kernel
@pytest.mark.parametrize("name", KERNEL_LINES)
def test_lines_about_the_kernel_are_those_of_bpftrace(name, tmp_path):
    check_lines(*KERNEL_LINES[name], tmp_path)


TOTALS = {
    "count by a number": (
        ["--count", f'p:{STACKS}:inner "%d", arg1 % 3'],
        f"uprobe:{STACKS}:inner {{ @[arg0 % 3] = count(); }}"),
    "count by a string and a number": (
        ["--count", f'p:{STACKS}:inner (arg1 > 2 && arg1 % 3 != 2) "%s, %d", arg2, arg1 & 1'],
        f"uprobe:{STACKS}:inner /arg0 > 2 && arg0 % 3 != 2/ {{ @[str(arg1), arg0 & 1] = count(); }}"),
    "count of system calls": (
        ["--count", f't:raw_syscalls:sys_enter {MINE} "%d", args->id'],
        'tracepoint:raw_syscalls:sys_enter /comm == "stacks"/ { @[args->id] = count(); }'),
}


@host
@pytest.mark.parametrize("name", TOTALS)
def test_counts_are_those_of_bpftrace(name, tmp_path):
    arguments, program = TOTALS[name]
    out, said = side_by_side(STACKS, arguments[-1], program, *arguments[:-1], tmp_path=tmp_path)
    theirs = {key: int(count) for key, count in re.findall(r"^@\[(.*)\]: (\d+)$", said, re.M)}
    ours = {line.split(None, 2)[2]: int(line.split()[0]) for line in out.splitlines()[1:]}
    assert theirs and ours == theirs


@host
def test_sum_is_that_of_bpftrace(tmp_path):
    out, said = side_by_side(STACKS, f"r:{STACKS}:left", f"uretprobe:{STACKS}:left {{ @ = sum(retval); }}",
                             "--sum", "retval", tmp_path=tmp_path)
    assert out.splitlines()[1].split()[0] == re.search(r"^@: (-?\d+)$", said, re.M).group(1)


@host
@pytest.mark.parametrize("measure, theirs", [("arg3", "arg2"), ("(int)arg1 - 5", "(int32)arg0 - 5")])
def test_histogram_is_that_of_bpftrace_to_the_letter(measure, theirs, tmp_path):
    out, said = side_by_side(STACKS, f"p:{STACKS}:inner", f"uprobe:{STACKS}:inner {{ @ = hist({theirs}); }}",
                             "--hist", measure, tmp_path=tmp_path)
    histogram = [line for line in said.splitlines() if "|" in line]
    assert histogram and [line for line in out.splitlines() if "|" in line] == histogram


@kernel
def test_kernel_stack_is_that_of_bpftrace(tmp_path):
    out, said = side_by_side(STACKS, f"p::ksys_write+0x0 {MINE}",
                             'kprobe:ksys_write /comm == "stacks"/ { @[kstack] = count(); }',
                             "--count", "-K", tmp_path=tmp_path)
    theirs = re.findall(r"^ +(\w+)\+\d+$", said, re.M)
    assert theirs and re.findall(r"^ {8}(\w+)\+0x[0-9a-f]+ \[kernel\]$", out, re.M) == theirs
