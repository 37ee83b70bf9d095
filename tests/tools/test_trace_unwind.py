# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""trace -U where programs have no frame pointers: the frames are those that gdb finds at the same stop."""
import contextlib
import json
import subprocess

from redis_servers import Client, Server
from tracing import FULL, KERNEL, PATIENCE, Tool, json_lines, need, need_target, need_that, run_tool, running, target_path

FRAMELESS = target_path("frameless")
ROUNDS = 170 if FULL else 3
# Stops at the second instruction, as the first one is the probe's. Frames of inlined functions and of tail calls are none of
# the stack's.
GDB = """
import gdb, json
for word in ("pagination off", "confirm off", "backtrace past-main on", "backtrace past-entry on", "print thread-events off"):
    gdb.execute("set " + word)
gdb.execute("handle all nostop noprint pass")
log = open({log!r}, "w")
class Stop(gdb.Breakpoint):
    def stop(self):
        frame, addresses = gdb.newest_frame(), []
        while frame is not None:
            if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
                addresses.append(frame.pc())
            frame = frame.older()
        log.write(json.dumps(addresses) + "\\n")
        log.flush()
        self.left -= 1
        return not self.left
first = int(gdb.parse_and_eval("(long)&{function}"))
Stop("*%d" % gdb.selected_frame().architecture().disassemble(first, count=3)[2]["addr"]).left = {hits}
print("READY", flush=True)
gdb.execute("continue")
"""


def need_tables():
    need_that(KERNEL >= (6, 12), "only later kernels are sure to take programs of this kind")


@contextlib.contextmanager
def gdb_stops(pid, function, hits, tmp_path):
    """A function that waits for so many stops, and gives the addresses of gdb's frames at each. The process goes on then."""
    log, script = tmp_path / "stops", tmp_path / "stops.py"
    script.write_text(GDB.format(log=str(log), function=function, hits=hits))
    with running("gdb", "-nx", "-q", "-batch", "-p", pid, "-x", script, stdout=subprocess.PIPE,
                 stderr=subprocess.STDOUT, text=True) as gdb:
        said = []
        for line in gdb.stdout:
            said.append(line)
            if "READY" in line:
                break
        else:
            raise AssertionError("".join(said))

        def wait():
            gdb.communicate(timeout=PATIENCE)
            return [json.loads(line) for line in log.read_text().splitlines()]
        yield wait


def compare(pid, binary, function, load, hits, tmp_path):
    """load() makes the process call the function so many times. The rows of trace."""
    need_tables()
    need("gdb")
    with Tool("trace", "--json", "-U", "-M", hits, "-p", pid, f"{binary}:{function}") as trace:
        with gdb_stops(pid, function, hits, tmp_path) as stops:
            load()
            seen = stops()
        out, err = trace.wait()
    rows, lost = json_lines(out)
    assert len(rows) == len(seen) == hits and lost == 0, err
    with open(f"/proc/{pid}/maps") as maps:
        probes = [int(line.split("-")[0], 16) for line in maps if "[uprobes]" in line]
    for row, frames in zip(rows, seen):
        # Another tracer's return probe: gdb takes its trampoline for the caller.
        if set(frames) & set(probes):
            continue
        assert [frame["address"] for frame in row["user_stack"]][1:] == frames[1:], row
        assert "user_stack_end" not in row
    return rows


def ask(process, letters):
    for letter in letters:
        process.stdin.write(letter)
        process.stdin.flush()
        assert process.stdout.readline() == letter + "\n"


def frameless():
    need_target("frameless")
    return running(FRAMELESS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_frames_equal_gdbs_in_odd_places(tmp_path):
    with frameless() as process:
        assert process.stdout.readline() == "ready\n"
        rows = compare(process.pid, FRAMELESS, "inner", lambda: ask(process, "pabqsd" * ROUNDS), 6 * ROUNDS, tmp_path)
    assert [len(row["user_stack"]) > 90 for row in rows] == [False, False, False, False, False, True] * ROUNDS
    assert all(any(frame["symbol"] == "main" for frame in row["user_stack"]) for row in rows)


def test_frames_equal_gdbs_in_redis(tmp_path):
    need("redis-server")
    script = "return redis.call('set', KEYS[1], 1)"
    with Server() as server, Client(server) as client:
        def load():
            for i in range(2 * ROUNDS):
                client.call("set", f"k{i}", "v")
                client.call("lpush", f"l{i}", "x")
                client.call("zadd", f"z{i}", "1", "m")
                client.call("eval", script, "1", f"e{i}")
        compare(server.process.pid, "redis-server", "dbAdd", load, 8 * ROUNDS, tmp_path)


def test_frames_equal_gdbs_in_python(tmp_path):
    program = "import sys, json\nprint('ready', flush=True)\nfor line in sys.stdin: json.loads('[%s]' % line)"
    with running("/usr/bin/python3", "-c", program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"

        def load():
            process.stdin.write("1234567\n" * 5 * ROUNDS)
            process.stdin.flush()
        compare(process.pid, f"/proc/{process.pid}/exe", "PyLong_FromString", load, 5 * ROUNDS, tmp_path)


def test_the_first_stack_of_a_command_is_whole():
    need_tables()
    need_target("frameless")
    status, out, err = run_tool("trace", "--json", "-U", f"{FRAMELESS}:inner", "--",
                                "sh", "-c", f"echo qpsd | {FRAMELESS}")
    assert status == 0, err
    rows, _ = json_lines("\n".join(line for line in out.splitlines() if line.startswith("{")))
    assert len(rows) == 4
    for row, callers in zip(rows, (["compare"], ["plainly"], ["handle"], ["deeply"] * 91)):
        names = [frame["symbol"] for frame in row["user_stack"]]
        assert names[:1 + len(callers)] == ["inner", *callers]
        assert names[names.index("main"):] == ["main", *names[-3:]] and names[-1] == "_start"
        assert "user_stack_end" not in row


def counted(*options):
    status, out, err = run_tool("trace", "--json", "--count", "-U", *options, f"{FRAMELESS}:inner", "--",
                                "sh", "-c", f"echo pppaa | {FRAMELESS}; echo p | {FRAMELESS}")
    assert status == 0, err
    rows, _ = json_lines("\n".join(line for line in out.splitlines() if line.startswith("{")))
    return [(row["count"], [frame["symbol"] for frame in row["user_stack"]]) for row in rows], err


def test_equal_stacks_are_counted_once():
    need_tables()
    need_target("frameless")
    rows, err = counted()
    assert [(count, names[:3]) for count, names in rows] == [
        (3, ["inner", "plainly", "main"]), (2, ["inner", "allocating", "main"]), (1, ["inner", "plainly", "main"])]
    assert "frame pointers" not in err


def test_fp_asks_for_frame_pointers():
    need_target("frameless")
    rows, err = counted("--fp")
    assert sum(count for count, _ in rows) == 6
    assert not all("main" in names for _, names in rows), "there are none"
    assert "frame pointers" not in err


def test_an_old_kernel_follows_frame_pointers_and_says_so():
    need_that(KERNEL < (6, 1), "this kernel's mappings can be read without locks")
    need_target("frameless")
    rows, err = counted()
    assert sum(count for count, _ in rows) == 6
    assert "user stacks are found by frame pointers" in err
