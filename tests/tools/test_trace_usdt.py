# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""trace and USDT probes of libraries that a program makes, loads and deletes at run time."""
import subprocess
import sys
from contextlib import contextmanager


from tracing import Tool, need, need_that, run_tool, running

SOURCE = """
#include <sys/sdt.h>
void fire(int value, const char *text)
{
	STAP_PROBE2(PROVIDER, fired, value, text);
}
"""

PROGRAM = """
import ctypes, os, sys
loaded = [ctypes.CDLL(path) for path in sys.argv[1:]]
for path in sys.argv[1:]:
    os.unlink(path)
print("ready", flush=True)
sys.stdin.readline()
for library in loaded:
    for i in range(3):
        library.fire(i, b"text %d" % i)
"""


@contextmanager
def program(tmp_path, *providers):
    need("gcc")
    (tmp_path / "probe.c").write_text(SOURCE)
    libraries = [tmp_path / f"{provider}-Xy12Za.so" for provider in providers]
    for provider, library in zip(providers, libraries):
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", f"-DPROVIDER={provider}", "-o", library,
                        tmp_path / "probe.c"], check=True)
    with running(sys.executable, "-c", PROGRAM, *libraries, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        yield process


def fired(process, spec):
    with Tool("trace", "-p", process.pid, spec + ' "%d %s", arg1, arg2') as trace:
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.wait()
        out, err = trace.stop()
    assert trace.status == 0, err
    return [line.split(None, 4)[4] for line in out.splitlines()[1:]]


def test_probe_of_a_deleted_library_is_found_through_the_process(tmp_path):
    with program(tmp_path, "mine") as process:
        assert fired(process, "u::fired") == [f"{i} text {i}" for i in range(3)]


def test_provider_chooses_among_libraries(tmp_path):
    with program(tmp_path, "mine", "yours") as process:
        status, _, err = run_tool("trace", "-p", process.pid, "u::fired")
        assert status != 0
        assert "mine-Xy12Za.so" in err and "yours-Xy12Za.so" in err and "name one of them" in err
        assert fired(process, "u::yours:fired") == [f"{i} text {i}" for i in range(3)]


def test_program_comes_before_its_libraries(tmp_path):
    """python3 has probes of its own."""
    need("readelf")
    notes = subprocess.run(["readelf", "-n", sys.executable], capture_output=True, text=True).stdout
    need_that("function__entry" in notes, "this python has no USDT probes")
    with program(tmp_path, "mine") as process:
        status, out, err = run_tool("trace", "-p", process.pid, "-l", "u::*")
        assert status == 0, err
        assert "function__entry" in out and "fired" not in out
