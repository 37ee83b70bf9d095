# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""blazesym-lite, end to end: addresses of processes wherever their files are, names into places,
USDT sites, and what it says when it can't."""
import bisect
import ctypes
import glob
import json
import os
import random
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from large_file import evict, large_program, resident
from tracing import PATIENCE, need, need_target, need_that, run_tool, running, target_path, tool_path

ADD = target_path("add")
CLI = tool_path("blazesym-lite")


def output(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, check=True,
                          timeout=4 * PATIENCE).stdout


def bsl(*args, status=0):
    """A successful run's stdout."""
    code, out, err = run_tool("blazesym-lite", *args)
    assert code == status, err
    return out


def records(*args):
    return [json.loads(line) for line in bsl("--json", *args).splitlines()]


def locate(pid, address, *options):
    (answer,) = records("-p", pid, *options, hex(address))
    return answer


def fails(*args):
    """(status, stderr) of a run that prints nothing."""
    code, out, err = run_tool("blazesym-lite", *args)
    assert not out
    return code, err


@contextmanager
def waiting(*command, **kwargs):
    """A program that waits for a line, once it said that it is ready."""
    with running(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "TARGET_WAIT": "1"},
                 **kwargs) as process:
        assert process.stdout.readline().startswith(b"ready")
        yield process


def mappings(pid):
    """(start, end, permissions, offset, path) of /proc/PID/maps."""
    rows = (line.rstrip("\n").split(None, 5) for line in open(f"/proc/{pid}/maps"))
    return [(*(int(x, 16) for x in row[0].split("-")), row[1], int(row[2], 16), row[5] if len(row) > 5 else "")
            for row in rows]


def base(pid, name):
    """Where the file of that name starts in a process; its addresses start at 0, as those of PIEs do."""
    return next(start for start, _, _, offset, path in mappings(pid) if name in path and not offset)


def symbol(path, name, *options):
    return next(int(row[0], 16) for row in (line.split() for line in output("nm", *options, path).splitlines())
                if row[-1] == name)


ADD_NUM = "AddNum"


def assert_add_num(pid, mapped_as, module):
    start = symbol(ADD, ADD_NUM)
    answer = locate(pid, base(pid, mapped_as) + start + 1)
    assert (answer["name"], answer["offset"], answer["module"]) == (ADD_NUM, 1, str(module))
    assert answer["elf_address"] == start + 1


# ---- processes ----------------------------------------------------------------------------------


def test_address_of_a_process_has_name_line_and_module():
    with waiting(ADD) as process:
        assert_add_num(process.pid, "/add", ADD)
        address = base(process.pid, "/add") + symbol(ADD, ADD_NUM)
        frame = locate(process.pid, address, "-l")["lines"][-1]
        source = Path(frame["directory"] or "", frame["file"])
        assert source.name == "add.c"
        text = bsl("-p", process.pid, "-l", hex(address))
        assert re.fullmatch(rf"0x{address:016x} AddNum\+0x0 \[.*/add\] .*add\.c:{frame['line']}\n", text)


def test_deleted_binary_is_resolved(tmp_path):
    shutil.copy(ADD, tmp_path / "gone")
    with waiting(tmp_path / "gone") as process:
        (tmp_path / "gone").unlink()
        assert_add_num(process.pid, "/gone", tmp_path / "gone")


def test_replaced_binary_is_not_taken_for_the_one_that_runs(tmp_path):
    shutil.copy(ADD, tmp_path / "program")
    with waiting(tmp_path / "program") as process:
        (tmp_path / "program").unlink()
        shutil.copy(target_path("hits"), tmp_path / "program")
        assert_add_num(process.pid, "/program", tmp_path / "program")


def test_program_in_a_memfd_is_resolved():
    code = ("import os, sys; fd = os.memfd_create('hidden', 0); os.write(fd, open(sys.argv[1], 'rb').read());"
            "os.execve(fd, ['hidden'], os.environ)")
    with waiting(sys.executable, "-c", code, ADD) as process:
        assert_add_num(process.pid, "/memfd:hidden", "/memfd:hidden")


