# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""trace on kernel functions and with the kernel's types, against what user space knows: ports, file
names, user ids, process ids."""
import os
import re
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from tracing import PATIENCE, Tool, need_that, run_tool, running

KPROBE_PMU = Path("/sys/bus/event_source/devices/kprobe/type")
BTF = Path("/sys/kernel/btf/vmlinux")

kprobes = pytest.mark.skipif(not KPROBE_PMU.exists(), reason="needs kprobes (CONFIG_KPROBES)")
btf = pytest.mark.skipif(not BTF.exists(), reason="needs the kernel's BTF (CONFIG_DEBUG_INFO_BTF)")


def traced(*specs, run, options=()):
    """Trace what run() does: (its result, the lines without the header as (pid, comm, func, message), stderr)."""
    with Tool("trace", "-S", *options, *specs) as trace:
        result = run()
        out, err = trace.stop()
    assert trace.status == 0, err
    assert "lost" not in err
    rows = []
    for line in out.splitlines()[1:]:
        fields = line.split(None, 4)
        rows.append((int(fields[0]), fields[2], fields[3], fields[4].rstrip() if len(fields) > 4 else ""))
    return result, rows, err


def mine(rows, pid=None):
    return [message for row_pid, _, _, message in rows if row_pid == (pid or os.getpid())]


def connect():
    """One TCP connection over the loopback: (client's port, server's port)."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as client:
            return client.getsockname()[1], server.getsockname()[1]


def run_python(code):
    with running(sys.executable, "-c", code, stdout=subprocess.PIPE) as process:
        out = process.communicate(timeout=4 * PATIENCE)[0].decode()
    assert process.returncode == 0
    return process.pid, out.split()


# ---- kernel functions -----------------------------------------------------------------------


@kprobes
@btf
def test_parameter_of_kernel_function_by_name_follows_pointers():
    (_, port), rows, _ = traced(
        'p::tcp_connect "%d %x", sk->__sk_common.skc_dport, sk->__sk_common.skc_daddr', run=connect)
    assert mine(rows) == [f"{socket.htons(port)} 100007f"]
    assert [row[2] for row in rows if row[0] == os.getpid()] == ["tcp_connect"]


@kprobes
@btf
def test_predicate_on_bit_field_and_member_of_nested_structure():
    (port, _), rows, _ = traced(
        'r::inet_hash_connect (sk->__sk_common.skc_ipv6only == 0 && sk->__sk_common.skc_family == 2) '
        '"%d %d", sk->__sk_common.skc_num, retval', run=connect)
    assert mine(rows) == [f"{port} 0"]


@kprobes
@btf
@pytest.mark.parametrize("options", [["--transport", "perf"], ["--uid", "0"], ["-p", str(os.getpid())]])
def test_options_work_with_kernel_functions(options):
    (_, port), rows, _ = traced('p::tcp_connect "%d", sk->__sk_common.skc_dport', 'r::tcp_connect "%d", retval',
                                run=connect, options=options)
    assert mine(rows) == [str(socket.htons(port)), "0"]


@kprobes
@btf
def test_bit_field_that_is_set_has_its_value():
    def run():
        with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.connect(server.getsockname())

    _, rows, _ = traced('p::tcp_connect "%d %d %d", sk->__sk_common.skc_reuse, sk->__sk_common.skc_reuseport, '
                        "sk->__sk_common.skc_reuse + 2", run=run)
    assert mine(rows) == ["1 0 3"]


@kprobes
@btf
def test_return_probe_has_the_parameters_of_the_entry(tmp_path):
    path = tmp_path / "kept-until-the-return"
    spec = 'r::vfs_write (STRCMP("kept-until-the-return", file->f_path.dentry->d_name.name)) "%d %d", arg3, retval'
    _, rows, _ = traced(spec, run=lambda: path.write_text("12345678"))
    assert mine(rows) == ["8 8"]


