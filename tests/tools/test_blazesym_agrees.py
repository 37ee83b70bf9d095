# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""blazesym-lite against nm, addr2line and Go's tools: thousands of random code addresses of real
programs. Where the answers differ one of the rules below has to say why, with proof for that
address; an address that no rule explains fails the test."""
import bisect
import collections
import glob
import json
import os
import random
import re
import subprocess
from pathlib import Path

import pytest

from tracing import BUILD, need, need_that, tool_path

ADDRESSES = int(os.environ.get("TESTS_ADDRESSES", "10000"))
SEED = 20261121
TARGETS = Path(__file__).parent.parent / "targets"
JVM = ["/usr/lib/jvm/java-*/lib/server/libjvm.so", "/usr/lib/jvm/*/lib/server/libjvm.so"]
STUB = re.compile(r"@plt$")


def run(*command, text=""):
    return subprocess.run([str(c) for c in command], input=text, capture_output=True, text=True,
                          errors="surrogateescape").stdout


# ---- what is asked, and of whom -----------------------------------------------------------------


def code_sections(path):
    """(address, size) of the sections with code in them."""
    pattern = re.compile(r"^\s*\[\s*\d+\] (?:\S+)?\s+\w+\s+([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+) \w\w\s+(\w*)\s")
    found = filter(None, map(pattern.match, run("readelf", "-SW", path).splitlines()))
    return [(int(m[1], 16), int(m[2], 16)) for m in found if "A" in m[3] and "X" in m[3]]


def random_addresses(path):
    sections = code_sections(path)
    dice = random.Random(SEED)
    picked = []
    for at in (dice.randrange(sum(size for _, size in sections)) for _ in range(ADDRESSES)):
        for start, size in sections:
            if at < size:
                picked.append(start + at)
                break
            at -= size
    return picked


def ask(path, addresses, *options):
    """Our answers, one for each address."""
    lines = run(tool_path("blazesym-lite"), "-e", path, "--json", *options,
                text="\n".join(map(hex, addresses))).splitlines()
    assert len(lines) == len(addresses)
    return [json.loads(line) for line in lines]


def frames_of(answer):
    """[(function, directory, file, line)], innermost first, None where nothing is known."""
    return [(frame["function"] or answer["name"], frame["directory"], frame["file"], frame["line"] or None)
            for frame in answer["lines"]]


def parse_frames(text):
    """The same from addr2line -a -i -f, and from llvm-symbolizer in that style."""
    answers = []
    lines = iter(line for line in text.splitlines() if line)
    for line in lines:
        if re.fullmatch(r"0x[0-9a-f]+", line):
            answers.append([])
            continue
        where = re.match(r"(.*?):([0-9]+|\?)(:\d+)?( \(discriminator \d+\))?$", next(lines))
        number = None if where[2] in ("?", "0") else int(where[2])
        answers[-1].append((None if line == "??" else line, None,
                            None if where[1] in ("", "??") else where[1], number))
    return answers


def addr2line(path, addresses):
    answers = parse_frames(run("addr2line", "-a", "-i", "-f", "-C", "-e", path,
                               text="\n".join(map(hex, addresses))))
    assert len(answers) == len(addresses)
    return answers


def llvm_symbolizer(path, addresses):
    """A third reader of DWARF, for when two don't agree."""
    if not addresses:
        return []
    need("llvm-symbolizer")
    answers = parse_frames(run("llvm-symbolizer", "--addresses", "--inlines", "--functions=linkage", "-C",
                               "--output-style=GNU", "-e", path, text="\n".join(map(hex, addresses))))
    assert len(answers) == len(addresses)
    return answers


def debug_file(path):
    """The file with symbols and DWARF: the separate one, if it is installed."""
    build_id = re.search(r"Build ID: (..)(\w+)", run("readelf", "-n", path))
    separate = build_id and f"/usr/lib/debug/.build-id/{build_id[1]}/{build_id[2]}.debug"
    return separate if separate and os.path.exists(separate) else path


