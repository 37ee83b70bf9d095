# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""opensnoop, end to end: what it shows of opens, compared with what the opening program knows."""
import contextlib
import ctypes
import errno
import json
import os
import re
import subprocess
import time

import pytest

from tracing import (HITS, KERNEL, Tool, cgroup_mount, json_lines, need, need_that, run_tool, running,
                     tool_path)

PYTHON = "/usr/bin/python3"

# Opens each path of a JSON list of [latin-1 path, flags] and tells tid and results as a JSON line on stderr.
OPENER = r"""
import json, os, sys, threading
log = []
for path, flags in json.loads(sys.argv[1]):
    try:
        fd = os.open(path.encode("latin-1"), flags)
        os.close(fd)
        log.append(0)
    except OSError as e:
        log.append(e.errno)
print(json.dumps({"pid": os.getpid(), "errno": log}), file=sys.stderr)
"""


def open_all(opens, *options):
    """Trace a program that opens these; (its log, records of them, lost)."""
    status, out, err = run_tool("opensnoop", "--json", *options, "--", PYTHON, "-c", OPENER,
                                json.dumps(opens))
    assert status == 0, err
    log = json.loads(err.splitlines()[-1])
    records, lost = json_lines(out)
    return log, records, lost


def test_each_open_is_shown_with_its_result(tmp_path):
    (tmp_path / "there").touch()
    opens = [[str(tmp_path / "there"), os.O_RDONLY | os.O_CLOEXEC],
             [str(tmp_path / "absent"), os.O_RDWR | os.O_CLOEXEC],
             [str(tmp_path / "new"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC],
             [str(tmp_path), os.O_WRONLY | os.O_CLOEXEC],
             ["/proc/self/nothing/../x" + "y" * 3000, os.O_RDONLY | os.O_CLOEXEC]]
    log, records, lost = open_all(opens)
    shown = [r for r in records if any(r["path"] == path for path, _ in opens)]
    assert lost == 0
    assert [(r["path"], r["flags"], r["errno"]) for r in shown] == \
        [(path, flags, errno) for (path, flags), errno in zip(opens, log["errno"])]
    assert {r["pid"] for r in shown} == {log["pid"]}
    assert shown[0]["fd"] >= 3 and "fd_error" not in shown[0]
    assert shown[1]["fd"] is None and shown[1]["fd_error"] == "ENOENT"
    assert shown[3]["fd_error"] == "EISDIR"


def test_creat_is_an_open(tmp_path):
    path = tmp_path / "made"
    program = "import ctypes, sys; ctypes.CDLL(None).creat(sys.argv[1].encode(), 0o600)"
    status, out, err = run_tool("opensnoop", "--json", "--", PYTHON, "-c", program, str(path))
    assert status == 0, err
    records, _ = json_lines(out)
    made, = (record for record in records if record["path"] == str(path))
    flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
    # Without a system call of its own (arm64) it is an openat.
    assert made["flags"] & flags == flags and made["fd"] >= 3


def test_strange_names_are_whole_in_json_and_harmless_in_text(tmp_path):
    names = ["new\nline", "esc\x1b[2J", "caf\xc3\xa9", "bytes\xff\xfe", "back\\slash", "tab\t\r"]
    opens = [[f"{tmp_path}/{name}", os.O_RDONLY] for name in names]
    _, records, _ = open_all(opens)
    for path, _ in opens:
        raw = path.encode("latin-1")
        assert any(r["path"].encode() == raw or r.get("path_hex") == raw.hex() for r in records), path
    status, out, err = run_tool("opensnoop", "--", PYTHON, "-c", OPENER, json.dumps(opens))
    assert status == 0, err
    for shown in ["new\\nline", "esc\\x1b[2J", "caf\u00e9", "bytes\\xff\\xfe", "back\\\\slash", "tab\\t\\r"]:
        assert f"{tmp_path}/{shown}\n" in out
    assert "\x1b" not in out and "\r" not in out


def test_columns_are_bccs(tmp_path):
    program = f"import os\ntry: os.open('{tmp_path}/absent', os.O_WRONLY)\nexcept OSError: pass"
    status, out, err = run_tool("opensnoop", "-T", "-U", "-e", "--", PYTHON, "-c", program)
    assert status == 0, err
    lines = out.splitlines()
    assert lines[0] == "TIME(s)       UID   PID    COMM               FD ERR FLAGS    MODE PATH"
    row = next(line for line in lines if line.endswith("/absent"))
    assert re.fullmatch(r"\d+\.\d{9} {2,}0     \d+ +python3 +-   2 02000001 -    " +
                        re.escape(f"{tmp_path}/absent"), row), row


FULL_PATHS = r"""
import ctypes, os, sys
top = os.path.realpath(sys.argv[1])
os.makedirs(top + "/cwd/in"); os.makedirs(top + "/dir"); os.makedirs(top + "/gone")
def tell(fd): os.write(2, f"OPENED {os.readlink(f'/proc/self/fd/{fd}')}\n".encode()); os.close(fd)
write = os.O_CREAT | os.O_WRONLY
tell(os.open(top + "/absolute", write))
os.chdir(top + "/cwd")
tell(os.open("relative", write))
tell(os.open("../dotdot", write))
folder = os.open(top + "/dir", os.O_RDONLY | os.O_DIRECTORY)
tell(os.open("at", write, dir_fd=folder))
tell(os.open(top + "/absolute-at", write, dir_fd=folder))
deep = top + "/cwd"
for _ in range(140):
    os.mkdir("d"); os.chdir("d")
tell(os.open("deep", write))
os.chdir(top + "/gone"); os.rmdir(top + "/gone")
try: os.open("deleted", os.O_RDONLY)
except OSError: pass
os.chroot(top + "/cwd"); os.chdir("/in")
for path in ("/in/chroot", "chroot-relative"): os.close(os.open(path, write))
class How(ctypes.Structure): _fields_ = [(name, ctypes.c_uint64) for name in ("flags", "mode", "resolve")]
ctypes.CDLL(None).syscall(437, folder, b"/in-root", ctypes.byref(How(write, 0o600, 0x10)), 24)  # RESOLVE_IN_ROOT
"""


def test_full_paths_are_those_of_the_mount_namespace(tmp_path):
    """As the kernel names the files that were opened, but for "..", which is left to be resolved."""
    status, out, err = run_tool("opensnoop", "-F", "--json", "--", PYTHON, "-c", FULL_PATHS, tmp_path)
    assert status == 0, err
    top = os.path.realpath(tmp_path)
    opened = [line.split()[1] for line in err.splitlines() if line.startswith("OPENED")]
    by_path = {r["path"]: r for r in json_lines(out)[0]}
    full = {path: record["full_path"] for path, record in by_path.items()}
    assert [full[f"{top}/absolute"], full["relative"], os.path.normpath(full["../dotdot"]), full["at"],
            full[f"{top}/absolute-at"]] == opened[:5]
    assert full["../dotdot"] == f"{top}/cwd/../dotdot"
    # Cut where it begins, and marked so.
    assert full["deep"].startswith(".../d/d/") and opened[5].endswith(full["deep"][3:])
    assert (by_path["deleted"]["dir_state"], full["deleted"]) == ("deleted", f"{top}/gone/deleted")
    assert (full["/in/chroot"], full["chroot-relative"]) == (f"{top}/cwd/in/chroot", f"{top}/cwd/in/chroot-relative")
    assert KERNEL < (5, 6) or full["/in-root"] == f"{top}/dir/in-root"
    assert {record["dir_state"] for path, record in by_path.items() if path != "deleted"} == {"there"}
    assert {record["mntns"] for record in by_path.values()} == {os.stat("/proc/self/ns/mnt").st_ino}


def test_a_directory_of_another_mount_namespace_is_told(tmp_path):
    need("unshare", "mount")
    program = "import os, sys; os.close(os.open('x', os.O_CREAT | os.O_WRONLY, dir_fd=int(sys.argv[1])))"
    script = f"mount -t tmpfs none {tmp_path}; mkdir {tmp_path}/d; exec 7<{tmp_path}/d; umount -l {tmp_path}; " \
             f"exec {PYTHON} -c \"{program}\" 7"
    status, out, err = run_tool("opensnoop", "-F", "--json", "--path", "*x", "--", "unshare", "-m", "sh", "-c", script)
    assert status == 0, err
    record = next(r for r in json_lines(out)[0] if r["path"] == "x")
    assert (record["dir_state"], record["full_path"], record["dirfd"]) == ("detached", "/d/x", 7)


def test_mode_and_flags_by_name(tmp_path):
    program = f"import os; os.open('{tmp_path}/made', os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640); os.open('{tmp_path}', os.O_RDONLY)"
    status, out, err = run_tool("opensnoop", "--json", "--path", f"{tmp_path}*", "--", PYTHON, "-c", program)
    assert status == 0, err
    made, listed = json_lines(out)[0]
    assert (made["mode"], made["flag_names"]) == (0o640, "O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC")
    assert "mode" not in listed and listed["flag_names"] == "O_RDONLY|O_CLOEXEC" and listed["gid"] == os.getgid()
    (tmp_path / "made").unlink()
    status, out, err = run_tool("opensnoop", "--columns", "flags,mode,path", "--path", "*/made", "--", PYTHON, "-c", program)
    assert [line.split() for line in out.splitlines()[1:]] == [["02000302", "0640", f"{tmp_path}/made"]]


def test_the_control_group_s_id_is_told():
    status, out, err = run_tool("opensnoop", "--json", "--", "cat", "/proc/self/cgroup")
    assert status == 0, err
    groups = [line for line in out.splitlines() if line.startswith("0::")]
    need_that(groups, "a control group of version 2")
    ids = {r["cgroup_id"] for r in map(json.loads, (l for l in out.splitlines() if l.startswith("{"))) if "path" in r}
    assert ids == {os.stat(cgroup_mount() / groups[0][3:].strip().lstrip("/")).st_ino}


def test_only_the_command_and_its_descendants_are_shown(tmp_path):
    opened = tmp_path / "opened"
    with running("sh", "-c", f"while :; do : < {tmp_path}; done") as others:
        status, out, err = run_tool("opensnoop", "--json", "--", "sh", "-c",
                                    f"(sh -c 'exec {PYTHON} -c \"import threading; "
                                    f"t = threading.Thread(target=open, args=(\\\"{opened}\\\", \\\"w\\\"));"
                                    f"t.start(); t.join()\"')")
    assert status == 0, err
    records, _ = json_lines(out)
    assert [r["tid"] == r["pid"] for r in records if r["path"] == str(opened)] == [False]
    assert others.pid not in {r["pid"] for r in records}


def test_filters_by_failure_flag_name_and_process(tmp_path):
    opens = [[f"{tmp_path}/absent", os.O_RDONLY], [f"{tmp_path}/made", os.O_WRONLY | os.O_CREAT],
             ["/etc/passwd", os.O_RDONLY]]

    def paths(*options):
        return [r["path"] for r in open_all(opens, *options)[1] if r["path"] in [p for p, _ in opens]]

    assert paths("-x") == [f"{tmp_path}/absent"]
    assert paths("-f", "O_WRONLY", "-f", "O_RDWR") == [f"{tmp_path}/made"]
    assert paths("-f", "O_RDONLY") == [f"{tmp_path}/absent", "/etc/passwd"]
    assert len(paths("-n", "ytho")) == 3
    assert paths("-n", "nobody") == []
    assert paths("-u", "root") == [p for p, _ in opens]
    assert paths("-u", "12345") == []
    with Tool("opensnoop", "-p", os.getpid(), "--json") as tool:
        open("/etc/hostname").close()
        subprocess.run(["cat", "/etc/passwd"], stdout=subprocess.DEVNULL, check=True)
        records, _ = json_lines(tool.stop()[0])
    assert "/etc/hostname" in [r["path"] for r in records]
    assert {r["pid"] for r in records} == {os.getpid()}


def test_filter_by_control_group():
    group = f"{cgroup_mount()}/test_opensnoop.{os.getpid()}"
    os.makedirs(f"{group}/below")
    try:
        with Tool("opensnoop", "-c", group, "--json") as tool:
            subprocess.run(["sh", "-c", f"echo $$ > {group}/below/cgroup.procs; exec cat /etc/passwd"],
                           stdout=subprocess.DEVNULL, check=True)
            subprocess.run(["cat", "/etc/hostname"], stdout=subprocess.DEVNULL, check=True)
            paths = [r["path"] for r in json_lines(tool.stop()[0])[0]]
    finally:
        os.rmdir(f"{group}/below")
        os.rmdir(group)
    assert "/etc/passwd" in paths
    assert "/etc/hostname" not in paths


OPENAT2 = 437


def test_openat2_and_unreadable_paths(tmp_path):
    libc = ctypes.CDLL(None, use_errno=True)
    with Tool("opensnoop", "-p", os.getpid(), "--json") as tool:
        how = (ctypes.c_uint64 * 3)(os.O_RDONLY | os.O_DIRECTORY, 0, 0)
        fd = libc.syscall(OPENAT2, -100, str(tmp_path).encode(), how, 24)
        missing = fd < 0 and ctypes.get_errno() == 38
        libc.openat(-100, None, 0)
        libc.syscall(OPENAT2, -100, b"/etc/passwd", None, 24)
        records, _ = json_lines(tool.stop()[0])
    if fd >= 0:
        os.close(fd)
    unreadable = next(r for r in records if r["path"] is None)
    assert (unreadable["path_error"], unreadable["fd_error"]) == ("EFAULT", "EFAULT")
    need_that(not missing, "this kernel has no openat2")
    directory = next(r for r in records if r["path"] == str(tmp_path))
    assert (directory["fd"], directory["flags"]) == (fd, os.O_RDONLY | os.O_DIRECTORY)
    blind = next(r for r in records if r["path"] == "/etc/passwd" and r["flags"] is None)
    assert (blind["flags_error"], blind["fd_error"]) == ("EFAULT", "EFAULT")


STORM = "import os\nfor i in range(20000):\n  try: os.open('/nowhere/%d' % i, 0)\n  except OSError: pass\n"


@pytest.mark.parametrize("transport", ["ring", "perf"])
@pytest.mark.parametrize("pages", [1, 4096])
def test_a_storm_is_shown_or_counted_as_lost(transport, pages):
    need_that(transport == "perf" or KERNEL >= (5, 8), "this kernel has no ring buffer")
    status, out, err = run_tool("opensnoop", "--json", "-x", "--transport", transport, "-b", pages,
                                "--", PYTHON, "-c", STORM)
    assert status == 0, err
    records, lost = json_lines(out)
    shown = [int(r["path"][9:]) for r in records if r["path"].startswith("/nowhere/")]
    assert len(set(shown)) == len(shown)
    if pages > 1:
        assert (len(shown), lost) == (20000, 0)
    # A few opens of the interpreter's own may be among the lost ones.
    assert 20000 <= len(shown) + lost <= 20000 + 1000
    assert (f"lost {lost} events" in err) == (lost > 0)


def test_a_stalled_reader_loses_only_what_is_told():
    with Tool("opensnoop", "--json", "-x", "-b", 1, "--", PYTHON, "-c", STORM) as tool:
        # Nothing is read from the pipe until the program has ended.
        children = f"/proc/{tool.process.pid}/task/{tool.process.pid}/children"
        with open(children) as file:
            child = file.read().split()[0]
        while os.path.exists(f"/proc/{child}") and "(zombie)" not in open(f"/proc/{child}/status").read():
            time.sleep(0.02)
        out, err = tool.wait()
    assert tool.status == 0, err
    records, lost = json_lines(out)
    shown = [r for r in records if r["path"].startswith("/nowhere/")]
    assert lost > 0
    assert 20000 <= len(shown) + lost <= 20000 + 1000


def test_rows_come_at_once_into_a_pipe():
    with Tool("opensnoop", "-p", os.getpid()) as tool:
        assert tool.read_line().startswith("PID ")
        start = time.monotonic()
        open("/etc/hostname").close()
        assert any("/etc/hostname" in line for line in tool.read_lines())
        assert time.monotonic() - start < 5
        tool.stop()
    assert tool.status == 0


def test_a_closed_pipe_ends_it_and_a_full_disk_is_told():
    storm = f"{tool_path('opensnoop')} -x -- {PYTHON} -c \"{STORM}\""
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {storm} | head -1"], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"PID") and done.stderr == b""
    done = subprocess.run(["bash", "-c", f"{storm} > /dev/full"], capture_output=True)
    assert done.returncode == 1
    assert b"cannot write the output: No space left on device" in done.stderr


def test_wrong_command_lines_exit_2_with_the_reason():
    for args, reason in [(["-f", "O_FOO"], "invalid --flag_filter 'O_FOO'"), (["-p", "x"], "invalid --pid 'x'"),
                         (["extra"], "unexpected argument 'extra'"), (["-u", "no one"], "invalid --uid"),
                         (["--"], "expected a command"), (["-d", "0"], "invalid --duration '0'")]:
        status, out, err = run_tool("opensnoop", *args)
        assert (status, out) == (2, "")
        assert reason in err


def test_without_privilege_it_says_what_it_needs():
    done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all",
                           "--bounding-set=-all", str(tool_path("opensnoop"))], capture_output=True)
    started = b"setpriv:" not in done.stderr and (b"opensnoop:" in done.stderr or b"Permission denied" not in done.stderr)
    need_that(started, "another user cannot execute the build tree")
    assert done.returncode == 1
    assert b"needs CAP_BPF, CAP_PERFMON" in done.stderr