@kprobes
def test_cast_of_argument_without_name_and_function_without_p():
    need_that(BTF.exists(), "needs the kernel's BTF (CONFIG_DEBUG_INFO_BTF)")
    (_, port), rows, _ = traced(
        'tcp_connect (arg1 != 0) "%d", ((struct sock *)arg1)->__sk_common.skc_dport', run=connect)
    assert mine(rows) == [str(socket.htons(port))]


@kprobes
def test_kernel_function_reads_strings_of_user_and_kernel_memory(tmp_path):
    path = tmp_path / "a file"
    path.write_text("x")
    _, rows, _ = traced('p::do_sys_openat2 "%s", arg2', 'p::do_sys_openat2 "%s", arg2@user',
                        run=lambda: path.read_text())
    assert mine(rows).count(str(path)) == 2


@kprobes
@btf
def test_file_name_through_dentry_in_kernel_memory(tmp_path):
    path = tmp_path / "written-by-the-test"
    _, rows, _ = traced('p::vfs_write "%s %d", file->f_path.dentry->d_name.name, count',
                        run=lambda: path.write_text("12345"))
    assert "written-by-the-test 5" in mine(rows)


@kprobes
def test_return_value_of_kernel_function():
    def run():
        with pytest.raises(FileNotFoundError):
            open("/there/is/no/such/file", "rb")

    _, rows, _ = traced('r::do_sys_openat2 (retval < 0) "%d", retval', run=run)
    assert "-2" in mine(rows)


@kprobes
def test_offset_into_a_kernel_function_is_a_place_of_its_own():
    _, rows, err = traced('p::do_sys_openat2+0 "%s", arg2', run=lambda: open("/etc/hostname").close())
    assert "/etc/hostname" in mine(rows)
    status, _, err = run_tool("trace", "p::do_sys_openat2+0xffff00")
    assert status == 2 and "is outside of it" in err


@kprobes
def test_wildcard_attaches_to_all_matches_and_names_the_function():
    (_, _), rows, err = traced("p::tcp_v4_con*", "p::tcp_fin*", run=connect)
    names = {func for pid, _, func, _ in rows if pid == os.getpid()}
    assert "tcp_v4_connect" in names and any(name.startswith("tcp_fin") for name in names)
    status, out, _ = run_tool("trace", "-l", "p::tcp_v4_con*")
    assert status == 0 and "p::tcp_v4_connect" in out.splitlines()


@kprobes
@btf
def test_verbose_tells_the_way_taken():
    _, _, err = traced("p::tcp_connect", run=connect)
    assert re.search(r"by (fentry|kprobes)", err)


@kprobes
def test_function_that_must_not_be_probed_is_explained():
    name = "exc_page_fault" if os.uname().machine == "x86_64" else "el1h_64_sync_handler"
    status, _, err = run_tool("trace", "--duration", "1", f"p::{name}")
    assert status != 0
    assert f"cannot probe the kernel's {name}: it is " in err
    assert "must not be probed" in err or "notrace" in err


@kprobes
@btf
def test_structure_in_a_register_is_a_parameter_and_a_result_like_others():
    (pid, _), rows, _ = traced('p::from_kuid_munged "%d", kuid.val', "r::make_kuid",
                               run=lambda: run_python("import os; os.setuid(4321); os.getuid()"))
    assert "4321" in mine(rows, pid)
    assert any(re.fullmatch(r"\(ns=.*, uid=4321\) = \{\.val=4321\} <.*>", message) for message in mine(rows, pid)), rows


@kprobes
def test_offset_within_an_instruction_is_said_to_be_one():
    need_that(os.uname().machine == "x86_64", "instructions have one length on this machine")
    status, _, err = run_tool("trace", "--duration", "0.1", 'p::do_sys_openat2+1 "x"')
    assert status == 1 and "its offset is within an instruction" in err


