# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""trace, end to end: what it prints about real programs against what they say of themselves."""
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tracing import (BUILD, KERNEL, PATIENCE, Tool, json_lines, need, need_target, need_that, run_target, run_tool, running,
                     target_path, tool_path, wait_until)

ADD = target_path("add")
USDT = target_path("usdt")
CALLS = target_path("calls")


def traced(*specs, target, args=(), options=(), env=None):
    """Trace one run of a target: (its log, the messages of its lines, everything printed)."""
    with Tool("trace", *options, *specs) as trace:
        log = run_target(target, *args, env=env)
        out, err = trace.stop()
    assert trace.status == 0, err
    assert "lost" not in err
    return log, messages(out), out


def messages(out):
    """The message column of each line but the header: after PID TID COMM FUNC."""
    return [line.split(None, 4)[4].rstrip() if len(line.split(None, 4)) > 4 else ""
            for line in out.splitlines()[1:]]


def logged(log, name):
    return [line[len(name) + 1:] for line in log if line.split()[0] == name]


# ---- functions ------------------------------------------------------------------------------


def test_prints_header_and_columns_of_bcc():
    with Tool("trace", f'p:{ADD}:AddNum "%d %d", arg1, arg2') as trace:
        with running(ADD, 1, stdout=subprocess.DEVNULL) as process:
            assert process.wait() == 0
        out, _ = trace.stop()
    lines = out.splitlines()
    assert lines[0] == "PID     TID     COMM            FUNC             -"
    assert lines[1] == f"{process.pid:<7} {process.pid:<7} {'add':<15} {'AddNum':<16} 0 0"
    assert len(lines) == 2


def test_header_has_no_message_column_without_a_format_and_types(tmp_path):
    need("strip")
    subprocess.run(["strip", "--strip-debug", "-o", tmp_path / "add", ADD], check=True)
    with Tool("trace", f"p:{tmp_path}/add:AddNum") as trace:
        subprocess.run([tmp_path / "add", "1"], stdout=subprocess.DEVNULL, check=True)
        out, _ = trace.stop()
    assert out.splitlines()[0] == "PID     TID     COMM            FUNC             "


def test_two_arguments_and_return_value_are_those_of_the_program():
    log, seen, _ = traced(f'{ADD}:AddNum "%d %d", arg1, arg2', target="add", args=[5])
    assert seen == [line.split(" = ")[0] for line in logged(log, "AddNum")]
    log, seen, _ = traced(f'r:{ADD}:AddNum "= %d", retval', target="add", args=[5])
    assert seen == ["= " + line.split(" = ")[1] for line in logged(log, "AddNum")]


# ---- returns that know the entry ------------------------------------------------------------


def test_returns_know_the_arguments_of_nested_calls_and_calls_in_threads():
    log, seen, _ = traced(f'r:{CALLS}:call_nested "%d = %d", arg1, retval', target="calls", args=[50])
    assert len(seen) > 500
    assert sorted(seen) == sorted(logged(log, "call_nested"))


def test_returns_know_parameters_by_name_structures_in_registers_too():
    log, seen, _ = traced(f'r:{ADD}:add_by_value "%d %d %d = %d", s.x, s.y, z, retval', target="add", args=[5])
    assert seen == logged(log, "add_by_value")
    log, seen, _ = traced(f"r:{ADD}:AddNum", target="add", args=[5])
    calls = [re.fullmatch(r"\(n1=(-?\d+), n2=(-?\d+)\) = (-?\d+) <[0-9.]+ [num]s>", message) for message in seen]
    assert [f"{call[1]} {call[2]} = {call[3]}" for call in calls] == logged(log, "AddNum")


def test_returns_of_go_functions_know_strings():
    need_target("goadd")
    _, seen, _ = traced(f'r:{target_path("goadd")}:main.goName "%.*s = %d", name.len, name.str, retval',
                        target="goadd", args=[12])
    assert sorted(seen) == sorted(f"name {i} = {len(str(i)) + 5}" for i in range(12))


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="endbr64 is an instruction of x86_64")
@pytest.mark.parametrize("function, said", [("call_guarded", True), ("call_looping", False)])
def test_probe_is_put_behind_endbr64_unless_a_loop_goes_there(function, said):
    with Tool("trace", f'p:{CALLS}:{function} "%d", arg1', f'r:{CALLS}:{function} "%d = %d", arg1, retval') as trace:
        log = run_target("calls")
        out, err = trace.stop()
    call = logged(log, function)
    assert messages(out) == [call[0].split()[0]] + call
    assert ("behind the endbr64" in err) == said


def test_exception_through_a_function_whose_return_is_probed_harms_nothing():
    need_target("throw")
    log, seen, _ = traced(f'r:{target_path("throw")}:app::through "%d = %d", i, retval', target="throw", args=[9])
    assert seen == logged(log, "app::through")
    assert len(seen) == 5 and len(logged(log, "throw")) == 4 + 9


