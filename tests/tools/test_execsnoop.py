# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""execsnoop, end to end: what it shows of calls, compared with what the executing programs log."""
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tracing import (FULL, HITS, Tool, cgroup_mount, json_lines, json_told, need, need_that, run_target, run_tool, running,
                     tool_path, wait_until)

ARGS_SIZE = 32768
ARGS_MAX = 512


@pytest.fixture
def folder(tmp_path):
    """What tests/targets/execs.c executes: a program, a script for it, and what can't be executed."""
    shutil.copy("/bin/true", tmp_path / "prog")
    (tmp_path / "script").write_text(f"#!{tmp_path}/prog -o\n")
    (tmp_path / "script").chmod(0o755)
    (tmp_path / "plain").touch()
    return tmp_path


def spawn(call, *args):
    """Fork and let the child call; (pid, errno of the call)."""
    pid = os.fork()
    if not pid:
        try:
            call(*args)
        except OSError as e:
            os._exit(e.errno)
        os._exit(0)
    return pid, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def record_calls(calls, *options):
    """Trace these calls of child processes: [(record or None, pid, errno)], whichever order they are seen in."""
    with Tool("execsnoop", "--json", *options) as tool:
        done = [spawn(*call) for call in calls]
        out, err = tool.stop()
    assert tool.status == 0, err
    records, lost = json_lines(out)
    assert lost == 0
    by_pid = {r["pid"]: r for r in records}
    return [(by_pid.get(pid), pid, error) for pid, error in done]