@kprobes
def test_what_is_switched_off_is_a_warning():
    need_that("VM_DIR" in Path("/proc/cmdline").read_text(), "switches of the whole machine, which are left alone outside of a guest")
    for path, spec, warning in [("/proc/sys/kernel/ftrace_enabled", "p::vfs_read", "ftrace is switched off"),
                                ("/sys/kernel/debug/kprobes/enabled", "p::do_sys_openat2+0", "kprobes are switched off")]:
        Path(path).write_text("0")
        try:
            _, _, err = run_tool("trace", "-v", "--duration", "0.1", spec)
        finally:
            Path(path).write_text("1")
        # Kprobe multi links have no need of kprobes.
        assert (f"warning: {warning}" in err) == ("ftrace" in warning or "a perf event each" in err), err
        assert "warning" not in run_tool("trace", "--duration", "0.1", "-p", os.getpid(), spec)[2]


def test_address_among_the_arguments_of_any_system_call_is_read(tmp_path):
    number = {"x86_64": 257, "aarch64": 56}[os.uname().machine]
    path = tmp_path / "opened"
    path.touch()
    _, rows, _ = traced(f't:raw_syscalls:sys_enter (args->id == {number}) "%s", (char *)args->args[1]',
                        run=lambda: path.read_text())
    assert str(path) in mine(rows)


def test_function_that_never_returns_is_refused():
    status, _, err = run_tool("trace", "r::do_exit")
    assert status == 2 and "do_exit never returns" in err


def test_module_in_the_words_of_other_tools_is_answered_with_ours():
    module = next(path.name for path in Path("/sys/module").iterdir() if "_" in path.name)
    status, _, err = run_tool("trace", f"r:{module}:some_function")
    assert status == 2 and f"; of the kernel's module {module}: r::some_function" in err


def test_unknown_kernel_function_is_refused_with_what_is_near():
    status, _, err = run_tool("trace", "p::tcp_conect")
    assert status == 2
    assert "the kernel has no function 'tcp_conect'" in err and "'tcp_connect'" in err


@pytest.mark.parametrize("word, said", [("openat", "the system call is sys_openat"),
                                        ("sched_process_exec", "the tracepoint is t:*:sched_process_exec"),
                                        ("sched:sched_process_exec", "the tracepoint is t:sched:sched_process_exec"),
                                        ("sys_enter_openat", "the tracepoint is t:syscalls:sys_enter_openat")])
def test_word_of_other_tools_is_answered_with_ours(word, said):
    status, _, err = run_tool("trace", word)
    assert status == 2 and said in err


@btf
def test_unknown_field_is_refused_with_what_is_near():
    status, _, err = run_tool("trace", 'p::tcp_connect "%d", sk->__sk_comon.skc_dport')
    assert status == 2
    assert "column 26: '__sk_comon' is not a field of struct sock (did you mean '__sk_common'?)" in err


@btf
def test_list_shows_parameters_and_types_of_functions_and_system_calls():
    status, out, _ = run_tool("trace", "-l", "-v", "p::tcp_connect", "r::sys_openat")
    assert status == 0
    assert out.splitlines() == ["p::tcp_connect", "    struct sock *sk", "    int retval", "r::sys_openat",
                                "    int dfd", "    char *filename", "    int flags", "    umode_t mode",
                                "    long retval"]


@btf
def test_kernel_structure_is_not_taken_for_one_of_a_user_program():
    status, _, err = run_tool("trace", 'p:c:open64 "%d", ((struct sock *)arg1)->sk_rcvbuf')
    assert status == 2
    assert "struct sock is not known" in err


# ---- system calls ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sys_openat", "SyS_openat", "__x64_sys_openat", "__arm64_sys_openat"])
def test_system_call_by_any_of_its_names_has_its_real_arguments(name, tmp_path):
    path = tmp_path / "opened"
    path.write_text("x")
    _, rows, _ = traced(f'p::{name} "%s %d", filename, flags', f'p::{name} "%s", arg2', f'r::{name} "%d", retval',
                        run=lambda: os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC)))
    messages = mine(rows)
    assert f"{path} {os.O_CLOEXEC}" in messages and str(path) in messages
    assert any(re.fullmatch(r"\d+", message) for message in messages)


