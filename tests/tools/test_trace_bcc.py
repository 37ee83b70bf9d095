# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""The examples of BCC's trace (trace_example.txt, trace(8), trace --help), run with the same text: each
prints what it prints there, checked against strace, /proc, or what the traced program said itself.

do_sys_open, which the examples probe, is inlined in current kernels: do_sys_openat2 stands for it. The
rest of the text is as written."""
import os
import pty
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tracing import PATIENCE, Tool, WaitingTarget, cgroup_mount, need, need_that, run_tool, running, target_path

KPROBES = Path("/sys/bus/event_source/devices/kprobe/type").exists()
KALLSYMS = {line.split()[2] for line in Path("/proc/kallsyms").read_text().splitlines()} if KPROBES else set()
HMS = r"\d\d:\d\d:\d\d"


def needs_function(name):
    return pytest.mark.skipif(name not in KALLSYMS, reason=f"needs kprobes and the kernel function {name}")


def python(code, **kwargs):
    """Run a program: (pid, what it printed)."""
    with running(sys.executable, "-c", code, stdout=subprocess.PIPE, text=True, **kwargs) as process:
        out = process.communicate(timeout=4 * PATIENCE)[0]
    assert process.returncode == 0
    return process.pid, out.split()


def traced(*args, run):
    """(what run() returned, the header, the other lines, stderr)."""
    with Tool("trace", *args) as trace:
        result = run()
        out, err = trace.stop()
    assert trace.status == 0, err
    assert "lost" not in err
    header, *lines = out.splitlines()
    return result, header, lines, err


def messages(lines, func, pid=None, columns=4):
    """The messages of a function's lines; columns: those before FUNC and FUNC."""
    fields = [line.split(None, columns) + [""] for line in lines if line and line[0] != " "]
    return [found[columns] for found in fields if found[columns - 1] == func and
            (pid is None or found[columns - 4] == str(pid))]


def strace(*command, calls):
    """The lines of strace about these system calls, by the process that it started."""
    need("strace")
    log = subprocess.run(["strace", "-f", "-qq", "-s", "300", "-e", f"trace={calls}", *command],
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         text=True, timeout=8 * PATIENCE).stderr
    need_that("ptrace" not in log, "strace may not trace here")
    return log.splitlines()


# ---- system calls ---------------------------------------------------------------------------


def test_sys_execve_shows_the_commands_executed():
    log, header, lines, _ = traced('sys_execve "%s", arg1', run=lambda: strace(
        "sh", "-c", "/bin/true; exec /usr/bin/env -i /bin/echo", calls="execve"))
    assert header.split() == ["PID", "TID", "COMM", "FUNC", "-"]
    executed = re.findall(r'execve\("([^"]+)"', "\n".join(log))
    seen = messages(lines, "sys_execve")
    assert {"/bin/true", "/usr/bin/env", "/bin/echo"} <= set(executed) <= set(seen)


def test_sys_read_with_a_predicate_shows_large_reads_only():
    def dd():
        with running("dd", "if=/dev/zero", "of=/dev/null", "bs=1M", "count=4", stderr=subprocess.DEVNULL) as process:
            assert process.wait() == 0
        return process.pid

    pid, _, lines, _ = traced('sys_read (arg3 > 20000) "read %d bytes", arg3', run=dd)
    assert messages(lines, "sys_read", pid) == ["read 1048576 bytes"] * 4
    assert all(int(message.split()[1]) > 20000 for message in messages(lines, "sys_read"))


def test_sys_read_with_empty_parts_in_front():
    def dd():
        subprocess.run(["dd", "if=/dev/zero", "of=/dev/null", "bs=30000", "count=2"], check=True,
                       stderr=subprocess.DEVNULL)

    _, _, lines, _ = traced('::sys_read (arg3 > 20000) "read %d bytes", arg3', run=dd)
    assert messages(lines, "sys_read").count("read 30000 bytes") == 2