def json_objects(text):
    """Those among the lines of a command."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def arguments(record):
    """All bytes of the arguments, whatever their encoding."""
    in_hex = record.get("argv_hex") or [None] * len(record["argv"])
    return [bytes.fromhex(h) if h is not None else arg if arg is None else arg.encode()
            for arg, h in zip(record["argv"], in_hex, strict=True)]


def test_successful_and_failed_calls_have_all_arguments(folder):
    prog = str(folder / "prog")
    calls = [(os.execv, prog, [prog, "a", "two words", ""]),
             (os.execv, prog, ["-other", "x" * 5000, "line\nbreak", b"\xff\xfe"]),
             (os.execv, str(folder / "absent"), ["absent", "b", "y" * 5000, b"\xff\x01", ""]),
             (os.execv, str(folder / "plain"), ["plain"]),
             (os.execv, prog + "/below", ["below"])]
    shown = record_calls(calls, "-x")
    for (_, path, argv), (record, pid, error) in zip(calls, shown):
        assert record["file"] == path
        assert arguments(record) == [os.fsencode(arg) for arg in argv]
        assert record["ppid"] == os.getpid() and record["tid"] == pid
        assert record["uid"] == os.getuid()
        assert record["ret"] == -error
        assert "argv_truncated" not in record and "argv_error" not in record
    assert [r.get("error") for r, _, _ in shown] == [None, None, "ENOENT", "EACCES", "ENOTDIR"]
    assert shown[0][0]["argc"] == 4
    own = Path("/proc/self/comm").read_text().strip()
    assert (shown[0][0]["comm"], shown[0][0]["old_comm"]) == ("prog", own)
    assert (shown[2][0]["comm"], shown[2][0]["old_comm"]) == (own, own)


def test_failed_calls_are_shown_only_when_asked_for(folder):
    calls = [(os.execv, str(folder / "absent"), ["absent"]), (os.execv, str(folder / "prog"), ["prog"])]
    (absent, _, _), (prog, _, _) = record_calls(calls)
    assert absent is None and prog["ret"] == 0


def test_scripts_are_shown_with_their_interpreters(folder):
    outer = folder / "outer"
    outer.write_text(f"#!{folder}/script -z\n")
    outer.chmod(0o755)
    (one, _, _), (two, _, _) = record_calls([(os.execv, str(folder / "script"), ["name", "a b"]),
                                              (os.execv, str(outer), ["name", "c"])])
    assert one["file"] == str(folder / "script") and one["interpreter"] == str(folder / "prog")
    assert one["argv"] == [str(folder / "prog"), "-o", str(folder / "script"), "a b"]
    assert two["file"] == str(outer) and two["interpreter"] == str(folder / "prog")
    assert two["argv"] == [str(folder / "prog"), "-o", str(folder / "script"), "-z", str(outer), "c"]


def test_calls_by_descriptor_are_shown(folder):
    libc_execveat = ("import ctypes, sys, os; c = ctypes.CDLL(None); fd = os.open(sys.argv[1], os.O_PATH);"
                     "argv = (ctypes.c_char_p * 3)(b'zero', b'at', None);"
                     "c.syscall(322 if os.uname().machine == 'x86_64' else 281, fd, sys.argv[2].encode(),"
                     "argv, None, int(sys.argv[3]))")
    fd = os.open(folder / "prog", os.O_PATH)
    with Tool("execsnoop", "--json", "-x") as tool:
        by_fd, _ = spawn(os.execve, fd, ["zero", "by fd"], {})
        cases = [(str(folder), "prog", "0"), (str(folder / "prog"), "", "4096"),
                 (str(folder), "absent", "0")]
        pids = []
        for case in cases:
            with running("/usr/bin/python3", "-c", libc_execveat, *case) as process:
                process.wait()
            pids.append(process.pid)
        out, _ = tool.stop()
    os.close(fd)
    records = json_lines(out)[0]
    shown = [next(r for r in records if r["pid"] == pid and r["argv"][0] == "zero")
             for pid in [by_fd] + pids]
    assert [r["argv"][1] for r in shown] == ["by fd", "at", "at", "at"]
    assert [r["ret"] for r in shown] == [0, 0, 0, -errno.ENOENT]
    assert shown[0]["file"] == f"/dev/fd/{fd}"
    assert shown[1]["file"] == "/dev/fd/3/prog"
    assert shown[2]["file"] == "/dev/fd/3"
    assert (shown[3]["file"], shown[3]["dirfd"]) == ("absent", 3)


def test_a_thread_that_executes_is_shown_with_the_process_it_becomes(folder):
    def call():
        thread = threading.Thread(target=os.execv, args=(str(folder / "prog"), ["prog", "t"]))
        thread.start()
        thread.join()

    (record, pid, _), = record_calls([(call,)])
    assert record["argv"] == ["prog", "t"]
    assert record["pid"] == pid and record["tid"] != pid
    assert record["old_comm"] == Path("/proc/self/comm").read_text().strip()


@pytest.mark.parametrize("options", [[], ["--transport", "perf"]])
def test_arguments_beyond_the_limits_are_marked(folder, options):
    prog, absent = str(folder / "prog"), str(folder / "absent")
    fits = ["p", "a" * (ARGS_SIZE - 3)]
    long = ["p", "b" * ARGS_SIZE]
    calls = [(os.execv, path, argv) for path in (prog, absent)
             for argv in (fits, long, ["p"] + ["x"] * (ARGS_MAX - 1), ["p"] + ["x"] * ARGS_MAX)]
    shown = [record for record, _, _ in record_calls(calls, "-x", *options)]
    for fits_shown, long_shown, most, more in (shown[:4], shown[4:]):
        assert fits_shown["argv"] == fits and "argv_truncated" not in fits_shown
        assert long_shown["argv"] == ["p", "b" * (ARGS_SIZE - 2)] and long_shown["argv_truncated"]
        assert len(most["argv"]) == ARGS_MAX and "argv_truncated" not in most
        assert len(more["argv"]) == ARGS_MAX and more["argv_truncated"]
    assert shown[3]["argc"] == ARGS_MAX + 1


def test_an_argument_that_could_not_be_read_is_marked_alone(folder):
    """One in memory that isn't there, as no program can have made it: the call fails, the others are shown."""
    program = ("import ctypes, os, mmap, sys\n"
               "libc = ctypes.CDLL(None, use_errno=True)\n"
               "args = (ctypes.c_void_p * 4)()\n"
               "kept = [ctypes.create_string_buffer(b'one'), ctypes.create_string_buffer(b'three')]\n"
               "args[0], args[1], args[2] = ctypes.addressof(kept[0]), 8, ctypes.addressof(kept[1])\n"
               "libc.execve(sys.argv[1].encode(), args, None)\n"
               "sys.exit(ctypes.get_errno())\n")
    for path, name, number in ((folder / "absent", "ENOENT", 2), (folder / "prog", "EFAULT", 14)):
        command = ["/usr/bin/python3", "-c", program, str(path)]
        with Tool("execsnoop", "-x", "--json") as tool, running(*command) as process:
            assert process.wait() in (number, errno.EFAULT)
            out, _ = tool.stop()
        record = next(r for r in json_lines(out)[0] if r["pid"] == process.pid and r["ret"])
        assert record["argv"] == ["one", None, "three"] and record["argv_error"] == "EFAULT"
        assert record["ret"] == -process.returncode
    with Tool("execsnoop", "-x") as tool:
        subprocess.run(command)
        out, _ = tool.stop()
    assert f"{path} \\? three\n" in out