class Symbols:
    """nm's code symbols: of .symtab, of .dynsym, and the stubs of the linker."""

    LINE = re.compile(r"([0-9a-f]{16})(?: ([0-9a-f]{16}))? ([tTwWiu]) (.*)")

    def __init__(self, rows):
        self.rows = sorted(set(rows))
        self.starts = [row[0] for row in self.rows]
        self.reach = []		# the furthest end of a row and all before it
        for start, size, _ in self.rows:
            self.reach.append(max(start + size, self.reach[-1] if self.reach else 0))

    @classmethod
    def of(cls, path):
        nm = ("nm", "-S", "--defined-only")
        text = (run(*nm, "--synthetic", debug_file(path)) + run(*nm, path) + run(*nm, "-D", path) +
                run(*nm, "-D", "--synthetic", path))
        return cls((int(m[1], 16), int(m[2] or "0", 16), m[4] if STUB.search(m[4]) else m[4].split("@")[0])
                   for m in filter(None, map(cls.LINE.fullmatch, text.splitlines())))

    def covering(self, address):
        """(start, names) of the innermost symbols with a size that hold the address, or None."""
        i = bisect.bisect_right(self.starts, address) - 1
        while i >= 0 and self.reach[i] > address:
            start, size, _ = self.rows[i]
            if address < start + size:
                return start, {name for at, size, name in self.rows[bisect.bisect_left(self.starts, start):i + 1]
                               if address < at + size}
            i -= 1
        return None

    def sizeless(self, start, last=None):
        """Names without a size at an address, or from there to the last one: labels of an assembler."""
        return {name for _, size, name in
                self.rows[bisect.bisect_left(self.starts, start):bisect.bisect_right(self.starts, last or start)]
                if not size}


# ---- names: nm ----------------------------------------------------------------------------------


def explain_name(symbols, address, answer):
    """Why our (mangled) name is what nm's table says, or None."""
    covering = symbols.covering(address)
    start = address - answer["offset"] if answer["name"] else None
    if covering:
        return "named as by nm" if start == covering[0] and answer["name"] in covering[1] else None
    if not answer["name"]:
        return "in no symbol's range: no name" if answer["reason"] == "no symbol covers the address" else None
    if answer["name"] in symbols.sizeless(start):
        return "stub of the linker" if STUB.search(answer["name"]) else "behind a symbol without a size"
    return None


# ---- lines and inlined functions: addr2line -----------------------------------------------------


def same_path(a, b):
    """Of the same file: as components, without `.`, `..` taken back; one may be the other's end, since
    addr2line joins directories twice and debug packages make them relative."""
    def parts(path):
        out = []
        for part in path.split("/"):
            if part == ".." and out:
                out.pop()
            elif part not in ("", ".", ".."):
                out.append(part)
        return out
    a, b = parts(a), parts(b)
    shorter = min(len(a), len(b))
    return shorter and a[-shorter:] == b[-shorter:]


def same_position(ours, theirs):
    if ours[3] != theirs[3]:
        return False
    if ours[2] is None or theirs[2] is None:
        return ours[2] == theirs[2]
    joined = os.path.join(ours[1] or "", ours[2])
    return same_path(joined, theirs[2])


def same_outermost(function, names):
    """`names` are the symbols at the address, demangled too. DWARF has another of them, or what the
    source says: `operator()`, the name without what the compiler added, name.lto_priv.0."""
    plain = (function or "").split("@")[0]
    return plain in names or any(
        name.startswith((plain + ".", plain + " [clone")) or f"::{plain}(" in name for name in names)


def same_frames(ours, theirs, outermost):
    """The outermost function, which was compiled as such, can have several names."""
    return len(ours) == len(theirs) and all(map(same_position, ours, theirs)) and all(
        a[0] == b[0] for a, b in zip(ours[:-1], theirs[:-1])) and outermost(theirs[-1][0] if theirs else None)


def has_position(frames):
    return any(frame[2] and frame[3] for frame in frames)


def explain_frames(names, answer, theirs, third):
    """Why our frames are what addr2line says, or rightly aren't; or None. `names`: all those of the
    function by nm; `third`: what llvm-symbolizer says."""
    ours = frames_of(answer)
    known = answer["name"] is not None
    if not has_position(ours) and not has_position(theirs):
        # without DWARF addr2line takes the symbol before the address, however far
        return "no line" if not known or same_outermost(theirs[-1][0], names) or not theirs[-1][0] else None
    if same_frames(ours, theirs, lambda name: known and same_outermost(name, names)):
        return "the same"
    if not known and same_frames(ours, theirs, lambda name: True):
        return "behind a function, where its lines go on: no name"
    if third is not None and (same_frames(ours, third, lambda name: True) or
                              not has_position(ours) and not has_position(third)):
        # binutils 2.40 takes the file of an #included part for the file that includes it, doesn't find
        # the names of functions inlined from another unit, and gives padding the last line before it
        return "addr2line alone: llvm-symbolizer says what we say"
    return None