def test_sys_futex_return_with_user_stack_and_addresses():
    _, _, lines, _ = traced("-U", "-a", 'r::sys_futex "%d", retval', run=lambda: python(
        "import threading\nlock = threading.Lock(); lock.acquire()\n"
        "t = threading.Thread(target=lock.acquire); t.start()\n"
        "import time; time.sleep(0.1); lock.release(); t.join(); time.sleep(0.3)"))
    heads = [line for line in lines if re.match(r"\d+ +\d+ +\S+ +sys_futex +-?\d+$", line)]
    frames = [line for line in lines if line.startswith("        ") and line != "        ..."]
    assert heads and frames
    # Or why there are no more of them.
    assert all(re.fullmatch(r" {8}[ 0-9a-f]{16} .+| {8}\(.+\)", frame) for frame in frames)
    assert any(re.fullmatch(r" {8} +[0-9a-f]+ \S.*\+0x[0-9a-f]+ \[libc\.so\.6\]", frame) for frame in frames)


NANOSLEEP = ("import ctypes, struct\nts = struct.pack('qq', 0, 50001234)\n"
             "ctypes.CDLL(None).syscall(35, ts, None)")


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="needs x86_64's system call numbers")
def test_signature_gives_access_to_a_structure_in_user_memory():
    (pid, _), _, lines, _ = traced('p::SyS_nanosleep(struct timespec *ts) "sleep for %lld ns", ts->tv_nsec',
                                   run=lambda: python(NANOSLEEP))
    assert messages(lines, "SyS_nanosleep", pid) == ["sleep for 50001234 ns"]


SETSOCKOPT = ('sys_setsockopt(int fd, int level, int optname, char* optval, int optlen)(level==0 && optname == 1 '
              '&& STRCMP("{0x6C, 0x00, 0x00, 0x00}", optval))')


def test_setsockopt_with_a_binary_value():
    code = ("import socket\ns = socket.socket()\n"
            "for tos in (107, 108, 109, 0x6c6c, 108 << 8): s.setsockopt(0, 1, tos)")
    with Tool("trace", SETSOCKOPT, "-U", "-M", "1", "--bin_cmp") as trace:
        pid, _ = python(code)
        out, err = trace.wait()
    lines = out.splitlines()
    assert trace.status == 0 and lines[1].split()[:4] == [str(pid), str(pid), "python3", "sys_setsockopt"]
    assert sum("sys_setsockopt" in line for line in lines) == 1
    (pid, _), _, lines, _ = traced(SETSOCKOPT, "-B", run=lambda: python(code))
    assert len(messages(lines, "sys_setsockopt", pid)) == 1


# ---- the C library --------------------------------------------------------------------------


def test_failed_reads_and_writes_of_libc_with_the_time():
    def fail():
        return python("import ctypes\nc = ctypes.CDLL(None)\nc.write(-1, b'x', 1)\nc.read(-1, None, 1)\n"
                      "c.write(1, b'', 0)")

    (pid, _), header, lines, _ = traced('r:c:read ((int)retval < 0) "read failed: %d", retval',
                                        'r:c:write ((int)retval < 0) "write failed: %d", retval', "-T", run=fail)
    assert header.split() == ["TIME", "PID", "TID", "COMM", "FUNC", "-"]
    mine = [line.split(None, 4)[4] for line in lines if line.split()[1] == str(pid)]
    assert [re.sub(" +", " ", line) for line in mine] == ["write write failed: -1", "read read failed: -1"]
    assert all(re.match(HMS + " ", line) for line in lines)


OPEN = "import ctypes\nctypes.CDLL(None).open(b'{0}', {1})\nctypes.CDLL(None).open(b'/dev/null', 0)"


def test_open_of_libc_with_strcmp():
    def run():
        return python("import ctypes\nfor name in (b'test.txt', b'test.txt2', b'test.tx', b'test'):"
                      "ctypes.CDLL(None).open(name, 0)")

    (pid, _), _, lines, _ = traced('p:c:open (STRCMP("test.txt", arg1)) "opening %s", arg1', "-T", run=run)
    assert messages(lines, "open", columns=5) == ["opening test.txt"]


def test_open_of_libc_with_a_signature():
    (pid, _), _, lines, _ = traced('p:c:open(char *filename) "opening %s", filename',
                                   run=lambda: python(OPEN.format("/etc/hostname", 0)))
    assert "opening /etc/hostname" in messages(lines, "open", pid)