def test_text_has_bccs_columns_and_marks(folder):
    prog = str(folder / "prog")
    with Tool("execsnoop", "-x", "--max-args", "3") as tool:
        pids = [spawn(os.execv, prog, [prog, "a\nb\x1b[2J", b"\xff\\", "c", "d"])[0],
                spawn(os.execv, str(folder / "absent"), ["zero", "a"])[0]]
        out, _ = tool.stop()
    lines = out.splitlines()
    assert lines[0] == "PCOMM            PID    PPID   RET ERROR    ARGS"
    own = Path("/proc/self/comm").read_text().strip()
    assert f"{'prog':16} {pids[0]:<6} {os.getpid():<6}   0 -        {prog} a\\nb\\x1b[2J \\xff\\\\ \\..." in lines
    assert f"{own:16} {pids[1]:<6} {os.getpid():<6}  -2 ENOENT   {folder}/absent a" in lines


def test_marks_are_no_text(folder):
    """What is cut, and what isn't known, can't be said by an argument."""
    prog = str(folder / "prog")
    with Tool("execsnoop", "--max-args", "3") as tool:
        for args in (["?", "..."], ["?", "b", "c"], ["\\\\...", "\\?"]):
            spawn(os.execv, prog, [prog, *args])
        spawn(os.execv, prog, [prog, "b" * ARGS_SIZE])
        out, _ = tool.stop()
    lines = [line.split(prog, 1)[1] for line in out.splitlines() if prog in line]
    assert lines[:3] == [" ? ...", r" ? b \...", r" \\\\... \\?"]
    assert lines[3].endswith(r"bbb\...")


def test_the_executable_is_told_by_its_path_and_state(folder):
    """A link, a file that is removed, one that never was in a directory, a script."""
    (folder / "link").symlink_to("prog")
    shutil.copy("/bin/true", folder / "gone")
    gone = os.open(folder / "gone", os.O_RDONLY | os.O_CLOEXEC)
    os.unlink(folder / "gone")
    memory = os.memfd_create("a name")
    os.write(memory, Path("/bin/true").read_bytes())
    calls = [(os.execv, str(folder / "link"), ["l"]), (os.execve, gone, ["g"], {}), (os.execve, memory, ["m"], {}),
             (os.execv, str(folder / "script"), ["s"])]
    records = [record for record, _, _ in record_calls(calls)]
    prog = str((folder / "prog").resolve())
    assert [(r["exe"], r["exe_state"]) for r in records] == \
        [(prog, "there"), (str((folder / "gone").resolve()), "deleted"), ("memfd:a name", "memfd"), (prog, "there")]
    assert all(r["mntns"] == os.stat("/proc/self/ns/mnt").st_ino for r in records)