@contextmanager
def container(tmp_path):
    """useadd and its libraries on a tmpfs that only its own mount namespace has, as pid 1 of its own
    pid namespace; its pid here."""
    need("unshare")
    need_that(not subprocess.run(["unshare", "--mount", "--pid", "--fork", "mount", "-t", "tmpfs", "none", "/mnt"],
                                 capture_output=True).returncode, "mount and pid namespaces can't be made here")
    program, root = target_path("useadd"), tmp_path / "root"
    root.mkdir()
    libraries = re.findall(r"(/\S+) \(", output("ldd", program))
    script = ('mount -t tmpfs none "$0" && mkdir "$0/tmp" "$0/proc" && mount -t proc none "$0/proc" &&'
              'cp --parents "$@" "$0" && exec chroot "$0" "$1"')
    with waiting("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "sh", "-c",
                 script, root, program, *libraries) as process:
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield int(child)


def test_process_in_another_mount_and_pid_namespace(tmp_path):
    program, library = target_path("useadd"), target_path("libadd.so")
    with container(tmp_path) as pid:
        assert not glob.glob(f"{tmp_path}/root/tmp/*"), "its files are not ours"
        assert not os.path.exists(f"{tmp_path}/root{program}")
        main = locate(pid, base(pid, "/useadd") + symbol(program, "main"))
        assert (main["name"], main["offset"], main["module"]) == ("main", 0, str(program))
        add = locate(pid, base(pid, "/libadd.so") + symbol(library, "lib_add"), "-l")
        assert (add["name"], add["module"]) == ("lib_add", str(library))
        assert add["lines"][-1]["file"].endswith("libadd.c")
        # names, too: by the path that the process knows
        (found,) = records("-p", pid, "-e", library, "--find", "lib_add")
        assert found["address"] == symbol(library, "lib_add")


def test_perf_map_of_another_namespace_goes_by_its_own_pid(tmp_path):
    with container(tmp_path) as pid:
        at = next(start for start, _, _, _, path in mappings(pid) if path == "[heap]")
        (answer,) = records("-p", pid, hex(at + 0x18))
        assert answer["name"] is None
        Path(f"/proc/{pid}/root/tmp/perf-1.map").write_text(f"{at + 0x10:x} 20 jitted code\n")
        (answer,) = records("-p", pid, hex(at + 0x18))
        assert (answer["name"], answer["offset"], answer["size"]) == ("jitted code", 8, 0x20)