def test_calls_left_by_longjmp_or_thread_exit_do_not_change_later_ones():
    log, seen, _ = traced(f'r:{CALLS}:call_left(int n) (n >= 0) "%d = %d", n, retval', target="calls", args=[20])
    assert seen == logged(log, "call_left")
    assert len(seen) == 40


def test_return_without_a_format_prints_arguments_result_and_time():
    _, seen, _ = traced(f"r:{CALLS}:call_slow(int ms)", target="calls")
    message = re.fullmatch(r"\(ms=20\) = 0x([0-9a-f]+) <([0-9.]+) ms>", seen[0])
    assert int(message[1], 16) & 0xffffffff == 2 ** 32 - 20
    assert float(message[2]) >= 20


def test_latency_is_in_nanoseconds_and_can_be_a_condition():
    specs = [f'r:{CALLS}:call_slow ($latency >= 20000000 && arg1 == 20) "%d %T", $latency, $latency',
             f'r:{CALLS}:call_slow ($latency < 20000000) "%d", $latency']
    with Tool("trace", "--json", *specs) as trace:
        run_target("calls")
        out, err = trace.stop()
    records, _ = json_lines(out)
    assert [record["spec"] for record in records] == specs[:1]
    nanoseconds = records[0]["args"][0]
    assert 20_000_000 <= nanoseconds < 60_000_000_000
    assert nanoseconds <= records[0]["args"][1] < nanoseconds + 1_000_000


def test_time_of_day_is_that_of_the_hit():
    before = int(time.time())
    _, _, out = traced(f"r:{CALLS}:call_slow", target="calls", options=["-T"])
    shown = out.splitlines()[1].split()[0]
    assert shown in {time.strftime("%H:%M:%S", time.localtime(at)) for at in range(before, int(time.time()) + 1)}


def test_return_of_a_call_that_began_before_the_trace_is_marked_and_counted():
    reader, writer = os.pipe()
    with running("cat", stdin=reader, stdout=subprocess.DEVNULL) as cat:
        os.close(reader)
        wait_until(lambda: "read" in Path(f"/proc/{cat.pid}/wchan").read_text() or
                   Path(f"/proc/{cat.pid}/syscall").read_text().startswith("0 "), "cat to read")
        with Tool("trace", "-p", str(cat.pid), 'r::sys_read "%d = %d", arg1, retval') as trace:
            os.write(writer, b"12345")
            os.close(writer)
            cat.wait()
            out, err = trace.stop()
    assert messages(out)[0] == "? = 5"
    assert messages(out)[1] == "0 = 0"
    assert "1 return lacks entry values: " in err


# ---- predicates and values ------------------------------------------------------------------


def test_predicates_on_both_arguments_and_the_return_filter():
    _, seen, _ = traced(f'{ADD}:AddNum(int a, int b) (a > 3 && b > -20) "%d %d", a, b', target="add",
                        args=[30])
    assert seen == [f"{i} {-2 * i}" for i in range(30) if i > 3 and -2 * i > -20]
    _, seen, _ = traced(f'r:{ADD}:AddNum ((int)retval < -25) "%d", retval', target="add", args=[30])
    assert seen == [str(-i) for i in range(26, 30)]


def test_narrow_and_wide_types_keep_their_value():
    log, seen, _ = traced(
        f'{ADD}:add_narrow(signed char c, unsigned char uc, short s, unsigned short us, bool b, int e) '
        '"%d %d %d %d %d %d", c, uc, s, us, b, e', target="add", args=[9])
    assert seen == [line.split(" = ")[0] for line in logged(log, "add_narrow")]
    log, seen, _ = traced(f'{ADD}:add_wide(int64_t i, uint64_t u, unsigned int ui) "%d %u %u", i, u, ui',
                          target="add", args=[9])
    assert seen == [line.split(" = ")[0] for line in logged(log, "add_wide")]


def test_seventh_argument_comes_from_the_stack():
    log, seen, _ = traced(
        f'{ADD}:add_seven(int a, int b, int c, int d, int e, int f, int g) "%d %d %d", a, b, g',
        target="add", args=[4])
    assert seen == [f"{i} 2 {-i}" for i in range(4)]


def test_strings_pointers_and_casts():
    log, seen, _ = traced(f'{ADD}:add_string "\\"%s\\" %d", arg1, arg2', target="add", args=[4])
    assert seen == [line.split(" = ")[0] for line in logged(log, "add_string")]
    # struct pair { int first, second; const char *name; ... }
    log, seen, _ = traced(f'{ADD}:add_struct "%d %d \\"%s\\"", *(int *)arg1, ((int *)arg1)[1], '
                          '*(char **)(arg1 + 8)', target="add", args=[4])
    assert seen == [f'{i} {-i} "pair"' for i in range(4)]
    log, seen, _ = traced(f'r:{ADD}:add_name "%s", retval', target="add", args=[4])
    assert seen == ["zero", "one", "two", "three"]