def test_the_path_is_that_of_the_mount_namespace(folder):
    """Whatever root the program has, and over mounts."""
    need("unshare", "mount", "chroot")
    root = folder.resolve() / "root"
    (root / "bin").mkdir(parents=True)
    script = f"mount -t tmpfs none {root} && mkdir {root}/d && cp {tool_path('execsnoop', static=True)} {root}/d/x && " \
             f"exec chroot {root} /d/x --version"
    status, out, err = run_tool("execsnoop", "--json", "--cwd", "--", "unshare", "-m", "sh", "-c", script, cwd=folder)
    assert status == 0, err
    record = next(r for r in json_objects(out) if r.get("file") == "/d/x")
    assert (record["exe"], record["exe_state"], record["cwd"]) == (f"{root}/d/x", "there", f"{root}")


def test_a_directory_that_was_removed_is_told(folder):
    (folder / "there").mkdir()
    command = f"cd {folder}/there; rmdir {folder}/there; {folder}/prog"
    status, out, err = run_tool("execsnoop", "--json", "--cwd", "--", "sh", "-c", command)
    assert status == 0, err
    states = {r["comm"]: r["cwd_state"] for r in json_objects(out) if "comm" in r}
    assert states == {"sh": "there", "prog": "deleted", "rmdir": "there"}


def test_ids_are_those_after_the_call(folder):
    """As nobody: a set-user-id program, a set-group-id one, and one on which these bits have no effect."""
    programs = [folder / name for name in ("user", "group", "plain-program")]
    for program, mode in zip(programs, (0o4755, 0o2755, 0o755)):
        shutil.copy("/bin/true", program)
        os.chown(program, 1, 2)
        program.chmod(mode)
    for part in [folder, *folder.parents]:
        need_that(part == Path("/") or part.stat().st_mode & 1 or not part.chmod(0o711), "a way for nobody")

    def call(program):
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        os.execv(str(program), [str(program)])
    records = [record for record, _, _ in record_calls([(call, program) for program in programs])]
    assert [(r["uid"], r["euid"], r["gid"], r["egid"], r["set_id"]) for r in records] == \
        [(65534, 1, 65534, 65534, True), (65534, 65534, 65534, 2, True), (65534, 65534, 65534, 65534, False)]
    login = Path("/proc/self/loginuid")
    number = int(login.read_text()) if login.exists() else None
    assert all(r.get("loginuid", 2**32 - 1) == number for r in records)


def test_the_environment_is_shown_by_name(folder):
    prog = str(folder / "prog")
    environment = {"A": "it's", "AB": "x", "LONG": "y" * 20000, "LAST": "z"}
    calls = [(os.execve, prog, ["p"], {"A": "1", "AB": "2", "EMPTY": ""}), (os.execve, prog, ["p"], environment),
             (os.execve, str(folder / "absent"), ["p"], environment)]
    records = [record for record, _, _ in record_calls(calls, "-x", "--env", "A,EMPTY", "--env", "LAST")]
    assert records[0]["env"] == {"A": "1", "EMPTY": ""} and "env_truncated" not in records[0]
    assert records[1]["env"] == {"A": "it's", "EMPTY": None, "LAST": None} and records[1]["env_truncated"]
    assert records[2]["env"] is None and records[2]["env_error"]
    with Tool("execsnoop", "--env", "A,B", "-M", "-C") as tool:
        spawn(os.execve, prog, ["p"], environment)
        out, _ = tool.stop()
    assert out.splitlines()[0].split() == ["CPU", "PCOMM", "PID", "PPID", "PARENT", "RET", "ENV", "ARGS"]
    words = next(line for line in out.splitlines() if prog in line).split()
    own = Path("/proc/self/comm").read_text().strip()
    assert words[0].isdigit() and words[4] == own and words[6:] == ["A=$'it\\'s'", "B=\\?", prog]