# Opens COUNT files, each from a place of its own in memory: one in two does not exist.
ALTERNATOR = r"""
import ctypes, os, sys
libc = ctypes.CDLL(None)
count = int(sys.argv[1])
paths = [ctypes.create_string_buffer(b"/etc/hostname" if i % 2 else b"/etc/absent") for i in range(64)]
for i in range(count):
    fd = libc.open(paths[i % 64], 0)
    if fd >= 0:
        os.close(fd)
"""


def test_no_row_has_the_result_of_another_call(tmp_path):
    """Where the kernel preempts programs, it skips some: for a call's return, and for the next one's entry."""
    count, processes = max(HITS // 100, 200), 6
    with open(tmp_path / "rows", "w+") as output:
        with Tool("opensnoop", "--json", stdout=output) as tool:
            with contextlib.ExitStack() as stack:
                openers = [stack.enter_context(running(PYTHON, "-c", ALTERNATOR, count)) for _ in range(processes)]
                assert not any(opener.wait() for opener in openers)
            tool.stop()
        output.seek(0)
        text = output.read()
    pids = {opener.pid for opener in openers}
    rows = [r for r in json_lines(text)[0] if r["pid"] in pids and r["path"] in ("/etc/hostname", "/etc/absent")]
    wrong = [r for r in rows if (r["path"] == "/etc/absent") != (r["errno"] == errno.ENOENT)]
    # Kernels before 6.7 do not count what they skip: no row may be wrong, but some may be missing.
    assert rows and not wrong, wrong[:3]