# ---- the comparison -----------------------------------------------------------------------------


def demangled(names):
    ordered = sorted(names)
    return set(run("c++filt", *ordered).splitlines()) | names if ordered else set()


def all_names(symbols, addresses):
    """The names of the function at each address, as they are and demangled; "" where there is none."""
    found = [symbols.covering(address) for address in addresses]
    mangled = sorted({name for covering in found if covering for name in covering[1]})
    # What LLVM appends to local names hides Rust's from c++filt, which shows a hash that addr2line doesn't.
    plain = [re.sub(r"\.llvm\.\d+$", "", name) for name in mangled]
    readable = dict(zip(mangled, (re.sub(r"::h[0-9a-f]{16}$", "", name)
                                  for name in run("c++filt", text="\n".join(plain)).splitlines())))
    return [{spelt for name in covering[1] for spelt in (name, readable[name])} if covering else set()
            for covering in found]


def labels_before(symbols, address, answer):
    """Within a function without a size, addr2line takes its last label for a function."""
    return set() if answer["size"] else symbols.sizeless(address - answer["offset"], address)


def print_table(path, **tables):
    print(f"\n{path}: {ADDRESSES} addresses")
    for peer, table in tables.items():
        for why, count in table.most_common():
            print(f"    {peer:10} {count:6}  {why}")


def compare(path):
    """Asserts that each address has an explanation; returns how many have which."""
    need("nm", "readelf", "addr2line", "c++filt")
    addresses = random_addresses(path)
    symbols, source = Symbols.of(path), debug_file(path)
    names = [explain_name(symbols, *pair) for pair in zip(addresses, ask(path, addresses, "-m"))]
    answers, theirs = ask(path, addresses, "-l"), addr2line(source, addresses)
    known = [names_there | {answer["name"]} | labels_before(symbols, address, answer) if answer["name"] else names_there
             for names_there, address, answer in zip(all_names(symbols, addresses), addresses, answers)]
    frames = [explain_frames(*row, None) for row in zip(known, answers, theirs)]
    open_cases = [i for i, why in enumerate(frames) if not why]
    third = dict(zip(open_cases, llvm_symbolizer(source, [addresses[i] for i in open_cases])))
    for i in open_cases:
        frames[i] = explain_frames(known[i], answers[i], theirs[i], third[i])
    print_table(path, nm=collections.Counter(names), addr2line=collections.Counter(frames))
    unexplained = [(hex(addresses[i]), answers[i], symbols.covering(addresses[i]), theirs[i], third.get(i))
                   for i in range(len(addresses)) if not names[i] or not frames[i]]
    assert not unexplained, f"{len(unexplained)} unexplained, the first: {unexplained[0]}"
    return collections.Counter(names), collections.Counter(frames)


def program(*patterns):
    found = [path for pattern in patterns for path in sorted(glob.glob(pattern)) if os.access(path, os.R_OK)]
    need_that(found, f"{patterns[0]} is missing")
    return os.path.realpath(found[0])


@pytest.mark.parametrize("name, patterns", [
    ("libc", ["/lib/*-linux-gnu/libc.so.6"]),
    ("libstdc++", ["/usr/lib/*-linux-gnu/libstdc++.so.6"]),
    ("libstdc++ with DWARF", ["/usr/lib/*-linux-gnu/debug/libstdc++.so.6"]),
    ("libjvm", JVM),
    ("redis-server", ["/usr/bin/redis-server"]),
    ("python3.11", ["/usr/bin/python3.11"]),
])
def test_installed_program_agrees(name, patterns):
    names, _ = compare(program(*patterns))
    assert names["named as by nm"] > 0


# ---- names into places --------------------------------------------------------------------------


def explain_missing(code, row):
    address, size, kind, name = row
    if not any(start <= address < start + length for start, length in code):
        return "not code: nm takes a weak symbol without a type for it"
    return "inner label of assembly: local, without type and size" if kind == "t" and not size else None