# ---- without a format -----------------------------------------------------------------------


def test_system_call_without_a_format_prints_all_arguments_and_the_result(tmp_path):
    path = tmp_path / "opened"

    def run():
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
        os.close(fd)
        return fd

    fd, rows, _ = traced("sys_openat", "r::sys_openat", run=run)
    call = f'dfd=-100, filename="{path}", flags={os.O_RDWR | os.O_CREAT | os.O_CLOEXEC}, mode={0o640}'
    messages = mine(rows)
    assert re.fullmatch(rf"{re.escape(f'({call}) = {fd}')} <[0-9.]+ [num]s>", messages[messages.index(call) + 1])


def write_nested(directory):
    """Writes of two sizes in two threads at a time."""
    def write(size):
        with open(directory / str(size), "wb", buffering=0) as file:
            for _ in range(5):
                file.write(bytes(size))
    threads = [threading.Thread(target=write, args=[size]) for size in (7771, 7773)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@kprobes
@pytest.mark.parametrize("pattern", ["vfs_writ[e]", "vfs_[rw]*", "vfs_write"])
def test_return_of_kernel_function_knows_arguments_and_time(pattern, tmp_path):
    """By one kretprobe, by many in one link, by fexit."""
    _, rows, err = traced(f'r::{pattern} (arg3 == 7771 || arg3 == 7773) "%d = %d %d", arg3, retval, $latency',
                          run=lambda: write_nested(tmp_path))
    messages = [re.fullmatch(r"(\d+ = \d+) (\d+)", message) for message in mine(rows)]
    assert sorted(message[1] for message in messages) == 5 * ["7771 = 7771"] + 5 * ["7773 = 7773"], err
    assert all(0 < int(message[2]) < 10 ** 10 for message in messages)


@kprobes
@btf
def test_fexit_keeps_the_time_beside_returns_that_keep_more(tmp_path):
    """One map for all, as large as the one that keeps most wants it."""
    _, rows, err = traced('r::vfs_write (count == 7771) "%d %d", retval, $latency > 0',
                          'r::vfs_writ[e] (arg3 == 7773) "%d %d %d %d", arg3, arg1 > 0, arg2 > 0, $latency > 0',
                          run=lambda: write_nested(tmp_path))
    assert sorted(mine(rows)) == 5 * ["7771 1"] + 5 * ["7773 1 1 1"]
    if "by fentry" in err or "by fexit" in err:
        assert re.search(r"count == 7771.*by fexit", err)


def names_of_several():
    """Names that the kernel's static functions share, with how many functions have them."""
    probed = set(line.split()[0] for line in Path("/sys/kernel/tracing/available_filter_functions").open())
    names = Counter(line.split()[2] for line in Path("/proc/kallsyms").open() if line.split()[1] in "tT")
    return {name: count for name, count in names.items() if count > 1 and name in probed}


@kprobes
@btf
def test_all_functions_of_one_name_are_probed_not_just_the_first():
    names = names_of_several()
    several = [name for name in ("c_start", "c_stop", "s_stop", "m_stop", "t_stop", "state_show", "type_show", "size_show")
               if name in names]
    need_that(several, "two functions of one name")
    name = next(name for name in several if "    " in run_tool("trace", "-l", "-v", f"p::{name}")[1])
    with Tool("trace", f"p::{name}") as trace:
        _, err = trace.stop()
    found = re.search(r": (\d+) functions have this name", err)
    assert found and int(found[1]) == names[name], err


@kprobes
def test_one_of_several_functions_of_a_name_is_chosen_by_its_address(tmp_path):
    symbols = [line.split() for line in Path("/proc/kallsyms").open()]
    address = next(symbol[0] for symbol in symbols if symbol[2] == "vfs_write")
    _, rows, err = traced(f'p::0x{address} "%d", arg3', run=lambda: (tmp_path / "x").write_text("x" * 4321))
    assert "4321" in mine(rows) and {row[2] for row in rows} == {"vfs_write"}, err
    status, _, err = run_tool("trace", f"p::0x{int(address, 16) + 1:x}")
    assert status == 2 and "no function of the kernel begins at" in err


@kprobes
@btf
def test_kernel_function_without_a_format_prints_parameters_by_name(tmp_path):
    _, rows, _ = traced("p::vfs_write", "r::vfs_write", run=lambda: (tmp_path / "x").write_text("123"))
    messages = mine(rows)
    assert any(re.fullmatch(r"file=0x[0-9a-f]+, buf=\"123.*\", count=3, pos=0x[0-9a-f]+", message)
               for message in messages)
    assert any(re.fullmatch(r"\(file=0x[0-9a-f]+, buf=\"123.*\", count=3, pos=0x[0-9a-f]+\) = 3 <[0-9.]+ [num]?s>", message)
               for message in messages)


# ---- the kernel's types anywhere ------------------------------------------------------------


@btf
def test_current_task_is_typed():
    (pid, out), rows, _ = traced(
        't:syscalls:sys_enter_umask (args->mask == 0123) "%s %d %d %d", $task->comm, $task->tgid, '
        "$task->real_parent->tgid, $task->cred->uid.val",
        run=lambda: run_python("import os; os.setuid(12345); os.umask(0o123)"))
    assert re.fullmatch(rf"python\S* {pid} {os.getpid()} 12345", mine(rows, pid)[0])


@btf
def test_user_structure_of_a_system_call_is_read_from_user_memory():
    (_, port), rows, _ = traced(
        'sys_connect "%d %d", uservaddr->sa_family, ((struct sockaddr_in *)uservaddr)->sin_port', run=connect)
    assert mine(rows) == [f"{int(socket.AF_INET)} {socket.htons(port)}"]


@btf
def test_enumerators_and_sizes_are_known():
    (_, port), rows, _ = traced(
        't:sock:inet_sock_set_state (args->newstate == TCP_SYN_SENT && sizeof(struct sock) > 100) "%d", args->dport',
        run=connect)
    assert mine(rows) == [str(port)]


@btf
def test_pointers_of_a_tracepoint_have_the_types_of_its_parameters():
    """Its format declares void *, or const void *."""
    (_, port), rows, _ = traced(
        't:sock:inet_sock_set_state (args->newstate == TCP_SYN_SENT) "%d %d", args->dport, '
        "args->skaddr->__sk_common.skc_family", run=connect)
    assert mine(rows) == [f"{port} {int(socket.AF_INET)}"]
    status, _, err = run_tool("trace", "--duration", "0.2", 't:net:net_dev_queue "%d %d", args->len, args->skbaddr->len')
    assert status == 0, err


@btf
def test_offset_of_a_member_and_what_contains_it():
    """The task that a node of its parent's list of children belongs to."""
    spec = ("t:syscalls:sys_enter_umask (args->mask == 0124 && offsetof(struct task_struct, sibling) > 0) "
            '"%d %d", container_of(&$task->sibling, struct task_struct, sibling)->tgid, '
            "container_of($task->real_parent->children.prev, struct task_struct, sibling)->tgid")
    (pid, _), rows, _ = traced(spec, run=lambda: run_python("import os; os.umask(0o124)"))
    assert mine(rows, pid) == [f"{pid} {pid}"]


@btf
def test_null_pointer_in_a_chain_prints_a_mark_not_a_number():
    _, rows, _ = traced('t:syscalls:sys_enter_umask "%d", ((struct sock *)0)->__sk_common.skc_num',
                        run=lambda: os.umask(os.umask(0o22)))
    assert mine(rows)[0] == "?"