def test_several_probes_in_one_run():
    log, _, out = traced(f'p:{ADD}:AddNum "%d", arg1', f'r:{ADD}:AddNum "%d", retval',
                         f'{ADD}:add_name "%d", arg1', target="add", args=[3])
    funcs = [line.split()[3] for line in out.splitlines()[1:]]
    assert funcs == ["AddNum", "AddNum", "add_name"] * 3


def test_wildcard_names_the_function_that_was_hit():
    log, _, out = traced(f"p:{ADD}:add_*", target="add", args=[1])
    funcs = sorted(line.split()[3] for line in out.splitlines()[1:])
    assert funcs == sorted({line.split()[0] for line in log} - {"AddNum"})


def test_offset_and_raw_address_hit_the_same_place():
    need("nm", "objdump")
    symbols = subprocess.run(["nm", ADD], capture_output=True, text=True, check=True).stdout
    address = next(line.split()[0] for line in symbols.splitlines() if line.endswith(" AddNum"))
    _, seen, _ = traced(f'p:{ADD}:0x{address} "%d", arg1', target="add", args=[3])
    assert seen == ["0", "1", "2"]
    # On every machine the first instruction is at most 4 bytes long here: endbr64, push, lea or add.
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", f"--start-address=0x{address}", ADD],
                          capture_output=True, text=True, check=True).stdout
    second = re.findall(r"^\s+([0-9a-f]+):", code, re.M)[1]
    _, seen, _ = traced(f'p:{ADD}:AddNum+{int(second, 16) - int(address, 16)}', target="add", args=[3])
    assert len(seen) == 3


def test_shared_library_by_path():
    log, seen, _ = traced(f'{target_path("libadd.so")}:lib_add "%d %d", arg1, arg2', target="useadd",
                          args=[4])
    assert seen == [line.split(" = ")[0] for line in logged(log, "lib_add")]


def test_short_library_name_means_libc():
    with Tool("trace", 'c:getenv "%s", arg1') as trace:
        run_target("add", 1)
        out, _ = trace.stop()
    rows = [line.split() for line in out.splitlines()[1:] if line.split()[2] == "add"]
    # Where probes cannot sleep, a literal never touched before cannot be read yet.
    assert [row[3:] for row in rows] in ([["getenv", "TARGET_WAIT"]], [["getenv", "?"]])


def test_command_name_is_found_on_path():
    with Tool("trace", "p:add:AddNum", env={**os.environ, "PATH": f"{BUILD}/targets:/usr/bin:/bin"}) as trace:
        run_target("add", 2)
        out, _ = trace.stop()
    assert len(messages(out)) == 2


# ---- strings --------------------------------------------------------------------------------


# Uprobes may sleep since 6.0 (8c7dcb84e3b7).
SLEEPABLE = (6, 0)


def test_strings_of_every_kind_are_survived_and_cut_ones_marked():
    with Tool("trace", "-Z", "20", f'{target_path("badstr")}:take_string "%d %s", arg1, arg2') as trace:
        log = run_target("badstr")
        out, _ = trace.stop()
    seen = dict(message.split(" ", 1) if " " in message else (message, "") for message in messages(out))
    kinds = {line.split()[0]: line.split(None, 1)[1] for line in log}
    assert set(seen) == set(kinds)
    assert "\x1b" not in out and "\r" not in out
    for number, name in kinds.items():
        if "!" in name:
            assert seen[number] == "?", name
        elif "~" in name:
            assert seen[number] == "?" or KERNEL >= SLEEPABLE, name
        else:
            assert seen[number] != "?", name
        if "long" in name:
            assert seen[number].endswith("..."), name


def test_string_on_a_page_not_in_memory_is_faulted_in():
    """A literal that nobody has touched yet is read from its file by a probe that may sleep."""
    with Tool("trace", 'c:getenv "%s", arg1') as trace:
        subprocess.run(["sh", "-c", "sync; echo 1 > /proc/sys/vm/drop_caches"], check=True)
        run_target("add", 1)
        out, _ = trace.stop()
    seen = [line.split()[4] for line in out.splitlines()[1:] if line.split()[2] == "add"]
    assert seen == ["TARGET_WAIT"] or (KERNEL < SLEEPABLE and seen == ["?"])


def test_string_size_is_obeyed():
    _, seen, _ = traced(f'{ADD}:add_string "%s", arg1', target="add", args=[1], options=["-Z", "4"])
    assert seen == ["text..."]
    _, seen, _ = traced(f'{ADD}:add_string "%s", arg1', target="add", args=[1], options=["-Z", "6"])
    assert seen == ["text 0"]
    _, seen, _ = traced(f'{ADD}:add_string "%s", arg1', target="add", args=[1], options=["-Z", "4096"])
    assert seen == ["text 0"]