@pytest.mark.parametrize("patterns", [["/lib/*-linux-gnu/libc.so.6"], ["/usr/bin/redis-server"], JVM,
                                      ["/usr/bin/python3.11"]], ids=["libc", "redis-server", "libjvm", "python3.11"])
def test_every_function_of_nm_is_found_where_it_is(patterns):
    need("nm", "readelf")
    path = program(*patterns)
    lines = run(tool_path("blazesym-lite"), "-e", path, "--json", "--no-debug-files", "--find", "*").splitlines()
    found = {(row["address"], row["name"]) for row in map(json.loads, lines)}
    text = run("nm", "-S", "--defined-only", path) + run("nm", "-S", "--defined-only", "-D", path)
    rows = [(int(m[1], 16), m[2], m[3], m[4].split("@")[0]) for m in
            filter(None, map(re.compile(r"(\w+)(?: (\w{16}))? ([tTwWi]) (.*)").fullmatch, text.splitlines()))]
    assert found <= {(row[0], row[3]) for row in rows}
    missing = [row for row in rows if (row[0], row[3]) not in found]
    assert len(missing) < len(found) / 100
    code = code_sections(path)
    assert not [row for row in missing if not explain_missing(code, row)]


# ---- Rust and Go, compiled for the test ---------------------------------------------------------


@pytest.mark.parametrize("mangling", ["legacy", "v0"])
def test_rust_program_agrees(mangling, tmp_path):
    need("rustc")
    path = tmp_path / "words"
    version = ["-C", "symbol-mangling-version=v0"] if mangling == "v0" else []
    run("rustc", "-g", "-O", *version, "-o", path, TARGETS / "words.rs")
    need_that(path.exists(), f"rustc knows no {mangling} names")
    names, frames = compare(path)
    assert names["named as by nm"] > ADDRESSES / 2
    assert frames["the same"] > ADDRESSES / 2


def go_build(path, *flags):
    env = {**os.environ, "HOME": str(BUILD), "GOCACHE": str(BUILD / "go-cache"), "GO111MODULE": "off",
           "CGO_ENABLED": "0"}
    subprocess.run(["go", "build", *flags, "-o", path, TARGETS / "goadd.go"], env=env, check=True)
    return path


PIE = ("-buildmode=pie",)
STRIP = ("-ldflags=-s -w",)


@pytest.mark.parametrize("flags", [(), PIE], ids=["fixed", "pie"])
def test_go_program_agrees(flags, tmp_path):
    need("go")
    path = go_build(tmp_path / "go", *flags)
    names, _ = compare(path)
    assert names["named as by nm"] > ADDRESSES / 2


def go_functions(path):
    """go tool nm's functions, each to the start of the next as in Go's own table, which has no sizes."""
    rows = sorted((int(row[0], 16), row[3]) for row in (
        line.split(None, 3) for line in run("go", "tool", "nm", "-size", path).splitlines())
        if row[2] in "Tt" and int(row[1]))
    ends = [start for start, _ in rows[1:]] + [sum(code_sections(path)[0])]
    # the linker writes into the table neither the calling convention (name.abi0) nor what is in brackets
    return Symbols((start, max(end - start, 1), re.sub(r"\[.*\]", "[...]", re.sub(r"\.abi\w+$", "", name)))
                   for (start, name), end in zip(rows, ends))


@pytest.mark.parametrize("flags", [(), PIE], ids=["fixed", "pie"])
def test_stripped_go_program_agrees(flags, tmp_path):
    need("go", "readelf")
    whole = go_build(tmp_path / "whole", *flags)
    stripped = go_build(tmp_path / "stripped", *flags, *STRIP)
    assert code_sections(whole) == code_sections(stripped), "stripping moves no code"
    assert not run("nm", stripped)
    addresses, functions = random_addresses(stripped), go_functions(whole)
    unexplained = []
    for address, answer in zip(addresses, ask(stripped, addresses)):
        start, names = functions.covering(address) or (None, {None})
        if answer["name"] not in names or start != (address - answer["offset"] if answer["name"] else None):
            unexplained.append((hex(address), answer, start and hex(start), names))
    assert not unexplained, f"{len(unexplained)} unexplained, the first: {unexplained[:8]}"
