# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Compiling a program in one of many ways."""
import functools
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

RUNTIME = Path(__file__).resolve().parent / "runtime"


@dataclass
class Step:
    argv: list


@dataclass
class Build:
    label: str
    steps: tuple
    level: str
    strip: bool = False        # the debug information goes into a file of its own
    is_untyped: bool = False   # no types, only lines


class BuildError(Exception):
    pass


def run(argv, folder):
    done = subprocess.run(argv, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
                          check=False)
    if done.returncode:
        raise BuildError(f"{' '.join(map(str, argv))}:\n{done.stderr[-3000:]}")


@functools.cache
def runtime_object():
    """The log's own code: optimised, without debug information."""
    folder = Path(tempfile.mkdtemp(prefix="truth-runtime-"))
    run(["gcc", "-O1", "-g0", "-fPIC", f"-I{RUNTIME}", "-c", str(RUNTIME / "truth.c"), "-o", "truth.o"], folder)
    return folder / "truth.o"


def filled(word):
    if "{runtime_object}" in word:
        return word.format(runtime_object=runtime_object())
    return word.format(runtime=RUNTIME) if "{runtime}" in word else word


def make(build, language, source, folder):
    """The program as folder/program. BuildError where the compiler doesn't take it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / language.source).write_text(source)
    for step in build.steps:
        run([filled(word) for word in step.argv], folder)
    if build.strip:
        run(["objcopy", "--only-keep-debug", "program", "program.debug"], folder)
        run(["strip", "--strip-all", "program"], folder)
        run(["objcopy", "--add-gnu-debuglink=program.debug", "program"], folder)
