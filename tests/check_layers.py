#!/usr/bin/python3
# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""The order of the folders, proved from what was built.

check_layers.py OBJECTS: the folder of the compiled objects of the tree in the current folder. An arrow is a reference to
another file's function or data, or an #include of another file. It must go to a folder that MAY_USE names, and
arrows between files make no circle but those of CIRCLES. Each function has a section of its own (-ffunction-sections), so
relocations name the caller. A name that two files define is an error too: the linker takes either from an archive.
"""
import collections
import os
import re
import subprocess
import sys
from pathlib import Path

# What each folder builds on, beside what these build on themselves. What isn't there may not be used.
MAY_USE = {
    "blazesym-lite": [],
    "bpf": [],
    "lib": ["blazesym-lite", "bpf"],
    "types": ["lib"],
    "probe/spec": ["types"],
    "probe/code": ["probe/spec"],
    "probe/record": ["probe/spec"],
    "probe/target": ["probe/spec"],
    "probe/check": ["probe/spec"],
    "probe/generate": ["probe/code", "probe/record", "probe/target", "probe/check"],
    "probe": ["probe/generate"],
    "runtime": ["lib"],
    "flow": ["lib"],
    "redis": ["types"],
    "exec": ["lib"],
    "net": ["lib"],
}

# The same for a tool's own files, those of libbpf-tools itself. All build on lib.
TOOLS_MAY_USE = {
    "trace": ["probe"],
    "redis-cmd": ["redis"],
    "execsnoop": ["exec"],
    "xdpcount": ["net"],
    "uflow": ["runtime", "flow"],
    "ucalls": ["runtime", "flow"],
    "ugc": ["runtime"],
    "uobjnew": ["runtime"],
    "ustat": ["runtime"],
    "uthreads": ["runtime"],
}

# Files that call each other for a reason.
CIRCLES = [
    # Values have shapes, and these are of values.
    {"probe/record/object.c", "probe/record/object_shape.c"},
    # STRCMP is an expression, and compares expressions.
    {"probe/generate/generate_expr.c", "probe/generate/generate_string.c"},
]

Arrow = collections.namedtuple("Arrow", "source who target what")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def short(path):
    """A path as the table above names it."""
    return str(path).removeprefix("libbpf-tools/")


def folder(path):
    """Of a tool's own files: the tool."""
    if path.parts[0] == "blazesym-lite":
        return "blazesym-lite"
    return os.path.dirname(short(path)) or "tool " + path.name.split(".")[0]


def may_use(name):
    """A folder, and all that is below it."""
    tool = name.removeprefix("tool ")
    todo, found = ["lib", *TOOLS_MAY_USE.get(tool, [])] if tool != name else [], {name}
    todo += MAY_USE.get(name, [])
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo += MAY_USE[one]
    return found


def owner(section):
    """The function whose code a section holds; of data the section."""
    name = re.match(r"\.text(\.unlikely|\.startup|\.hot)?\.(.+)", section)
    return re.sub(r"\.(part|constprop|isra|cold)\b.*", "", name[2]) + "()" if name else section


def find_objects(folder_):
    """{object: its source}, without those of sources that are gone."""
    found = {}
    for path in sorted(folder_.rglob("*.o")):
        source = path.relative_to(folder_).with_suffix(".c")
        if source.parts[0] in ("blazesym-lite", "libbpf-tools") and source.exists():
            found[str(path)] = source
    return found


def read_symbols(objects):
    """({symbol: the file that defines it}, what is wrong with that)."""
    defined, errors = {}, []
    for line in run("nm", "-A", *objects):
        path, _, rest = line.partition(":")
        words = rest.split()
        # Each tool has its own main().
        if len(words) != 3 or words[1] not in "TDBRVWC" or words[2] == "main":
            continue
        other = defined.setdefault(words[2], objects[path])
        if other != objects[path]:
            errors.append(f"twice: {words[2]} is defined in {short(other)} and in {short(objects[path])}")
    return defined, errors


def read_calls(objects, defined):
    found, source, section = {}, None, ""
    for line in run("objdump", "-r", *objects):
        words = line.split()
        if ":     file format" in line:
            source = objects[line.partition(":")[0]]
        elif line.startswith("RELOCATION RECORDS FOR ["):
            section = line.partition("[")[2].partition("]")[0]
        elif len(words) == 3 and not section.startswith((".debug", ".eh_frame")):
            what = re.sub(r"[-+]0x[0-9a-f]+$", "", words[2])
            target = defined.get(what, source)
            if target != source:
                found[Arrow(source, owner(section), target, what)] = True
    return list(found)


def read_includes():
    found = []
    for source in sorted(path for top in ("blazesym-lite", "libbpf-tools") for path in Path(top).rglob("*.[ch]")):
        for name in re.findall(r'^#include ["<]([^">]+)[">]', source.read_text(), re.M):
            for where in (source.parent, Path("libbpf-tools"), Path("libbpf-tools/bpf"), Path("blazesym-lite/include")):
                header = Path(os.path.normpath(where / name))
                if header.exists():
                    found.append((source, header))
                    break
    return found


def find_circles(arrows):
    """The largest sets of files of which each reaches each: Tarjan's strongly connected components."""
    graph = collections.defaultdict(dict)
    for arrow in arrows:
        graph[arrow.source][arrow.target] = True
    order, low, stack, found = {}, {}, [], []

    def visit(node):
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in order:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == order[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(set(stack[at:]))
            del stack[at:]

    for node in list(graph):
        if node not in order:
            visit(node)
    return found


def tell(arrow):
    return f"{arrow.who} of {short(arrow.source)} uses {arrow.what} of {short(arrow.target)}"


def check(objects):
    defined, errors = read_symbols(objects)
    arrows, includes = read_calls(objects, defined), read_includes()
    for name in sorted({folder(path) for path in objects.values()}):
        if not name.startswith("tool ") and name not in MAY_USE:
            errors.append(f"unknown: folder {name} is not in the table of check_layers.py")
    for arrow in arrows:
        if folder(arrow.target) not in may_use(folder(arrow.source)):
            errors.append(f"upward: {tell(arrow)}")
    for source, header in includes:
        if folder(header) not in may_use(folder(source)):
            errors.append(f"upward: {short(source)} includes {short(header)}")
    circles = find_circles(arrows)
    for circle in circles:
        if {short(path) for path in circle} not in CIRCLES:
            errors.append("circle: " + ", ".join(sorted(map(short, circle))))
            errors += ["\t" + tell(arrow) for arrow in arrows if arrow.source in circle and arrow.target in circle]
    return errors, f"check_layers: {len(arrows)} references and {len(includes)} includes go the right way"


def main():
    objects = find_objects(Path(sys.argv[1]))
    if not objects:
        sys.exit(f"check_layers: no objects in {sys.argv[1]}")
    errors, summary = check(objects)
    print("\n".join(errors) or summary)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
