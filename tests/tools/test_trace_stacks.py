# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""trace -K, -U, -a, %K, %U: stacks against what nm and /proc say of the running program."""
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tracing import KERNEL, Tool, WaitingTarget, json_lines, need, need_that, run_tool, target_path

STACKS = target_path("stacks")
SYSCALL_ENTRY = "entry_SYSCALL_64|el0t_64_sync"
ROW = re.compile(r"^\d+ +\d+ +stacks +")


def bias(target):
    with open(f"/proc/{target.pid}/maps") as maps:
        return min(int(line.split("-")[0], 16) for line in maps if line.rstrip().endswith(str(STACKS)))


def traced(*specs, args=(3, 3), options=()):
    """(target, stdout, stderr) of one run of the target, which still exists while it is symbolized."""
    with Tool("trace", *options, *specs) as trace, WaitingTarget("stacks", *args) as target:
        out, err = trace.stop()
    assert trace.status == 0, err
    return target, out, err


def blocks(out):
    """Each row with the lines of its stack; blank lines end them."""
    result = []
    for line in out.splitlines()[1:]:
        if ROW.match(line):
            result.append((line, []))
        elif line:
            assert line.startswith("        "), line
            result[-1][1].append(line.strip())
    return result


def names(frames):
    return [re.sub(r"\+0x[0-9a-f]+ .*", "", frame) for frame in frames]


def nm(name):
    need("nm")
    for line in subprocess.check_output(["nm", STACKS], text=True).splitlines():
        if line.endswith(f" {name}"):
            return int(line.split()[0], 16)
    raise AssertionError(f"no {name}")


def callers(target):
    return [line[3] for line in target.log if line[0] == "inner"]


def test_user_stack_names_the_callers_and_the_caller_itself_too():
    target, out, _ = traced(f"p:{STACKS}:inner", options=["-U"])
    stacks = blocks(out)
    assert [names(frames)[:3] for _, frames in stacks] == \
        [["inner", caller, "main"] for caller in callers(target)]
    for _, frames in stacks:
        assert frames[0] == "inner+0x0 [stacks]"
        assert re.fullmatch(r"(left|right)\+0x[0-9a-f]+ \[stacks\]", frames[1])
    assert re.search(r"\[stacks\]\n(        .*\n)*\n", out), "a blank line ends a stack"


def test_return_probe_and_usdt_probe_have_user_stacks():
    target, out, _ = traced(f"r:{STACKS}:inner", f"u:{STACKS}:site", options=["-U"])
    by_func = {"inner": [], "site": []}
    for row, frames in blocks(out):
        by_func[row.split()[3]].append(names(frames)[:2])
    assert by_func["inner"] == [[caller, "main"] for caller in callers(target)]
    assert by_func["site"] == [["right", "main"]] * callers(target).count("right")


def test_recursion_is_shown_whole():
    _, out, _ = traced(f"p:{STACKS}:down (arg1 == 0)", args=(1, 20), options=["-U"])
    (_, frames), = blocks(out)
    # Where a caller left out can't be told from one more level, a level is missing.
    levels = names(frames).count("down")
    assert levels in (20, 21)
    assert names(frames)[:levels + 1] == ["down"] * levels + ["main"]


def test_stack_deeper_than_what_is_recorded_is_marked():
    _, out, _ = traced(f"p:{STACKS}:down (arg1 == 0)", args=(1, 300), options=["-U"])
    (_, frames), = blocks(out)
    assert frames[-1] == "..."
    assert set(names(frames[:-1])) == {"down"}
    with open("/proc/sys/kernel/perf_event_max_stack") as limit:
        assert len(frames) - 1 - min(127, int(limit.read())) in (0, 1)


def test_addresses_are_those_of_the_process():
    with Tool("trace", "-U", "-a", f"p:{STACKS}:inner") as trace, WaitingTarget("stacks", 1) as target:
        out, _ = trace.stop()
        expected = bias(target) + nm("inner")
    (_, frames), = blocks(out)
    address, symbol, module = frames[0].split()
    assert int(address, 16) == expected
    assert (symbol, module) == ("inner+0x0", "[stacks]")
    assert f"        {expected:16x} inner+0x0 [stacks]" in out.splitlines()


def test_symbols_of_values():
    target, out, _ = traced(f'u:{STACKS}:site "%U|%K", arg1, arg1', args=(2,))
    (row, _), = blocks(out)
    assert row.split(None, 4)[4].startswith("right+0x0 [stacks]|")


