# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""What ustat costs the programs that it counts in: each language does one thing many times, alone and
counted. Prints the table of README.md's section "Language runtimes"."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BUILD = Path(os.environ.get("BUILD", "build")).resolve()
RUNS = 3

PYTHON = "import time\ndef f(): pass\nclass T: pass\nb = time.perf_counter()\nfor i in range(%d): %s\n" \
         "print(time.perf_counter() - b)"
RUBY = "b = Process.clock_gettime(1)\ni = 0\nwhile i < %d\n %s\n i += 1\nend\nputs Process.clock_gettime(1) - b"
PHP = "function f() {} class T {} $b = microtime(true); for ($i = 0; $i < %d; $i++) { %s; } echo microtime(true) - $b;"
PERL = "use Time::HiRes 'time'; sub f {} my $b = time; for my $i (1 .. %d) { %s } print time - $b;"
TCL = "proc f {} {}\nproc run {} { set b [clock microseconds]\nfor {set i 0} {$i < %d} {incr i} { %s }\n" \
      "puts [expr {([clock microseconds] - $b) / 1e6}] }\nrun\n"
JAVA = "public class B { static int n; static void f() { n++; } static class T {} static Object o; " \
       "public static void main(String[] a) { long b = System.nanoTime(); for (int i = 0; i < %d; i++) { %s; } " \
       "System.out.println((System.nanoTime() - b) / 1e9); } }"
NODE = "const b = process.hrtime.bigint(); for (let i = 0; i < %d; i++) { %s } " \
       "console.log(Number(process.hrtime.bigint() - b) / 1e9);"
FLAG = "-XX:+ExtendedDTraceProbes"

# language, what, key of -e, times, program, what is done each time, flags and environment that it needs
ROWS = [
    ("Python 3.11", "call", "method", 300000, "python3.11", PYTHON, "f()", [], {}),
    ("Python 3.11", "object", "objnew", 300000, "python3.11", PYTHON, "T()", [], {}),
    ("Ruby 3.1", "call (C)", "method", 300000, "ruby", RUBY, "i.to_s", [], {}),
    ("PHP 8.2", "call", "method", 300000, "php8.2", PHP, "f()", [], {}),
    ("PHP 8.2", "object", "objnew", 300000, "php8.2", PHP, "new T", [], {}),
    ("Perl", "call", "method", 300000, "perl", PERL, "f();", [], {}),
    ("Tcl", "call", "method", 300000, "tclsh", TCL, "f", [], {}),
    ("Java", "call", "method", 300000, "java", JAVA, "f()", [FLAG], {}),
    ("Java", "object", "objnew", 300000, "java", JAVA, "o = new T()", [FLAG], {}),
    ("Node", "collection", "gc", 300, "node", NODE, "gc()", ["--expose-gc"], {}),
]


def command(folder, program, text, flags):
    files = {"tclsh": "b.tcl", "java": "B.java"}
    if program not in files:
        option = {"php8.2": "-r", "node": "-e", "ruby": "-e", "perl": "-e"}.get(program, "-c")
        return [shutil.which(program, path="/usr/bin"), *flags, option, text]
    path = Path(folder) / files[program]
    path.write_text(text)
    if program == "tclsh":
        return [program, str(path)]
    subprocess.run(["javac", "-d", folder, str(path)], check=True)
    return [program, *flags, "-cp", folder, "B"]


def seconds(argv, env):
    """The program's own account, best of a few."""
    return min(float(re.search(rb"[\d.e-]+\s*$", subprocess.run(argv, env=env, stdout=subprocess.PIPE, check=True)
                               .stdout)[0]) for _ in range(RUNS))


def counted(argv, env, key):
    """The same below ustat, which attaches to the running system: all that starts later is counted."""
    tool = subprocess.Popen([str(BUILD / "bin/ustat"), "-v", "--json", "-e", key, "3600"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    for line in tool.stderr:
        if b"armed" in line:
            break
    try:
        return seconds(argv, env)
    finally:
        tool.terminate()
        tool.communicate()


def main():
    print("| runtime | event | alone | counted | an event | ")
    print("| --- | --- | ---: | ---: | ---: |")
    for lang, what, key, times, program, text, step, flags, extra in ROWS:
        if not shutil.which(program, path="/usr/bin"):
            print(f"{program} is not installed", file=sys.stderr)
            continue
        env = {**os.environ, **extra}
        with tempfile.TemporaryDirectory() as folder:
            argv = command(folder, program, text % (times, step), flags)
            alone, with_tool = seconds(argv, env), counted(argv, env, key)
        print(f"| {lang} | {what} | {alone / times * 1e9:,.0f} ns | {with_tool / times * 1e9:,.0f} ns | "
              f"+{(with_tool - alone) / times * 1e9:,.0f} ns |", flush=True)


main()