def test_strcmp_is_exact():
    _, seen, _ = traced(f'{ADD}:add_string (STRCMP("text 1", arg1)) "%s", arg1', target="add", args=[15])
    assert seen == ["text 1"]
    _, seen, _ = traced(f'{ADD}:add_string (!STRCMP("text 1", arg1)) "%s", arg1', target="add", args=[3])
    assert seen == ["text 0", "text 2"]


# ---- USDT -----------------------------------------------------------------------------------


@pytest.mark.parametrize("probe, fields", [
    ("constants", "%d %d %lld %d"), ("registers", "%d %d %d %d %d %llu"),
    ("memory", "%d %d %d %d %d %d %u %lld %llu %lld"), ("globals", "%d %d %d"),
    ("stack", "%d %d"), ("sites", "%lld")])
def test_usdt_operands_have_the_values_of_the_program(probe, fields):
    count = len(fields.split())
    exprs = ", ".join(f"arg{i + 1}" for i in range(count))
    log, seen, _ = traced(f'u:{USDT}:target:{probe} "{fields}", {exprs}', target="usdt", args=[7])
    assert seen == logged(log, probe)


def test_usdt_string_with_length_takes_two_arguments():
    log, seen, _ = traced(f'u:{USDT}:string "%.*s %d", arg2, arg1, arg2', target="usdt", args=[3])
    assert seen == logged(log, "string")


def test_usdt_semaphore_is_raised_while_attached():
    log, seen, _ = traced(f'u:{target_path("usdtsem")}:guarded "%d %s", arg1, arg2', target="usdtsem",
                          args=[3])
    assert seen == [f"{i} only when asked" for i in range(3)]
    assert [line.split()[2] for line in log if line.startswith("guarded")] == ["fired"] * 3
    assert all("skipped" in line for line in run_target("usdtsem", 3) if line.startswith("guarded"))


def test_usdt_of_a_jvm_threads_and_classes():
    need("java")
    need_target("HelloThreads.class")
    java = shutil.which("java")
    jvm = Path(java).resolve().parent.parent / "lib/server/libjvm.so"
    with Tool("trace", f'u:{jvm}:thread__start (arg2 > 0) "%.*s", arg2, arg1',
              f'u:{jvm}:class__loaded "%.*s", arg2, arg1') as trace:
        done = subprocess.run([java, "-cp", target_path(""), "HelloThreads", "2"], capture_output=True,
                              text=True, timeout=8 * PATIENCE, check=True)
        out, _ = trace.stop()
    rows = [line.split(None, 4) for line in out.splitlines()[1:]]
    threads = [row[4].strip() for row in rows if row[3] == "thread__start"]
    classes = [row[4].strip() for row in rows if row[3] == "class__loaded"]
    for line in done.stdout.splitlines():
        if line.startswith("thread "):
            assert line.split(" ", 1)[1] in threads
    assert "HelloThreads$Loaded" in classes and "HelloThreads" in classes
    assert all("\\x" not in name for name in threads)


def test_usdt_of_cplusplus_exceptions():
    need_target("throw")
    library = subprocess.run(["ldd", target_path("throw")], capture_output=True, text=True, check=True)
    path = re.search(r"libstdc\+\+\S* => (\S+)", library.stdout).group(1)
    # std::type_info { vtable; const char *name; }
    with Tool("trace", f'u:{path}:throw "%s", *(char **)(arg2 + 8)') as trace:
        log = run_target("throw")
        out, _ = trace.stop()
    thrown = [line.split()[1] for line in log if line.startswith("throw ")]
    assert thrown and messages(out) == thrown


def test_usdt_of_python():
    python = Path("/usr/bin/python3").resolve()
    need("readelf")
    notes = subprocess.run(["readelf", "-n", python], capture_output=True, text=True).stdout
    need_that("gc__start" in notes, "this python3 has no USDT probes")
    with Tool("trace", f'u:{python}:gc__start "%d", arg1') as trace:
        log = subprocess.run([python, "tests/targets/hello.py", "5"], capture_output=True, text=True,
                             check=True, cwd=Path(__file__).parents[2]).stdout.splitlines()
        out, _ = trace.stop()
    asked = "".join(line.split()[1] for line in log if line.startswith("gc"))
    assert asked in "".join(messages(out)), "the interpreter's own collections come before and after"


# ---- tracepoints ----------------------------------------------------------------------------


def test_tracepoint_with_string_field_and_integer_predicate():
    with Tool("trace", 't:sched:sched_process_exec (args->pid == args->old_pid && args->pid > 1) '
                       '"%d %s", args->pid, args->filename') as trace:
        with running(ADD, 1, stdout=subprocess.DEVNULL) as process:
            process.wait()
        out, _ = trace.stop()
    assert f"{process.pid} {ADD}" in messages(out)


def test_syscall_tracepoint_reads_user_memory(tmp_path):
    name = tmp_path / "a file\nwith a newline"
    with Tool("trace", "-Z", "300", 't:syscalls:sys_enter_openat "%s", args->filename') as trace:
        name.write_text("")
        out, _ = trace.stop()
    assert str(name).replace("\n", "\\n") in messages(out)