def test_tracepoint_has_the_stacks_of_kernel_and_process():
    target, out, _ = traced("t:syscalls:sys_enter_close (args->fd == -77)", options=["-K", "-U"])
    (_, frames), = blocks(out)
    kernel = [frame for frame in frames if frame.endswith(" [kernel]")]
    # Of a system call the kernel hands older kernels' programs the user's registers: no kernel stack.
    assert frames[:len(kernel)] == kernel, "the kernel's frames come first"
    user = frames[len(kernel):]
    assert re.fullmatch(r"(__)?close\+0x[0-9a-f]+ \[libc.*\]", user[0])
    assert "main" in names(user)


def test_tracepoint_in_the_kernel_has_the_kernels_stack():
    with Tool("trace", "-K", 't:sched:sched_process_exit (STRCMP("stacks", $comm))') as trace:
        with WaitingTarget("stacks"):
            pass
        out, _ = trace.stop()
    (_, frames), = blocks(out)
    assert "do_exit" in names(frames) and re.match(SYSCALL_ENTRY, frames[-1])
    assert all("[kernel]" in frame for frame in frames)


def test_kernel_stack_of_user_code_is_empty():
    _, out, _ = traced(f"p:{STACKS}:inner", args=(1,), options=["-K"])
    assert blocks(out)[0][1] == []


def test_json_has_frames_with_address_symbol_offset_and_module():
    with Tool("trace", "-U", "-K", "--json", f'p:{STACKS}:inner "%s", arg2') as trace, \
            WaitingTarget("stacks", 1) as target:
        out, _ = trace.stop()
        base = bias(target)
    (record,), lost = json_lines(out)
    assert lost == 0
    assert record["kernel_stack"] == [] and record["args"] == ["apple"]
    first, second = record["user_stack"][:2]
    assert first == {"address": base + nm("inner"), "symbol": "inner", "offset": 0,
                     "module": str(STACKS)}
    assert second["symbol"] == "left" and second["address"] == base + nm("left") + second["offset"]


def test_stacks_of_processes_that_end_at_once_have_names():
    with Tool("trace", "-U", f"p:{STACKS}:inner") as trace:
        # Not even looked at before they have ended.
        os.kill(trace.process.pid, signal.SIGSTOP)
        for _ in range(8):
            subprocess.run([STACKS, "1"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        os.kill(trace.process.pid, signal.SIGCONT)
        out, err = trace.stop()
    assert [names(frames)[:3] for _, frames in blocks(out)] == [["inner", "left", "main"]] * 8
    assert all(frame.split()[1] == "[stacks]" for _, frames in blocks(out) for frame in frames[:3])


def test_stacks_of_a_command_and_what_it_forks_have_names():
    script = f"{STACKS} 1; ({STACKS} 1) | cat; exec {STACKS} 1"
    status, out, err = run_tool("trace", "-U", f"p:{STACKS}:inner", "--", "sh", "-c", script)
    assert status == 0
    out = "\n".join(line for line in out.splitlines() if not line.startswith("inner "))
    assert [names(frames)[:3] for _, frames in blocks(out)] == [["inner", "left", "main"]] * 3


def test_armed_without_reading_symbols():
    with Tool("trace", "-K", "-U", f"p:{STACKS}:inner") as trace:
        with open(f"/proc/{trace.process.pid}/status") as status:
            rss = int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1))
        with WaitingTarget("stacks", 3, 3):
            out, _ = trace.stop()
    assert blocks(out) and rss < 10240, "kallsyms alone would take more"


KPROBE_PMU = Path("/sys/bus/event_source/devices/kprobe/type")


@pytest.mark.skipif(not KPROBE_PMU.exists(), reason="needs kprobes (CONFIG_KPROBES)")
@pytest.mark.parametrize("spec", ["vfs_write", "p::vfs_write+0x0", "r::vfs_write"])
def test_kernel_function_is_the_first_frame_and_its_system_call_the_last(spec):
    func = re.sub(r".*::|\+.*|\(.*", "", spec)
    _, out, _ = traced(f'{spec} (STRCMP("stacks", $comm))', options=["-K", "-U"])
    assert blocks(out), "the target writes its log"
    if spec.startswith("r:") and KERNEL < (5, 15):
        # Its unwinder ends at what stands for the caller, by kprobes.
        assert all("trampoline" in names(frames)[0] for _, frames in blocks(out)), out
        return
    for _, frames in blocks(out):
        kernel = names([frame for frame in frames if frame.endswith("]") and "[kernel]" in frame])
        if not spec.startswith("r:"):
            assert kernel[0] == func
        assert any("sys_write" in name for name in kernel)
        assert re.match(SYSCALL_ENTRY, kernel[-1])
        assert not any("[bpf]" in frame for frame in frames)
        assert names(frames)[len(kernel)].endswith("write")