def test_open_of_libc_with_certain_flags():
    (pid, _), _, lines, _ = traced('c:open (arg2 == 42) "%s %d", arg1, arg2',
                                   run=lambda: python(OPEN.format("/nonexistent", 42)))
    assert messages(lines, "open") == ["/nonexistent 42"]


def test_malloc_sizes_and_results():
    code = ("import ctypes\nc = ctypes.CDLL(None)\nc.malloc.restype = ctypes.c_void_p\n"
            "print(c.malloc(123457) & 0xffffffff, c.malloc(ctypes.c_size_t(2**62)))")

    (pid, out), _, lines, _ = traced('-b', 2048, 'c:malloc "size = %d", arg1', 'r:c:malloc (retval) "allocated = %x", retval',
                                     run=lambda: python(code))
    seen = messages(lines, "malloc", pid)
    assert "size = 123457" in seen
    assert seen[seen.index("size = 123457") + 1] == f"allocated = {int(out[0]):x}"
    assert out[1] == "None", "a malloc that fails is not shown"
    assert "allocated = 0" not in seen
    _, _, lines, _ = traced(':c:malloc "size = %d", arg1', run=lambda: python(code))
    assert "size = 123457" in messages(lines, "malloc")


def test_writes_to_stdout_by_libc():
    code = "import os; os.write(1, b'0123456789'); os.write(2, b'no')"
    (pid, out), _, lines, _ = traced('p:c:write (arg1 == 1) "writing %d bytes to STDOUT", arg3',
                                     run=lambda: python(code, stderr=subprocess.DEVNULL))
    assert messages(lines, "write", pid) == [f"writing {len(out[0])} bytes to STDOUT"]


def test_symbol_files_are_accepted_and_stacks_named():
    code = "import socket, time; socket.inet_pton(socket.AF_INET, '127.0.0.1'); time.sleep(0.5)"
    (pid, _), header, lines, _ = traced("-s", "/lib/x86_64-linux-gnu/libc.so.6,/bin/ping", "p:c:inet_pton", "-U",
                                        run=lambda: python(code))
    assert header.split()[:4] == ["PID", "TID", "COMM", "FUNC"]
    at = [line.split()[:1] for line in lines].index([str(pid)])
    assert lines[at + 1] == "        inet_pton+0x0 [libc.so.6]"


# ---- programs and other libraries -----------------------------------------------------------


def test_readline_of_bash_shows_what_is_typed():
    need("bash")
    typed = ["echo hi!", "true one  two"]

    def type_into_bash():
        pid, fd = pty.fork()
        if not pid:
            os.execvp("bash", ["bash", "--norc", "-i"])
        for line in typed + ["exit"]:
            os.write(fd, line.encode() + b"\n")
        try:
            while os.read(fd, 4096):
                pass
        except OSError:
            pass
        os.close(fd)
        os.waitpid(pid, 0)
        return pid

    pid, _, lines, _ = traced('r:bash:readline "%s", retval', run=type_into_bash)
    assert messages(lines, "readline", pid) == typed + ["exit"]


def test_exported_function_of_a_library_by_its_path():
    need("tput")
    ldd = subprocess.check_output(["ldd", shutil.which("tput")], text=True)
    path = re.search(r"libtinfo\S* => (\S+)", ldd).group(1)
    result, _, lines, _ = traced(f'r:{path}:curses_version "Version=%s", retval',
                                 run=lambda: subprocess.check_output(["tput", "-V"], text=True))
    # "?" where uprobes can't wait for a page that isn't in memory (before Linux 6.0).
    assert messages(lines, "curses_version") in ([f"Version={result.strip()}"], ["Version=?"])