def test_java_methods_are_named_by_its_perf_map():
    need("java", "jcmd")
    need_target("HelloThreads.class")
    with waiting("java", "-Xcomp", "-cp", target_path(""), "HelloThreads") as process:
        said = subprocess.run(["jcmd", str(process.pid), "Compiler.perfmap"], capture_output=True, text=True)
        path = Path(f"/tmp/perf-{process.pid}.map")
        need_that(path.exists(), f"this Java writes no perf map: {said.stdout} {said.stderr}")
        try:
            rows = [line.split(None, 2) for line in path.read_text().splitlines()]
            rows = [(int(start, 16), int(size, 16), name) for start, size, name in rows][::7]
            assert any("java.lang." in name for _, _, name in rows)
            answers = records("-p", process.pid, *(hex(start + size // 2) for start, size, _ in rows))
            for (start, size, name), answer in zip(rows, answers, strict=True):
                assert (answer["name"], answer["offset"], answer["size"]) == (name, size // 2, size)
        finally:
            path.unlink()


def test_vdso_has_names(tmp_path):
    start, end = next((start, end) for start, end, _, _, path in mappings("self") if path == "[vdso]")
    with open("/proc/self/mem", "rb") as memory:
        memory.seek(start)
        image = tmp_path / "vdso"
        image.write_bytes(memory.read(end - start))
    rows = [line.split() for line in output("nm", "-D", "--defined-only", image).splitlines()]
    places = {}
    for address, kind, name in rows:
        if kind in "TtWw":
            places.setdefault(int(address, 16), set()).add(name.split("@")[0])
    assert places
    for address, names in places.items():
        answer = locate(os.getpid(), start + address)
        assert (answer["module"], answer["offset"]) == ("[vdso]", 0)
        assert answer["name"] in names


def test_stub_of_a_library_function_is_named_at_plt():
    program = target_path("useadd")
    with waiting(program) as process:
        at = base(process.pid, "/useadd") + symbol(program, "lib_add@plt", "--synthetic")
        assert locate(process.pid, at + 4)["name"] == "lib_add@plt"


@contextmanager
def conversation(*args):
    """A function that asks one running blazesym-lite address by address; and its pid."""
    with running(CLI, *args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        def ask(address):
            process.stdin.write(f"{address:#x}\n")
            process.stdin.flush()
            return process.stdout.readline()
        yield ask, process.pid


def lib_add_of(library):
    return ctypes.cast(ctypes.CDLL(str(library)).lib_add, ctypes.c_void_p).value


def test_maps_are_read_anew_when_an_address_is_not_in_them(tmp_path):
    library = tmp_path / "late.so"
    shutil.copy(target_path("libadd.so"), library)
    with conversation("-p", os.getpid()) as (ask, _):
        assert "? (nothing is mapped there)" in ask(1)
        assert "lib_add+0x1 [" in ask(lib_add_of(library) + 1)


def test_process_is_known_after_its_end():
    with waiting(ADD) as process:
        address = base(process.pid, "/add") + symbol(ADD, ADD_NUM)
        with conversation("-p", process.pid) as (ask, _):
            assert "? (nothing is mapped there)" in ask(1)
            process.kill()
            process.wait()
            assert f"{ADD_NUM}+0x0 [" in ask(address)


def test_file_that_changed_in_place_is_read_anew(tmp_path):
    path = tmp_path / "changing"
    shutil.copy(ADD, path)
    with conversation("-e", path) as (ask, _):
        assert f" {ADD_NUM}+0x0" in ask(symbol(ADD, ADD_NUM))
        inode = path.stat().st_ino
        path.write_bytes(target_path("useadd").read_bytes())
        assert path.stat().st_ino == inode
        assert " _start+0x0" in ask(symbol(path, "_start"))


def test_files_kept_open_are_bounded(tmp_path):
    libraries = [tmp_path / f"copy{i}.so" for i in range(80)]
    for library in libraries:
        shutil.copy(target_path("libadd.so"), library)
    addresses = [lib_add_of(library) for library in libraries]
    with conversation("-p", os.getpid()) as (ask, pid):
        for library, address in 2 * list(zip(libraries, addresses)):
            assert f" lib_add+0x0 [{library}]" in ask(address)
        kept = {path for path in map(os.readlink, glob.glob(f"/proc/{pid}/fd/*")) if path.startswith(str(tmp_path))}
        assert 0 < len(kept) <= 64 + 1, "what was given up lives until the next address"


def test_every_miss_has_its_reason():
    with waiting(ADD) as process:
        gap = next(start for start, _, _, _, path in mappings(process.pid) if path == "[stack]")
        for address, reason in ((0, "nothing is mapped there"),
                                (gap, "code made at run time, and no perf map with its name"),
                                (base(process.pid, "/add"), "no symbol covers the address")):
            answer = locate(process.pid, address)
            assert (answer["name"], answer["reason"]) == (None, reason)
            assert f"? ({reason})" in bsl("-p", process.pid, hex(address))


def test_process_and_file_say_the_same():
    """Of random places in all the code that this process has mapped: the bias is right for each."""
    dice = random.Random(7)
    for start, end, permissions, offset, path in mappings(os.getpid()):
        if "x" not in permissions or not path.startswith("/"):
            continue
        places = [dice.randrange(end - start) for _ in range(200)]
        here = records("-p", os.getpid(), *(hex(start + place) for place in places))
        there = records("-e", path, "-o", *(hex(offset + place) for place in places))
        wanted = ("name", "offset", "size", "elf_address", "reason")
        assert [[a.get(key) for key in wanted] for a in here] == [[a.get(key) for key in wanted] for a in there]
        assert {a["module"] for a in here} == {path}


# ---- the kernel ---------------------------------------------------------------------------------


def kernel_function():
    for line in open("/proc/kallsyms"):
        address, kind, name = line.split()[:3]
        if kind in "Tt" and name in ("vfs_read", "__x64_sys_getpid", "do_exit"):
            if int(address, 16):
                return int(address, 16), name
    pytest.skip("the kernel hides its addresses, or has none of these functions")


def test_kernel_address_and_name():
    address, name = kernel_function()
    (answer,) = records("-k", hex(address + 1))
    assert (answer["name"], answer["offset"]) == (name, 1)
    assert address in [row["address"] for row in records("-k", "--find", name)]
    assert name in [row["name"] for row in records("-k", "--find", name[:-1] + "?")]


def test_random_kernel_addresses_agree_with_kallsyms():
    kernel_function()
    rows = (line.split() for line in open("/proc/kallsyms"))
    starts = {}
    for row in rows:
        if row[1] in "TtWw" and len(row) == 3:
            starts.setdefault(int(row[0], 16), set()).add(row[2])
    ordered = sorted(starts)
    first, last = (next(at for at, names in starts.items() if name in names) for name in ("_stext", "_etext"))
    dice = random.Random(7)
    addresses = [dice.randrange(first, last) for _ in range(2000)]
    for address, answer in zip(addresses, records("-k", *map(hex, addresses)), strict=True):
        at = bisect.bisect_right(ordered, address)
        start = ordered[at - 1]
        if answer["name"] is None:
            assert ordered[at] - start > 1 << 16, "only in a gap that no function fills"
        else:
            assert answer["name"] in starts[start] and answer["offset"] == address - start


# ---- names into places --------------------------------------------------------------------------


def test_find_by_name_by_glob_and_demangled():
    program = need_target("throw")
    by_nm = {line.split()[-1]: int(line.split()[0], 16) for line in output("nm", program).splitlines()
             if len(line.split()) == 3}
    both = records("-e", program, "--find", "app::add")
    assert {row["name"]: row["address"] for row in both} == {name: by_nm[name] for name in
                                                             ("_ZN3app3addEii", "_ZN3app3addEdd")}
    assert {row["demangled"] for row in both} == {"app::add(int, int)", "app::add(double, double)"}
    (one,) = records("-e", program, "--find", "app::add(int, int)")
    assert one["name"] == "_ZN3app3addEii"
    assert [row["name"] for row in records("-e", program, "--find", "_ZN3app3addEii")] == ["_ZN3app3addEii"]
    names = {row["name"] for row in records("-e", program, "--find", "app::*")}
    assert {"_ZN3app3addEii", "_ZN3app3addEdd", "_ZN3app4failEi"} <= names
    of_template = {row["demangled"] for row in records("-e", program, "--find", "app::twice")}
    assert of_template and all("app::twice<" in name for name in of_template)


def test_data_is_found_only_when_asked_for():
    (row,) = records("-e", "c", "--data", "--find", "environ")
    assert row["type"] == "object"
    assert fails("-e", "c", "--find", "environ")[0] == 1


def test_symbol_versions_are_told_apart():
    rows = records("-e", "c", "--no-debug-files", "--find", "memcpy")
    versions = sorted({row["version"] for row in rows if row["version"]})
    need_that(len(versions) > 1, "this libc has one memcpy")
    one = versions[0]
    assert {row["version"] for row in records("-e", "c", "--no-debug-files", "--find",
                                                    f"memcpy@{one}")} == {one}


INLINED = """
static inline __attribute__((always_inline)) int twice(int a)
{
	__asm__ volatile("nop" : "+r"(a));
	return a * 2;
}
__attribute__((noinline)) int first(int a) { return twice(a) + 1; }
__attribute__((noinline)) int second(int a) { return twice(a) + twice(a ^ 7); }
int main(int argc, char **argv) { (void)argv; return first(argc) + second(argc); }
"""


@pytest.fixture
def inlined(tmp_path):
    need("gcc")
    (tmp_path / "inlined.c").write_text(INLINED)
    output("gcc", "-O2", "-g", "-o", tmp_path / "inlined", tmp_path / "inlined.c")
    return tmp_path / "inlined"


def test_inlined_copies_and_lines_are_places(inlined):
    code, _, err = run_tool("blazesym-lite", "-e", inlined, "--find", "twice")
    assert code == 1, "there is no such symbol, and nobody asked for inlined copies"
    rows = records("-e", inlined, "-l", "--find", "twice")
    assert [row["type"] for row in rows] == ["inlined"] * 3
    assert sorted(row["line"]["function"] for row in rows) == ["first", "second", "second"]
    answers = records("-e", inlined, "-l", *(hex(row["address"]) for row in rows))
    assert [answer["lines"][-1]["function"] for answer in answers] == [row["line"]["function"] for row in rows]
    # a copy may be entered where an instruction of the caller still stands
    assert {"twice"} < {frame["function"] for answer in answers for frame in answer["lines"]}
    lines = records("-e", inlined, "--find", "inlined.c:4")
    answers = records("-e", inlined, "-l", *(hex(row["address"]) for row in lines))
    assert {row["type"] for row in lines} == {"line"}
    assert any(answer["lines"][0]["line"] == 4 for answer in answers)
    assert {answer["name"] for answer in answers} == {"first", "second"}


# Two blocks of `outer` hold the third instruction, as compilers write them; the second has `inner` there.
OVERLAPPING = """
	.text
	.globl outer
	.type outer, %function
outer:
	.skip 16, 0
	.size outer, 16
	.section .debug_abbrev, "", %progbits
	.macro abbrev code, tag, children, attributes:vararg
	.uleb128 \\code, \\tag
	.byte \\children
	.uleb128 \\attributes, 0, 0
	.endm
	abbrev 1, 0x11, 1, 0x03, 0x08, 0x11, 0x01, 0x12, 0x06
	abbrev 2, 0x2e, 1, 0x03, 0x08, 0x11, 0x01, 0x12, 0x06
	abbrev 3, 0x2e, 0, 0x03, 0x08, 0x20, 0x0b
	abbrev 4, 0x0b, 0, 0x11, 0x01, 0x12, 0x06
	abbrev 5, 0x0b, 1, 0x11, 0x01, 0x12, 0x06
	abbrev 6, 0x1d, 0, 0x31, 0x13, 0x11, 0x01, 0x12, 0x06
	.byte 0
	.section .debug_info, "", %progbits
start:	.4byte end - version
version: .2byte 4
	.4byte .debug_abbrev
	.byte 8
	.uleb128 1
	.asciz "a.c"
	.8byte outer
	.4byte 16
inner:	.uleb128 3
	.asciz "inner"
	.byte 3
	.uleb128 2
	.asciz "outer"
	.8byte outer
	.4byte 16
	.uleb128 4
	.8byte outer
	.4byte 12
	.uleb128 5
	.8byte outer + 4
	.4byte 8
	.uleb128 6
	.4byte inner - start
	.8byte outer + 8
	.4byte 4
	.byte 0, 0, 0
end:
	.section .note.GNU-stack, "", %progbits
"""


def test_inlined_function_in_the_second_of_overlapping_blocks(tmp_path):
    need("gcc")
    (tmp_path / "blocks.s").write_text(OVERLAPPING)
    output("gcc", "-nostdlib", "-no-pie", "-Wl,-e,outer", "-o", tmp_path / "blocks", tmp_path / "blocks.s")
    at = symbol(tmp_path / "blocks", "outer")
    answers = records("-e", tmp_path / "blocks", "-l", hex(at + 4), hex(at + 8), hex(at + 12))
    assert [[frame["function"] for frame in answer["lines"]] for answer in answers] == [
        ["outer"], ["inner", "outer"], ["outer"]]


def test_separate_debug_file_is_used_if_its_checksum_is_right(inlined):
    need("objcopy", "strip")
    output("objcopy", "--remove-section=.note.gnu.build-id", inlined)
    address = symbol(inlined, "first")
    debug = inlined.with_suffix(".debug")
    output("objcopy", "--only-keep-debug", inlined, debug)
    output("strip", inlined)
    output("objcopy", f"--add-gnu-debuglink={debug}", inlined)
    (answer,) = records("-e", inlined, "-l", hex(address))
    assert answer["name"] == "first" and answer["lines"][-1]["file"].endswith("inlined.c")
    (answer,) = records("-e", inlined, "-l", "--no-debug-files", hex(address))
    assert answer["name"] is None
    debug.write_bytes(debug.read_bytes() + b"changed")
    (answer,) = records("-e", inlined, "-l", hex(address))
    assert answer["name"] is None


def test_mini_debug_info_names_static_functions(inlined):
    need("objcopy", "strip", "xz")
    address, mini = symbol(inlined, "first"), inlined.with_suffix(".mini")
    output("objcopy", "-S", "--keep-symbol=first", inlined, mini)
    output("xz", mini)
    output("strip", inlined)
    (answer,) = records("-e", inlined, hex(address))
    assert answer["name"] is None
    output("objcopy", "--add-section", f".gnu_debugdata={mini}.xz", inlined)
    (answer,) = records("-e", inlined, hex(address))
    assert answer["name"] == "first"


@pytest.mark.parametrize("kept", ["where it was made", "beside the program", "in a package", "nowhere"])
def test_split_dwarf_is_read(tmp_path, kept):
    need("gcc", "dwp")
    made, here = tmp_path / "made", tmp_path / "here"
    made.mkdir()
    here.mkdir()
    (made / "split.c").write_text(INLINED)
    # binutils' dwp knows no newer version
    version = "-gdwarf-4" if kept == "in a package" else "-g"
    subprocess.run(["gcc", "-O2", version, "-gsplit-dwarf", "-c", "split.c"], cwd=made, check=True)
    output("gcc", "-o", here / "split", made / "split.o")
    if kept == "beside the program":
        shutil.move(made / "split.dwo", here / "split.dwo")
    elif kept == "in a package":
        output("dwp", "-o", here / "split.dwp", made / "split.dwo")
    if kept != "where it was made":
        (made / "split.dwo").unlink(missing_ok=True)
    (answer,) = records("-e", here / "split", "-l", hex(symbol(here / "split", "first") + 1))
    assert answer["lines"][-1]["function"] == "first" and answer["lines"][-1]["file"].endswith("split.c")
    if kept == "nowhere":
        assert fails("-e", here / "split", "-l", "--find", "twice")[0] == 1
    else:
        assert len(records("-e", here / "split", "-l", "--find", "twice")) == 3


def test_split_dwarf_in_a_fifo_does_not_hang(tmp_path):
    need("gcc")
    (tmp_path / "split.c").write_text(INLINED)
    subprocess.run(["gcc", "-O2", "-g", "-gsplit-dwarf", "-o", "split", "split.c"], cwd=tmp_path, check=True)
    (dwo,) = tmp_path.glob("*.dwo")
    dwo.unlink()
    os.mkfifo(dwo)
    os.mkfifo(tmp_path / "split.dwp")
    (answer,) = records("-e", tmp_path / "split", "-l", hex(symbol(tmp_path / "split", "first")))
    assert [frame["function"] for frame in answer["lines"]] == ["first"]


def test_finding_a_name_reads_little_of_a_large_program(tmp_path):
    need("gcc")
    program = large_program(tmp_path)
    evict(program)
    need_that(not resident(program), "this file system keeps files in memory")
    (row,) = records("-e", program, "--find", "far")
    assert row["address"] > 200 << 20
    assert resident(program) < 32 << 20, "but for the kernel's reading ahead"


def test_return_instructions_are_those_of_objdump():
    need("objdump")
    path = os.path.realpath(glob.glob("/lib/*-linux-gnu/libc.so.6")[0])
    asked = [row for row in records("-e", path, "--no-debug-files", "--returns", "str*")]
    assert len(asked) > 50
    listing = re.split(r"\n\n", output("objdump", "-d", "--no-show-raw-insn", "-j", ".text", path))
    returns = {int(m[1], 16) for block in listing
               for m in re.finditer(r"^\s*([0-9a-f]+):\s+(?:(?:bnd|repz) )?ret(?:a[ab])?\b", block, re.M)}
    found = {offset for row in asked for offset in row["offsets"]}
    assert found and found <= returns
    for row in asked:
        (place,) = {(r["offset"], r["size"]) for r in records("-e", path, "--no-debug-files", "--find", row["name"])
                    if row["name"] == r["name"]} or [(0, 0)]
        inside = {at for at in returns if place[0] <= at < place[0] + place[1]}
        assert set(row["offsets"]) == inside, row["name"]


# ---- USDT ---------------------------------------------------------------------------------------


def test_usdt_sites_are_those_of_readelf():
    rows = records("-e", target_path("usdt"), "--usdt")
    notes = re.findall(r"Provider: (\S+)\n\s+Name: (\S+)\n\s+Location: 0x0*([0-9a-f]+), Base: \S+, "
                       r"Semaphore: 0x0*([0-9a-f]+)?\n\s+Arguments: ?(.*)",
                       output("readelf", "-n", target_path("usdt")))
    assert notes
    assert [(row["provider"], row["name"], row["address"], row["text"]) for row in rows] == \
        [(provider, name, int(address, 16), text) for provider, name, address, _, text in notes]
    assert all(len(row["arguments"]) == len(row["text"].split()) for row in rows)


def test_usdt_of_a_process_includes_unlinked_libraries(tmp_path):
    """As libstapsdt does it: a library made at run time, loaded, deleted."""
    made = tmp_path / "provider-Xa41Bc.so"
    shutil.copy(os.path.realpath(glob.glob("/usr/lib/*-linux-gnu/libstdc++.so.6")[0]), made)
    code = ("import ctypes, os, sys; ctypes.CDLL(sys.argv[1]); os.unlink(sys.argv[1]);"
            "print('ready', flush=True); sys.stdin.read()")
    with waiting(sys.executable, "-c", code, made) as process:
        assert not made.exists()
        rows = [row for row in records("-p", process.pid, "--usdt") if row["module"] == str(made)]
        assert sorted({row["name"] for row in rows}) == ["catch", "rethrow", "throw"]
        assert len({(row["name"], row["offset"]) for row in rows}) == len(rows), "each site once"


# ---- the library's manual -----------------------------------------------------------------------


@pytest.mark.no_tool
def test_manual_names_every_function_of_the_header():
    top = Path(__file__).resolve().parents[2]
    header = (top / "blazesym-lite/include/blazesym-lite.h").read_text()
    functions = set(re.findall(r"^[a-z].*?\b\*?(bsl_\w+)\(", header, re.M))
    manual = set(re.findall(r"\bbsl_\w+(?= ?\(\))|\bbsl_\w+(?=\()", (top / "man/blazesym-lite.3").read_text()))
    assert len(functions) > 50
    assert functions == manual


# ---- what it says when it can't -----------------------------------------------------------------


@pytest.mark.parametrize("args, cause", [
    ((), "give one of -p PID, -e FILE, -k"),
    (("-k", "-e", "c"), "give one of"),
    (("-p", "zero", "1"), "'zero' is not a process id"),
    (("-p", "-3", "1"), "'-3' is not a process id"),
    (("-e", "c", "0x1", "fish"), "'fish' is not an address"),
    (("-e", "c", "0x10000000000000000"), "is not an address"),
    (("-e", "c", "--find", "x", "0x1"), "addresses make no sense here: '0x1'"),
    (("-k", "--usdt"), "not for the kernel"),
    (("-q",), "invalid option"),
])
def test_misuse_exits_2_with_the_cause(args, cause):
    status, err = fails(*args)
    assert status == 2
    assert cause in err


def free_pid():
    return next(pid for pid in range(4_000_000, 2, -1) if not os.path.exists(f"/proc/{pid}"))


@pytest.mark.parametrize("args, cause", [
    (("-e", "nosuchthing", "1"), "'nosuchthing' not found"),
    (("-e", "/etc/passwd", "1"), "/etc/passwd: not an ELF file"),
    (("-e", "c", "--find", "nosuchfunction"), "no symbol is named 'nosuchfunction'"),
    (("-e", "/bin/true", "--usdt"), "no USDT sites"),
    (("-p", free_pid(), "1"), "there is no process"),
    (("-p", free_pid(), "--usdt"), "there is no process"),
])
def test_failure_exits_1_with_the_cause(args, cause):
    status, err = fails(*args)
    assert status == 1
    assert cause in err


def test_name_without_a_slash_is_no_file_of_here_but_says_so(tmp_path):
    shutil.copy(ADD, tmp_path / "prog-of-mine")
    status, _, err = run_tool("blazesym-lite", "-e", "prog-of-mine", "1", cwd=tmp_path)
    assert status == 1
    assert err.endswith("did you mean the file ./prog-of-mine?\n")


def test_full_disk_is_an_error():
    with open("/dev/full", "w") as full:
        done = subprocess.run([CLI, "-e", "c", "0x1"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "cannot write the output: No space left on device" in done.stderr


def test_addresses_come_from_standard_input_too():
    done = subprocess.run([CLI, "-e", ADD], input=f"{symbol(ADD, ADD_NUM):#x}\n{symbol(ADD, 'main')}\n",
                          capture_output=True, text=True, timeout=PATIENCE)
    assert [line.split()[1] for line in done.stdout.splitlines()] == [f"{ADD_NUM}+0x0", "main+0x0"]
