# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Programs of known work in seven languages, and the builds of language runtimes that run them."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tracing import BUILD, running

WORK = Path(__file__).resolve().parent.parent / "targets/runtimes"
# Debian 13's runtimes, unpacked: make debian13
DEBIAN13 = BUILD / "debian13"


def needs_debian13(command):
    return pytest.mark.skipif(not (DEBIAN13 / "usr/bin" / command).exists(),
                              reason=f"no Debian 13 {command} (make debian13)")


def hold_debian13(name):
    """A process with that interpreter, so that its file is known before the command starts."""
    code = {"python3.13": ["-c", "import time; time.sleep(600)"], "php8.4": ["-r", "sleep(600);"]}[name]
    return running("/usr/sbin/chroot", DEBIAN13, "/usr/bin/" + name, *code)


def debian13(command, name):
    """The same command, run by Debian 13's interpreter in its own root."""
    inside = DEBIAN13 / "work"
    inside.mkdir(exist_ok=True)
    arguments = []
    for argument in command[1:]:
        if os.path.isfile(argument):
            shutil.copy(argument, inside)
            argument = "/work/" + os.path.basename(argument)
        arguments.append(argument)
    return ["/usr/sbin/chroot", str(DEBIAN13), "/usr/bin/" + name, *arguments]


def python(rounds, threads=0):
    return ["/usr/bin/python3.11", str(WORK / "work.py"), str(rounds), str(threads)]


def ruby(rounds, loaded=None):
    """With loaded, a file that is loaded three times a round."""
    files = [str(loaded)] if loaded else []
    return ["ruby", "--disable-gems", str(WORK / "work.rb"), str(rounds), "0", *files]


def php(folder, rounds):
    loaded = folder / "loaded.php"
    loaded.write_text("<?php return 1;\n")
    return ["php8.2", str(WORK / "work.php"), str(rounds), str(loaded)]


def perl(folder, rounds, threads=0):
    (folder / "Loaded.pm").write_text("1;\n")
    return ["perl", f"-I{folder}", str(WORK / "work.pl"), str(rounds), str(threads), "Loaded.pm"]


def tcl(rounds):
    return ["tclsh", str(WORK / "work.tcl"), str(rounds)]


def node(folder, rounds, workers=0):
    loaded = folder / "loaded.js"
    loaded.write_text("module.exports = 1;\n")
    return ["node", "--expose-gc", str(WORK / "work.js"), str(rounds), str(workers), str(loaded)]


def java(rounds, threads=0, calls=0, objects=0, *flags):
    classes = BUILD / "targets/runtimes"
    if not (classes / "Work.class").exists():
        classes.mkdir(parents=True, exist_ok=True)
        subprocess.run(["javac", "-d", str(classes), str(WORK / "Work.java")], check=True)
    return ["java", *flags, "-cp", str(classes), "Work", *map(str, (rounds, threads, calls, objects))]