def test_optional_columns(folder):
    os.makedirs(folder / "deep" / "er")
    (status, out, err) = run_tool("execsnoop", "-T", "-t", "-U", "--cwd", "--old-comm", "--",
                                  folder / "prog", "x", cwd=folder / "deep/er")
    assert status == 0, err
    header, row = out.splitlines()
    assert header == ("TIME     TIME(s)  UID    OLDCOMM          PCOMM            PID    PPID   RET "
                      "CWD                      CWD-IS   ARGS")
    assert re.fullmatch(r"\d\d:\d\d:\d\d \d+\.\d{3}\s+0\s+execsnoop\s+prog\s+\d+\s+\d+\s+0 "
                        + re.escape(f"{folder}/deep/er there    {folder}/prog x"), row)


def test_the_current_directory_across_mounts(folder):
    shown = record_calls([(lambda cwd=cwd: (os.chdir(cwd), os.execv(str(folder / "prog"), ["p"])),)
                          for cwd in ("/", "/proc/self", str(folder))], "--cwd")
    assert shown[0][0]["cwd"] == "/"
    assert shown[1][0]["cwd"] == f"/proc/{shown[1][1]}"
    assert shown[2][0]["cwd"] == os.path.realpath(folder)


def test_quoted_lines_are_read_back_by_a_shell(folder):
    argv = ["prog", "plain", "two words", "", "it's", "a$HOME`x`\"", "tab\tnew\nline", "back\\slash",
            b"\xff\xfe1".decode("utf-8", "surrogateescape"), "\u202e", "caf\u00e9", "*", "\x1b1"]
    with Tool("execsnoop", "-q") as tool:
        pid, _ = spawn(os.execv, str(folder / "prog"), argv)
        out, _ = tool.stop()
    row = next(line for line in out.splitlines() if line.split()[1] == str(pid))
    line = row.split(None, 4)[4]
    read = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True)
    assert read.stdout.split(b"\0")[:-1] == [os.fsencode(a) for a in [str(folder / "prog")] + argv[1:]]


def test_names_and_lines_are_filtered_by_regular_expressions(folder):
    shutil.copy("/bin/true", folder / "other")
    calls = [(os.execv, str(folder / name), [name, word]) for name in ("prog", "other")
             for word in ("red car", "blue")]
    assert [r and r["argv"] for r, _, _ in record_calls(calls, "-n", "^pr.g$")] == \
        [["prog", "red car"], ["prog", "blue"], None, None]
    assert [r and r["argv"] for r, _, _ in record_calls(calls, "-l", "/prog red c(a|o)r$")] == \
        [["prog", "red car"], None, None, None]
    assert run_tool("execsnoop", "-n", "(")[0] == 2


def test_users_are_filtered_by_name_and_number(folder):
    folder.chmod(0o755)
    for parent in folder.parents:
        if parent.owner() == "root" and parent != Path("/") and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)

    def as_nobody():
        os.setuid(65534)
        os.execv(str(folder / "prog"), ["prog"])

    calls = [(as_nobody,), (os.execv, str(folder / "prog"), ["prog"])]
    for user in ("nobody", "65534"):
        (nobody, _, error), (root, _, _) = record_calls(calls, "-u", user)
        assert error == 0
        assert nobody["uid"] == 65534 and root is None
    assert run_tool("execsnoop", "-u", "no-such-user")[0] == 2


def test_a_subtree_is_followed_even_when_orphaned(folder):
    """A process, its children from before and after the start, and one whose parent has ended."""
    program = ("import os, sys\n"
               "def spawn(word):\n"
               " pid = os.fork()\n"
               " if not pid: os.execv(sys.argv[1], ['prog', word])\n"
               " os.waitpid(pid, 0)\n"
               "old = os.fork()\n"
               "if not old:\n"
               " os.read(3, 1); spawn('old'); os._exit(0)\n"
               "print('ready', flush=True); os.read(3, 1)\n"
               "spawn('child')\n"
               "between = os.fork()\n"
               "if not between:\n"
               " if not os.fork():\n"
               "  os.read(3, 1); spawn('orphan'); os._exit(0)\n"
               " os._exit(0)\n"
               "os.waitpid(between, 0); os.waitpid(old, 0); print('done', flush=True); os.read(0, 1)\n")
    read_end, write_end = map(open, os.pipe(), ("rb", "wb"))
    move = f"import os; os.dup2({read_end.fileno()}, 3); os.set_inheritable(3, True)\n"
    # What still waits ends when we close the pipe.
    with read_end, write_end, running("/usr/bin/python3", "-c", move + program, folder / "prog", stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True, pass_fds=(read_end.fileno(),)) as parent:
        assert parent.stdout.readline() == "ready\n"
        with Tool("execsnoop", "--json", "-p", parent.pid, "--follow", "--max-events", 3) as tool:
            spawn(os.execv, str(folder / "prog"), ["prog", "stranger"])
            os.write(write_end.fileno(), b"123")
            assert parent.stdout.readline() == "done\n"
            out, err = tool.wait()
    assert {r["argv"][1] for r in json_lines(out)[0]} == {"old", "child", "orphan"}, err