MAIN = r"""
#include <stdio.h>
int main()
{
	int val = 0xdead;
	printf("%d\n", val);
	val = 0xbeef;
	printf("%d\n", val);
}
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="needs x86_64's registers")
def test_registers_at_offsets_in_a_function(tmp_path):
    need("gcc", "objdump")
    program = tmp_path / "a.out"
    subprocess.run(["gcc", "-O3", "-o", program, "-xc", "-"], input=MAIN.encode(), check=True)
    code = subprocess.check_output(["objdump", "--disassemble=main", "--prefix-addresses", program], text=True)
    at = [line.split(None, 2)[1][6:-1] for line in code.splitlines() if re.search(r"main\+", line)]
    sets = [i for i, line in enumerate(line for line in code.splitlines() if re.search(r"main\+", line))
            if re.search(r"\$0x(dead|beef),%e", line)]
    register = re.search(r"\$0xdead,%e(..)", code).group(1)
    offsets = [at[i + 1] for i in sets]
    _, _, lines, _ = traced(*(f'p:{program}:main+{offset} "%x", ctx->{register}' for offset in offsets),
                            run=lambda: subprocess.run([program], stdout=subprocess.DEVNULL))
    assert messages(lines, "main") == ["dead", "beef"]


# ---- USDT -----------------------------------------------------------------------------------


def test_usdt_argument_as_a_symbol_with_time_and_cpu():
    """'u:pthread:pthread_create "%U", arg3' -T -C, where libpthread has that probe."""
    stacks = target_path("stacks")
    with Tool("trace", f'u:{stacks}:site "%U", arg1', f"u:{stacks}:stacks:site (arg2 != 1)", "-T", "-C") as trace, \
            WaitingTarget("stacks", 4) as target:
        out, _ = trace.stop()
    header, *lines = out.splitlines()
    assert header.split() == ["TIME", "CPU", "PID", "TID", "COMM", "FUNC", "-"]
    assert all(re.match(HMS + r" \d+ +\d+ ", line) for line in lines)
    seen = messages(lines, "site", columns=6)
    right = [line for line in target.log if "right" in line]
    assert seen.count("right+0x0 [stacks]") == len(right)
    # Without a format, what is known of the arguments; one has arg2 1.
    rest = [message for message in seen if message != "right+0x0 [stacks]"]
    assert len(rest) == len(right) - 1
    assert all(re.fullmatch(r"arg1=\d+, arg2=(?!1$)\d+", message) for message in rest)


def test_pthread_usdt_probe_that_is_not_there_is_explained():
    for spec in ("u:pthread:pthread_create (arg4 != 0)", "u:pthread:libpthread:pthread_create (arg4 != 0)"):
        status, out, err = run_tool("trace", spec, "--duration", "0.1")
        # Some builds of libc have it.
        assert (status == 2 and not out and "USDT" in err) or (status == 0 and out.startswith("PID"))


def test_ruby_methods():
    """'u:ruby:method__entry "%s.%s", arg1, arg2' -p PID -T"""
    need("ruby")
    program = ("class Foo; def bar(n) n + 1; end; end\nputs 'ready'; $stdout.flush; gets\n"
               "TracePoint.new(:call, :return) {}.enable\n3.times { |i| Foo.new.bar(i) }\nputs 'done'; $stdout.flush; gets")
    with running("ruby", "-e", program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as ruby:
        assert ruby.stdout.readline() == "ready\n"
        lib = re.search(r"\S*/libruby\S*", Path(f"/proc/{ruby.pid}/maps").read_text())
        name = "ruby" if not lib else Path(lib.group(0)).name
        with Tool("trace", f'u:{name}:method__entry "%s.%s", arg1, arg2', "-p", str(ruby.pid), "-T") as trace:
            ruby.stdin.write("\n")
            ruby.stdin.flush()
            assert ruby.stdout.readline() == "done\n"
            out, _ = trace.stop()
        assert messages(out.splitlines()[1:], "method__entry", columns=5).count("Foo.bar") == 3


# ---- tracepoints ----------------------------------------------------------------------------


def test_block_tracepoint_shows_sectors():
    # With a queue of requests: not zram; with something in it: not an unused loop device.
    disks = [disk for disk in Path("/sys/block").iterdir()
             if (disk / "mq").exists() and int((disk / "size").read_text())]

    def read():
        return [device for device in disks if not subprocess.run(
            ["dd", f"if=/dev/{device.name}", "of=/dev/null", "bs=4096", "count=1", "iflag=direct"],
            stderr=subprocess.DEVNULL).returncode]

    need_that(read(), "no block device that can be read from")

    _, header, lines, _ = traced('t:block:block_rq_complete "sectors=%d", args->nr_sector', "-T", run=read)
    assert "sectors=8" in messages(lines, "block_rq_complete", columns=5)


# ---- kernel functions -----------------------------------------------------------------------


def opens(tmp_path, names):
    paths = [tmp_path / name for name in names]
    for path in paths:
        path.write_text("")
    return python("import os, time\n" + "\n".join(f"os.close(os.open({str(path)!r}, 0))" for path in paths) +
                  "\ntime.sleep(0.5)")


@needs_function("do_sys_openat2")
def test_event_filter_with_both_stacks(tmp_path):
    (pid, _), _, lines, _ = traced('do_sys_openat2 "%s", arg2@user', "-UK", "-f", "temp.",
                                   run=lambda: opens(tmp_path, ["temp.1", "other", "temp.2"]))
    assert messages(lines, "do_sys_openat2", pid) == [f"{tmp_path}/temp.1", f"{tmp_path}/temp.2"]
    assert not any("other" in line for line in lines)
    at = lines.index(next(line for line in lines if line.endswith("temp.1")))
    block = lines[at + 1:lines.index("", at)]
    assert re.fullmatch(r" {8}do_sys_openat2\+0x[0-9a-f]+ \[kernel\]", block[0])
    assert any(re.match(r" {8}(entry_SYSCALL_64|el0t_64_sync).* \[kernel\]", frame) for frame in block)
    assert re.search(r"\[libc\.so\.6\]", block[-1] + block[-2] + "".join(block))


@needs_function("do_sys_openat2")
def test_filters_by_name_user_process_and_message(tmp_path):
    spec = 'do_sys_openat2 "%s", arg2@user'
    path = f"{tmp_path}/config"
    (pid, _), _, lines, _ = traced(spec, "-n", "python", run=lambda: opens(tmp_path, ["config"]))
    assert path in messages(lines, "do_sys_openat2", pid)
    assert all("python" in line.split()[2] for line in lines)
    os.chmod(tmp_path, 0o755)
    run = "import os\nos.setuid(1001)\nopen('/etc/hostname')"
    (pid, _), _, lines, _ = traced(spec, "--uid", "1001", run=lambda: (opens(tmp_path, ["config"]), python(run))[1])
    assert "/etc/hostname" in messages(lines, "do_sys_openat2", pid)
    assert {line.split()[0] for line in lines} == {str(pid)}
    with running(sys.executable, "-c", "input(); open('/etc/hostname'); input()", stdin=subprocess.PIPE) as process, \
            Tool("trace", "-p", process.pid, spec, "-T") as trace:
        open("/etc/passwd").close()
        process.communicate(b"\n\n")
        out, _ = trace.stop()
    assert "/etc/hostname" in messages(out.splitlines()[1:], "do_sys_openat2", columns=5)
    assert "/etc/passwd" not in out


@needs_function("do_sys_openat2")
def test_plain_function_and_its_return(tmp_path):
    path = tmp_path / "x"
    path.write_text("")

    (pid, out), header, lines, _ = traced('r::do_sys_openat2 "%llx", retval', run=lambda: python(
        f"import os; print(os.open({str(path)!r}, 0))\ntry: os.open('/nonexistent', 0)\nexcept OSError: pass"))
    seen = messages(lines, "do_sys_openat2", pid)
    assert f"{int(out[0]):x}" in seen
    assert f"{2**64 - 2:x}" in seen, "-ENOENT"
    (pid, _), header, lines, _ = traced("do_sys_openat2", run=lambda: opens(tmp_path, ["y"]))
    assert str(pid) in {line.split()[0] for line in lines}


@needs_function("vfs_read")
def test_offset_in_a_kernel_function():
    (pid, _), _, lines, _ = traced("vfs_read+0x0", run=lambda: python("open('/etc/hostname').read()"))
    assert str(pid) in {line.split()[0] for line in lines}


@needs_function("__kmalloc")
def test_failed_kmalloc_is_rare():
    _, _, lines, _ = traced('r::__kmalloc (retval == 0) "kmalloc failed!"', 'r::__kmalloc (retval != 0) "fine"',
                            run=lambda: python("open('/etc/hostname')"))
    said = messages(lines, "__kmalloc")
    assert said.count("fine") > 100 * said.count("kmalloc failed!")
    assert set(said) <= {"fine", "kmalloc failed!"}


@needs_function("clockevents_program_event")
def test_aggregate_of_kernel_stacks_until_max_events():
    with Tool("trace", "clockevents_program_event", "-K", "-A", "-M", "100") as trace:
        out, _ = trace.wait()
    counts = list(map(int, re.findall(r"^-->COUNT (\d+)$", out, re.M)))
    assert sum(counts) == 100 and counts == sorted(counts, reverse=True)
    for block in out.split("\n", 1)[1].strip().split("\n\n"):
        head, *frames, count = block.splitlines()
        assert head.split()[-1] == "clockevents_program_event"
        assert re.fullmatch(r" {8}clockevents_program_event\+0x[0-9a-f]+ \[kernel\]", frames[0])


@pytest.fixture
def workload():
    path = cgroup_mount() / f"workload.{os.getpid()}.service"
    path.mkdir()
    yield path
    path.rmdir()


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="needs x86_64's system calls")
def test_system_calls_of_a_cgroup_only(workload):
    inside = f"open('{workload}/cgroup.procs', 'w').write('0')\n" + NANOSLEEP
    (pid, _), _, lines, _ = traced("-c", workload, "__x64_sys_nanosleep", "__x64_sys_clone",
                                   run=lambda: (python(NANOSLEEP), python(inside))[1])
    assert messages(lines, "__x64_sys_nanosleep", pid)
    assert {line.split()[0] for line in lines} == {str(pid)}


@needs_function("uprobe_register")
def test_include_is_accepted_with_a_note_and_a_pointer_followed(tmp_path):
    header = 'p::uprobe_register(struct inode *inode) "a_ops = %llx", inode->i_mapping->a_ops'

    def register():
        with Tool("trace", f"p:{target_path('stacks')}:inner") as other:
            other.stop()

    _, _, lines, err = traced("-I", "linux/fs.h", header, run=register)
    assert "-I linux/fs.h is not needed" in err
    found = {int(message.split()[2], 16) for message in messages(lines, "uprobe_register")}
    assert found
    ops = {int(line.split()[0], 16): line.split()[2] for line in Path("/proc/kallsyms").read_text().splitlines()
           if re.search(r" [dDrR] \S*(aops|a_ops|_ops)", line)}
    assert all(address in ops for address in found), (found, "no address_space_operations there")


@needs_function("udpv6_sendmsg")
def test_port_of_a_socket_by_the_kernels_macro_name():
    code = ("import socket\ns = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n"
            "s.connect(('::1', 53)); s.send(b'x')\n"
            "t = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\nt.connect(('::1', 54))\n"
            "try: t.send(b'x')\nexcept OSError: pass")
    need_that(socket.has_ipv6 and Path("/proc/net/if_inet6").exists(), "needs IPv6")
    (pid, _), _, lines, err = traced("-I", "net/sock.h", "udpv6_sendmsg(struct sock *sk) (sk->sk_dport == 13568)",
                                     run=lambda: python(code))
    assert [line.split()[0] for line in lines] == [str(pid)]


@needs_function("mntns_install")
def test_current_task_is_followed():
    code = ("import ctypes, os\nc = ctypes.CDLL(None)\nassert not c.unshare(0x20000)\n"
            "fd = os.open('/proc/self/ns/mnt', 0)\nassert not c.setns(fd, 0x20000)")
    (pid, _), _, lines, _ = traced("-I", "linux/fs_struct.h", 'mntns_install "users = %d", $task->fs->users',
                                   run=lambda: python(code))
    assert messages(lines, "mntns_install", pid) == ["users = 1"]


def test_include_of_a_signature_without_kernel_headers():
    """__account_cfs_rq_runtime, where the kernel has it: its structure needs no header."""
    spec = 'p::__account_cfs_rq_runtime(struct cfs_rq *cfs_rq) "%d", cfs_rq->runtime_remaining'
    status, out, err = run_tool("trace", "-I", "kernel/sched/sched.h", spec, "--duration", "0.2")
    assert "-I kernel/sched/sched.h is not needed" in err
    if status:
        assert "__account_cfs_rq_runtime" in err
    else:
        assert out.splitlines()[0].split()[-1] == "-"
