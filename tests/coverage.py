#!/usr/bin/python3
# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""coverage.py OBJECTS: the share of lines that ran, by gcov's files below that folder: per folder, and of each file
less than FLOOR percent."""
import collections
import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

FLOOR = 70
ROOMS = "blazesym-lite/", "libbpf-tools/"


def lines_of(notes, folder):
    """{source file: {line: times it ran}} of one object."""
    subprocess.run(["gcov", "--json-format", "--object-file", notes, notes], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (made,) = Path(folder).glob("*.gcov.json.gz")
    with gzip.open(made) as file:
        data = json.load(file)
    made.unlink()
    return {os.path.normpath(file["file"]): {line["line_number"]: line["count"] for line in file["lines"]}
            for file in data["files"]}


def collect(objects):
    counts = collections.defaultdict(collections.Counter)
    with tempfile.TemporaryDirectory() as folder:
        for notes in Path(objects).resolve().rglob("*.gcno"):
            for source, lines in lines_of(notes, folder).items():
                if source.startswith(ROOMS):
                    for line, count in lines.items():
                        counts[source][line] += count
    return counts


def row(name, files):
    lines = sum(map(len, files))
    ran = sum(count > 0 for file in files for count in file.values())
    return f"{100 * ran / lines:5.1f} %  {ran:6} of {lines:6}  {name}"


def main():
    counts = collect(sys.argv[1])
    rooms = collections.defaultdict(list)
    for source, lines in counts.items():
        rooms[os.path.dirname(source)].append(lines)
    for room in sorted(rooms):
        print(row(room, rooms[room]))
    print(row("all", counts.values()))
    print(f"\nless than {FLOOR} %:")
    for source, lines in sorted(counts.items()):
        if sum(count > 0 for count in lines.values()) * 100 < FLOOR * len(lines):
            print(row(source, [lines]))


main()