def test_count_sums_up(folder):
    calls = [(os.execv, str(folder / name), [name]) for name in ("prog", "prog", "prog", "absent")]
    with Tool("execsnoop", "--count", "-x", "-l", str(folder)) as tool:
        for call in calls:
            spawn(*call)
        out, _ = tool.stop()
    own = Path("/proc/self/comm").read_text().strip()
    assert [line.split() for line in out.splitlines()] == [
        ["COUNT", "FAILED", "PCOMM", "FILE"], ["3", "0", "prog", str(folder / "prog")],
        ["0", "1", own, str(folder / "absent")]]
    with Tool("execsnoop", "--count", "--json", "-l", str(folder)) as tool:
        spawn(*calls[0])
        out, _ = tool.stop()
    counted, lost = (json.loads(line) for line in out.splitlines())
    assert abs(counted.pop("time") - time.time()) < 60
    assert counted == {"count": 1, "failed": 0, "comm": "prog", "file": str(folder / "prog")}
    assert lost == {"lost": 0}


def test_columns_that_cost_something_are_found_out_when_chosen(folder):
    with Tool("execsnoop", "--columns", "old_comm,comm,cwd,file", "-l", str(folder)) as tool:
        spawn(os.execv, str(folder / "prog"), ["prog"])
        out, _ = tool.stop()
    own = Path("/proc/self/comm").read_text().strip()
    assert [line.split() for line in out.splitlines()] == [
        ["OLDCOMM", "PCOMM", "CWD", "FILE"], [own, "prog", os.getcwd(), str(folder / "prog")]]


def test_a_control_group_is_filtered_and_named(folder):
    group = cgroup_mount() / f"execsnoop-test-{os.getpid()}"
    (group / "below").mkdir(parents=True)

    def inside():
        (group / "below" / "cgroup.procs").write_text(str(os.getpid()))
        os.execv(str(folder / "prog"), ["prog", "in"])

    try:
        (one, _, error), (other, _, _) = record_calls(
            [(inside,), (os.execv, str(folder / "prog"), ["prog"])], "-c", group)
    finally:
        wait_until(lambda: not (group / "below/cgroup.procs").read_text(), "an empty control group")
        (group / "below").rmdir()
        group.rmdir()
    assert error == 0
    assert one["argv"] == ["prog", "in"] and one["cgroup"] == "below" and other is None
    assert one["cgroup_id"] > 1


def test_a_call_that_the_kernel_gave_up_too_late_is_shown(folder):
    """An image that can't be set up kills its process: the arguments are gone with the caller's memory."""
    image = bytearray((folder / "prog").read_bytes())
    phoff = int.from_bytes(image[32:40], "little")
    size, count = int.from_bytes(image[54:56], "little"), int.from_bytes(image[56:58], "little")
    for i in range(count):
        at = phoff + i * size
        if image[at:at + 4] == b"\1\0\0\0":  # PT_LOAD, to where no user memory is
            image[at + 16:at + 24] = (0xffff << 48).to_bytes(8, "little")
            break
    (folder / "broken").write_bytes(image)
    (folder / "broken").chmod(0o755)
    (record, pid, status), = record_calls([(os.execv, str(folder / "broken"), ["broken", "x"])], "-x")
    assert status == -signal.SIGSEGV
    assert record["ret"] < 0
    assert record["argv"] == [] and record["argv_error"] == "EFAULT" and record["file"] is None