def test_char_array_of_a_tracepoint_ends_at_its_nul():
    with Tool("trace", 't:sched:sched_process_fork (STRCMP("forks", args->parent_comm)) '
                       '"%s %d", args->parent_comm, args->child_pid') as trace:
        log = run_target_status("forks", 3, 2, 1)
        out, _ = trace.stop()
    pids = {int(line.split()[0]) for line in log}
    seen = {int(message.split()[1]) for message in messages(out)}
    assert all(message.startswith("forks ") for message in messages(out))
    assert len(seen) >= len(pids) - 1 and seen >= pids - {min(pids)}


def run_target_status(name, status, *args):
    done = subprocess.run([target_path(name), *map(str, args)], capture_output=True, text=True)
    assert done.returncode == status
    return done.stdout.splitlines()


# ---- Redis ----------------------------------------------------------------------------------


@pytest.fixture
def redis(tmp_path):
    need("/usr/bin/redis-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def cli(*args):
        return subprocess.run(["redis-cli", "-p", str(port), *args], capture_output=True, text=True).stdout

    with running("/usr/bin/redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", tmp_path, "--save", "",
                 "--appendonly", "no", stdout=subprocess.DEVNULL) as process:
        wait_until(lambda: cli("ping").strip() == "PONG", "redis-server answers")
        yield process.pid, cli


@pytest.mark.parametrize("static", [False, True])
def test_redis_is_seen_being_told(redis, static):
    pid, cli = redis
    with Tool("trace", '/usr/bin/redis-server:createStringObject "%s" arg1', static=static) as trace:
        cli("set", "octi", "fest")
        cli("get", "octi")
        out, _ = trace.stop()
    lines = [line for line in out.splitlines()[1:] if line.split()[0] == str(pid)]
    assert out.splitlines()[0] == "PID     TID     COMM            FUNC             -"
    assert all(line.split()[2:4] == ["redis-server", "createStringObject"] for line in lines)
    text = "\n".join(lines)
    assert "fest" in text and text.count("octi") >= 2
    assert "\\r\\n" in text and "\r" not in text


def test_static_trace_works_alone_in_an_empty_root(redis, tmp_path):
    pid, cli = redis
    root = tmp_path / "root"
    for folder in ("proc", "sys", "bin", "usr/bin"):
        (root / folder).mkdir(parents=True)
    shutil.copy(tool_path("trace", static=True), root / "bin/trace")
    mounted = []
    try:
        for folder in ("proc", "sys"):
            subprocess.run(["mount", "--bind", f"/{folder}", root / folder], check=True)
            mounted.append(root / folder)
        with running("chroot", root, "/bin/trace", "-v", "-p", pid, '/usr/bin/redis-server:createStringObject "%s" arg1',
                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as trace:
            line = ""
            while "armed" not in line:
                line = trace.stderr.readline()
                assert line, "trace ended early"
            cli("set", "octi", "fest")
            trace.send_signal(signal.SIGINT)
            out, err = trace.communicate(timeout=PATIENCE)
        assert trace.returncode == 0, err
        assert "redis-server" in out and "fest" in out
    finally:
        for folder in mounted:
            subprocess.run(["umount", folder], check=True)


# ---- exactness ------------------------------------------------------------------------------

HITS = int(os.environ.get("TESTS_HITS", "200000"))


def lost_total(err):
    return sum(int(n) for n in re.findall(r"lost (\d+)|(\d+)[^\n]* lost", err) for n in n if n)


def test_printed_and_lost_hits_of_two_probes_add_up(tmp_path):
    hits = target_path("hits")
    out_path = tmp_path / "hits.out"
    with open(out_path, "w") as out, \
            Tool("trace", "--json", f'p:{hits}:hit_a "%ld", arg1', f'p:{hits}:hit_b "%ld", arg2',
                 stdout=out) as trace:
        run_target("hits", HITS, 2)
        trace.stop()
    records, lost = json_lines(out_path.read_text())
    assert len(records) + lost == 2 * HITS
    if not lost:
        assert sorted(r["args"][0] for r in records if r["func"] == "hit_a") == \
            sorted(list(range(HITS // 2)) * 2)


def test_printed_and_lost_hits_add_up_with_a_stalled_reader():
    hits = target_path("hits")
    with Tool("trace", "--json", "-b", "8", f'p:{hits}:hit_a "%ld", arg1',
              f'p:{hits}:hit_b "%ld %s", arg2, arg1') as trace:
        # Nobody reads the pipe until all is over.
        run_target("hits", HITS, 2)
        out, err = trace.stop()
    records, lost = json_lines(out)
    assert lost > 0, "a pipe and eight pages cannot hold that much"
    assert len(records) + lost == 2 * HITS
    assert str(lost) in err


def test_perf_buffer_loses_nothing_silently_either():
    hits = target_path("hits")
    count = HITS // 20
    with Tool("trace", "--json", "--transport", "perf", f'p:{hits}:hit_a "%ld", arg1') as trace:
        run_target("hits", count)
        out, _ = trace.stop()
    records, lost = json_lines(out)
    assert len(records) + lost == count


# ---- options --------------------------------------------------------------------------------


def test_max_events_ends_the_run():
    with Tool("trace", "-M", "4", f'{ADD}:AddNum "%d", arg1') as trace:
        run_target("add", 50)
        out, _ = trace.wait()
    assert trace.status == 0
    assert messages(out) == ["0", "1", "2", "3"]


def test_duration_ends_the_run():
    start = time.monotonic()
    status, out, _ = run_tool("trace", "--duration", "0.3", f"{ADD}:AddNum")
    assert status == 0 and time.monotonic() - start >= 0.3


def test_pid_filter_sees_one_process_only():
    waits = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": {**os.environ, "TARGET_WAIT": "1"}}
    with running(ADD, 3, **waits) as one, running(ADD, 3, **waits) as other:
        for process in one, other:
            assert b"ready" in process.stdout.readline()
        with Tool("trace", "-p", one.pid, f'{ADD}:AddNum "%d", arg1') as trace:
            for process in one, other:
                process.communicate(b"\n")
            out, _ = trace.stop()
    assert {line.split()[0] for line in out.splitlines()[1:]} == {str(one.pid)}
    assert messages(out) == ["0", "1", "2"]


def test_pid_filter_sees_all_threads_of_the_process():
    threads = target_path("threads")
    with running(threads, 4, 5, env={**os.environ, "TARGET_WAIT": "1"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                 text=True) as process:
        assert "ready" in process.stdout.readline()
        with Tool("trace", "-p", process.pid, f'{threads}:thread_work "%d %d", arg1, arg2') as trace:
            log, _ = process.communicate("\n")
            out, _ = trace.stop()
    rows = sorted(line.split() for line in out.splitlines()[1:])
    assert rows == sorted([pid, tid, comm, "thread_work", a, b]
                          for pid, tid, comm, a, b in map(str.split, log.splitlines()))


def test_thread_uid_name_and_message_filters():
    target = target_path("threads")
    spec = f'{target}:thread_work "id=%d", arg1'
    _, seen, out = traced(spec, target="threads", args=[3, 2], options=["-n", "worker-1"])
    assert {line.split()[2] for line in out.splitlines()[1:]} == {"worker-1"} and len(seen) == 2
    _, seen, _ = traced(spec, target="threads", args=[3, 2], options=["-f", "id=2"])
    assert seen == ["id=2"] * 2
    _, seen, _ = traced(spec, target="threads", args=[3, 2], options=["--uid", "65534"])
    assert seen == []
    _, seen, _ = traced(spec, target="threads", args=[3, 2], options=["--uid", "0"])
    assert len(seen) == 6


def test_time_and_cpu_columns():
    before = time.time()
    _, _, out = traced(f"{ADD}:AddNum", target="add", args=[1], options=["-t", "-u", "-C"])
    header, line = out.splitlines()
    assert header.startswith("TIME              CPU PID ")
    assert before <= float(line.split()[0]) <= time.time()
    assert 0 <= int(line.split()[1]) < os.cpu_count() + 64
    _, _, out = traced(f"{ADD}:AddNum", target="add", args=[1], options=["-T"])
    assert re.match(r"\d\d:\d\d:\d\d \d", out.splitlines()[1])
    _, _, out = traced(f"{ADD}:AddNum", target="add", args=[1], options=["-t"])
    assert 0 <= float(out.splitlines()[1].split()[0]) < 60


def test_json_keys_are_typed_and_losses_come_last():
    with Tool("trace", "--json", f'{ADD}:add_string "%s %d", arg1, arg2', f"r:{ADD}:AddNum") as trace:
        run_target("add", 1)
        out, _ = trace.stop()
    records, lost = json_lines(out)
    record = next(r for r in records if r["func"] == "add_string")
    assert record["args"] == ["text 0", 32] and record["message"] == "text 0 32"
    assert isinstance(record["pid"], int) and isinstance(record["tid"], int)
    assert record["comm"] == "add" and record["spec"].startswith(str(ADD))
    assert abs(record["time"] - time.time()) < 600
    assert lost == 0


def test_unreadable_value_is_an_error_in_json_and_a_mark_in_text():
    _, seen, _ = traced(f'{ADD}:AddNum "%d %s|", *(int *)arg1, arg1', target="add", args=[2])
    assert seen == ["? ?|"] * 2
    with Tool("trace", "--json", f'{ADD}:AddNum "%d", *(int *)arg1') as trace:
        run_target("add", 1)
        out, _ = trace.stop()
    assert "EFAULT" in json_lines(out)[0][0]["args"][0]["error"]


def test_command_is_traced_with_its_children_and_nobody_else():
    forks = target_path("forks")
    with Tool("trace", f'{forks}:fork_work "%d %d", arg1, arg2', "--", forks, "2", "3",
              armed="armed") as trace:
        stranger = subprocess.run([forks, "1", "1"], capture_output=True, text=True)
        out, err = trace.wait()
    assert stranger.returncode == 3
    strangers = {line.split()[0] for line in stranger.stdout.splitlines()}
    # The command shares our stdout: its own log is among our lines.
    log = [line.split() for line in out.splitlines() if re.fullmatch(r"\d+ \d+ \d+ \d+", line)]
    rows = [line.split() for line in out.splitlines() if " fork_work " in line]
    assert rows and {row[0] for row in rows}.isdisjoint(strangers)
    assert sorted((row[0], row[4], row[5]) for row in rows) == sorted((l[0], l[2], l[3]) for l in log)


# ---- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize("spec, said", [
    (f"{ADD}:AddNumm", "did you mean 'AddNum'"),
    (f"p:{ADD}:nothing_like_it_*", "no function"),
    ("p:/nonexistent:f", "/nonexistent"),
    ("nosuchlibrary:f", "nosuchlibrary"),
    (f'{ADD}:AddNum "%d"', "column"),
    (f'{ADD}:AddNum "%d", arg1, arg2', "column"),
    (f'{ADD}:AddNum "%d", foo', "foo"),
    (f"{ADD}:AddNum (arg1 >", "column"),
    (f'{ADD}:AddNum(int count) "%d", cuont', "did you mean 'count'"),
    (f'{ADD}:AddNum "%q", arg1', "%q"),
    (f"u:{ADD}:probe", "no USDT"),
    (f"u:{USDT}:target:strin", "did you mean 'string'"),
    ("t:sched:sched_swich", "did you mean 'sched_switch'"),
    ("t:shced:sched_switch", "did you mean 'sched'"),
    ('t:sched:sched_switch "%d", args->nxt_pid', "did you mean 'next_pid'"),
    ("/etc/passwd:f", "ELF"),
    (f"p:{ADD}:0xffffffffff", "nothing at address"),
    ("", "column"),
])
def test_bad_spec_is_told_with_its_cause_and_exit_2(spec, said):
    status, out, err = run_tool("trace", spec)
    assert status == 2, err
    assert said in err and err.count("\n") <= 3 and not out


@pytest.mark.parametrize("args", [["-Z", "0", "c:open"], ["-p", "x", "c:open"], ["-M", "-1", "c:open"], [],
                                  ["--no-such-option", "c:open"], ["-L", "0", "c:open"], ["-u", "c:open"]])
def test_bad_options_exit_2(args):
    status, out, err = run_tool("trace", *args)
    assert status == 2 and err.startswith("trace: ") and not out


def test_returns_of_go_functions_know_their_arguments_though_stack_and_thread_change():
    need_target("goadd")
    log, seen, _ = traced(f'r:{target_path("goadd")}:main.goAdd "%d %d = %d", arg1, arg2, retval', target="goadd",
                          args=[500])
    assert sorted(seen) == sorted(logged(log, "goAdd"))


def test_returns_of_go_functions_are_seen_and_harm_nothing():
    """Each goroutine's stack moves during the call: a return address put there by a probe would be fatal."""
    need_target("goadd")
    log, seen, _ = traced(f'r:{target_path("goadd")}:main.goAdd "%d", retval', target="goadd", args=[500])
    assert len(log) == 500
    assert sorted(map(int, seen)) == sorted(int(line.split(" = ")[1]) for line in log)


def test_arguments_of_go_functions_are_where_go_puts_them():
    need_target("goadd")
    binary = target_path("goadd")
    log, seen, _ = traced(f'p:{binary}:main.goAdd "%d %d", arg1, arg2', target="goadd", args=[20])
    # A call whose stack has to grow begins anew, and is then hit twice.
    assert set(seen) == {line.split(" = ")[0][6:] for line in log}
    _, seen, _ = traced(f'p:{binary}:main.goName "%.*s", arg2, arg1', target="goadd", args=[20])
    assert set(seen) == {f"name {i}" for i in range(20)}


def test_names_of_cplusplus_are_found_demangled():
    need("nm")
    need_target("throw")
    symbols = subprocess.run(["nm", "-C", "--defined-only", target_path("throw")], capture_output=True,
                             text=True, check=True).stdout
    name = next(re.search(r" [tTW] ((\w+::)+\w+)\(", line).group(1) for line in symbols.splitlines()
                if re.search(r" [tTW] (\w+::)+\w+\(", line))
    status, out, err = run_tool("trace", "-l", f'p:{target_path("throw")}:{name}')
    assert status == 0 and out.startswith("p:"), err


# ---- ending ---------------------------------------------------------------------------------


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_with_everything_flushed(sig):
    with Tool("trace", f'{ADD}:AddNum "%d", arg1') as trace:
        run_target("add", 10)
        out, _ = trace.stop(sig)
    assert trace.status == 0
    assert messages(out) == [str(i) for i in range(10)]


def test_tool_of_a_background_job_ends_as_any_other():
    """A script's "trace ... &" is started with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Tool("trace", f"p:{ADD}:AddNum", "--", "sleep", "1000") as trace:
            _, err = trace.stop()
        assert trace.status == 0 and "was killed by signal 2" in err
        with Tool("trace", "-v", "--duration", "0.5", f"p:{ADD}:AddNum") as trace:
            run_target("add", 1)
            out, _ = trace.wait()
        assert trace.status == 0 and "AddNum" in out
    finally:
        signal.signal(signal.SIGINT, before)


def test_lines_come_at_once_into_a_pipe():
    with Tool("trace", f'{ADD}:AddNum "%d", arg1') as trace:
        run_target("add", 1)
        assert any(" AddNum " in line for line in trace.read_lines())
        trace.stop()


def test_closed_pipe_ends_it_quietly():
    with Tool("trace", f'{ADD}:AddNum "%d", arg1') as trace:
        assert trace.read_line().startswith("PID")
        trace.process.stdout.close()
        trace.process.stdout = None
        run_target("add", 10)
        _, err = trace.wait()
    assert trace.status == 0 and "annot" not in err


def test_full_disk_is_told():
    with open("/dev/full", "w") as full, Tool("trace", f'{ADD}:AddNum "%d", arg1', stdout=full) as trace:
        run_target("add", 10)
        _, err = trace.wait()
    assert trace.status == 1 and "No space left" in err


# ---- looking without touching ---------------------------------------------------------------


def test_list_of_functions_probes_and_tracepoints():
    status, out, _ = run_tool("trace", "-l", f"p:{ADD}:add_n*")
    assert status == 0 and set(out.split()) == {f"p:{ADD}:{name}" for name in
                                                ("add_narrow", "add_name", "add_nothing")}
    status, out, _ = run_tool("trace", "-l", f"u:{USDT}:*")
    probes = {line.split()[0].rsplit(":", 1)[1] for line in out.splitlines()}
    assert probes == {"constants", "registers", "memory", "globals", "stack", "string", "sites", "twelve"}
    status, out, _ = run_tool("trace", "-l", "t:sched:sched_process_*")
    assert "t:sched:sched_process_exec" in out.split()
    status, out, _ = run_tool("trace", "-l", "-v", "t:sched:sched_process_fork")
    assert "int child_pid" in out or "pid_t child_pid" in out


def test_dump_shows_typed_expressions_and_commented_instructions():
    status, out, _ = run_tool("trace", "--dump", f'{ADD}:AddNum(int a, int b) (a > b + 1) "%d", a')
    assert status == 0
    assert "predicate: " in out and "call bpf_ringbuf_submit" in out and "; submit" in out


def test_what_a_list_prints_of_a_path_with_blanks_is_a_spec(tmp_path):
    folder = tmp_path / "my (old) app"
    folder.mkdir()
    program = shutil.copy(BUILD / "targets/add", folder / "a:b add")
    status, out, err = run_tool("trace", "-l", f'p:"{program}":AddNum')
    assert (status, err) == (0, "")
    assert out == f'p:"{program}":AddNum\n'
    status, out, err = run_tool("trace", "-M", "1", out.strip() + ' "%d", (int)arg1', "--", program)
    assert status == 0 and re.search(r"AddNum +\d+$", out, re.M), (status, out, err)


def test_armed_within_the_targets():
    with Tool("trace", "-p", os.getpid(), f"{ADD}:AddNum") as trace:
        trace.stop()
    ms, kib = re.search(r"armed ([\d.]+) ms after the start, (\d+) KiB", trace.stderr.decode()).groups()
    # Not a timing test: the figures are there and sane. tests/bench measures.
    assert float(ms) > 0 and int(kib) < 10 * 1024


def test_a_container_sees_its_own_numbers(tmp_path):
    """In a PID namespace of its own, trace shows and filters by the numbers that are seen there."""
    need("unshare")
    script = (f'{tool_path("trace")} -M 2 \'{ADD}:AddNum "%d", $tgid\' > {tmp_path}/ns.out & '
              f'until [ -s {tmp_path}/ns.out ] || ! kill -0 $!; do sleep 0.1; done; {ADD} 2 >/dev/null & echo $!; wait')
    done = subprocess.run(["unshare", "--fork", "--pid", "--mount-proc", "sh", "-c", script],
                          capture_output=True, text=True, timeout=4 * PATIENCE)
    need_that("unshare" not in done.stderr, done.stderr.strip())
    rows = (tmp_path / "ns.out").read_text().splitlines()[1:]
    pid = done.stdout.split()[0]
    assert rows and all(row.split()[0] == pid and row.split()[4] == pid for row in rows)