def locked_bytes(pid):
    total = 0
    for fd in Path(f"/proc/{pid}/fdinfo").iterdir():
        for line in fd.read_text().splitlines():
            if line.startswith("memlock:"):
                total += int(line.split()[1])
    return total


def test_kernel_memory_is_small():
    with Tool("execsnoop", "-x", "--json", "--cwd") as tool:
        assert 0 < locked_bytes(tool.process.pid) <= 5 << 20


@pytest.mark.parametrize("args", [["-u", ""], ["--max-args", "0"], ["--max-args", "3x"], ["-P", "0"],
                                  ["extra"], ["-p", "1", "--", "true"], ["-l", "*["], ["--env", "A="], ["--env", ""]])
def test_wrong_command_lines_end_with_two(args):
    status, out, err = run_tool("execsnoop", *args)
    assert status == 2 and not out and err.startswith("execsnoop: ")


# --- against the storm's own log ------------------------------------------------------------------

def expected_argv(shape, number, folder):
    """What each shape of tests/targets/execs.c executes, and with what."""
    ident = f"id={number}".encode()
    plain = [b"prog", ident, b"one", b"two words"]
    shapes = {"plain": plain, "thread": plain,
              "script": [f"{folder}/prog".encode(), b"-o", f"{folder}/script".encode(), ident, b"one"],
              "absent": [b"prog", ident, b"one"], "refused": [b"prog", ident],
              "at": [b"prog", ident], "descriptor": [b"prog", ident],
              "kilobytes": [b"prog", ident, b"a" * 5000, b"end"],
              "bytes": [b"prog", ident, b"\xff\xfe\x01\n\t\"'\\", b""],
              "many": [b"prog", ident] + [b"one"] * 510,
              "megabytes": [b"prog", ident, b"a" * (ARGS_SIZE - 5 - len(ident) - 1)],
              "too_big": [b"prog", ident, b"one", b"a" * (ARGS_SIZE - 5 - len(ident) - 1 - 4)]}
    return shapes[shape]


def check_storm(count, folder, log, records):
    cut = {"many", "megabytes", "too_big"}
    found = {}
    # Whatever else runs here may have such an argument, too.
    pids = {int(line.split()[2]) for line in log}
    for record in (r for r in records if r["pid"] in pids):
        for arg in record["argv"]:
            if arg and arg.startswith("id="):
                assert arg not in found, f"twice: {record}"
                found[arg] = record
                break
    assert len(log) == count
    missing = []
    for line in log:
        number, shape, pid, error = line.split()
        record = found.pop(f"id={number}", None)
        if not record:
            missing.append(line)
            continue
        assert record["pid"] == int(pid) and record["ret"] == -int(error), (line, record)
        assert arguments(record) == expected_argv(shape, number, folder), line
        assert bool(record.get("argv_truncated")) == (shape in cut), line
        assert (record["tid"] != record["pid"]) == (shape == "thread"), line
    assert not found
    return missing


def test_nothing_of_a_storm_is_wrong_or_missing_untold(folder):
    count = 100000 if FULL else max(HITS // 200, 120)
    with open(folder / "log.json", "w+") as output:
        with Tool("execsnoop", "-x", "--json", "-l", "id=", stdout=output) as tool:
            log = run_target("execs", count, 10, folder)
            usage = Path(f"/proc/{tool.process.pid}/stat").read_text().split()
            _, err = tool.stop()
        output.seek(0)
        text = output.read()
    records, lost = json_lines(text)
    told = json_told(text)
    missing = check_storm(count, folder, log, records)
    print(f"{count} calls, {len(records)} records, {lost} lost, {told - lost} in doubt, "
          f"{(int(usage[13]) + int(usage[14])) * 10} ms of CPU in the tool")
    assert lost <= len(missing) <= told, (missing[:5], err)
