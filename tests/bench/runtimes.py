# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""What the tools on language runtimes cost the programs that they look at: each does one thing many times, alone and looked at.
Prints the table of docs/performance.md, "What looking at a language runtime costs". Counted is the processor time of the program, all its threads,
as the scheduler has it, so that a busy machine matters little; the least of a few runs."""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BUILD = Path(os.environ.get("BUILD", "build")).resolve()
RUNS = 3

# Each says that it is ready, and waits for a line; the same when it is done.
PYTHON = "import sys\ndef f(): pass\nclass T: pass\nprint('ready', flush=True); sys.stdin.readline()\n" \
         "for i in range(%d): %s\nprint('done', flush=True); sys.stdin.readline()"
RUBY = "def f() end\n$stdout.sync = true\n%s\nputs 'ready'; gets\ni = 0\nwhile i < %%d\n %%s\n i += 1\nend\nputs 'done'; gets"
PHP = "function f() {} class T {} echo \"ready\\n\"; fgets(STDIN); for ($i = 0; $i < %d; $i++) { %s; } " \
      "echo \"done\\n\"; fgets(STDIN);"
PERL = "$| = 1; sub f {} print \"ready\\n\"; <STDIN>; for my $i (1 .. %d) { %s } print \"done\\n\"; <STDIN>"
TCL = "proc f {} {}\nproc run {} { for {set i 0} {$i < %d} {incr i} { %s } }\nputs ready; flush stdout; gets stdin\n" \
      "run\nputs done; flush stdout; gets stdin"
JAVA = "public class B { static int n; static void f() { n++; } static class T {} static Object o; " \
       "public static void main(String[] a) throws Exception { System.out.println(\"ready\"); System.in.read(); " \
       "for (int i = 0; i < %d; i++) { %s; } System.out.println(\"done\"); System.in.read(); } }"
NODE = "const fs = require('fs'), wait = w => { fs.writeSync(1, w + '\\n'); fs.readSync(0, Buffer.alloc(1)); };" \
       "wait('ready'); for (let i = 0; i < %d; i++) { %s } wait('done');"
FLAG = "-XX:+ExtendedDTraceProbes"
TRACED = RUBY % "TracePoint.new(:call, :return) {}.enable"

CALLS = {"ustat": ["ustat", "-e", "method", "-p", "{}"], "ucalls": ["ucalls", "{}"],
         "ucalls -L": ["ucalls", "-L", "{}"], "uflow": ["uflow", "{}"]}


def only(key):
    return {"ustat": ["ustat", "-e", key, "-p", "{}"]}


# language, what, tools, times, program, what it runs, what is done each time, flags that it needs
ROWS = [
    ("Python 3.11", "call", CALLS, 200000, "python3.11", PYTHON, "f()", []),
    ("Ruby 3.1, TracePoint", "call", CALLS, 200000, "ruby", TRACED, "f", []),
    ("PHP 8.2", "call", CALLS, 200000, "php8.2", PHP, "f()", []),
    ("Perl 5.36", "call", CALLS, 200000, "perl", PERL, "f();", []),
    ("Tcl 8.6", "call", CALLS, 200000, "tclsh", TCL, "f", []),
    ("Java 17", "call", CALLS, 200000, "java", JAVA, "f()", [FLAG]),
    ("Ruby 3.1", "call of C", only("method"), 200000, "ruby", RUBY % "", "i.to_s", []),
    ("Python 3.11", "object", only("objnew"), 200000, "python3.11", PYTHON, "T()", []),
    ("PHP 8.2", "object", only("objnew"), 200000, "php8.2", PHP, "new T", []),
    ("Java 17", "object", only("objnew"), 200000, "java", JAVA, "o = new T()", [FLAG]),
    ("Node 18", "collection", only("gc"), 300, "node", NODE, "gc()", ["--expose-gc"]),
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


def processor_ns(pid):
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total


def start_tool(tool, pid):
    argv = [str(BUILD / "bin" / tool[0]), "-v", *(arg.format(pid) for arg in tool[1:])]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    for line in process.stderr:
        if b"armed" in line:
            return process
    raise SystemExit(f"{argv} failed")


def measure(argv, times, tool):
    """Nanoseconds each time, once."""
    env = {**os.environ, "USE_ZEND_DTRACE": "1"}
    with subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout.readline() == b"ready\n"
        process = start_tool(tool, program.pid) if tool else None
        before = processor_ns(program.pid)
        program.stdin.write(b"\n")
        program.stdin.flush()
        assert program.stdout.readline() == b"done\n"
        spent = processor_ns(program.pid) - before
        if process:
            process.terminate()
            process.communicate()
        program.communicate(b"\n")
    return spent / times


def main():
    print("| runtime | event | alone |", " | ".join(f"`{name}`" for name in CALLS), "|")
    print("| --- | --- | ---: |", " | ".join("---:" for _ in CALLS), "|")
    for lang, what, tools, times, program, text, step, flags in ROWS:
        if not shutil.which(program, path="/usr/bin"):
            print(f"{program} is not installed", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as folder:
            argv = command(folder, program, text % (times, step), flags)
            # In turns, so that what else the machine does falls on all alike.
            runs = [[measure(argv, times, tools.get(name)) for name in (None, *CALLS) if name is None or name in tools]
                    for _ in range(RUNS)]
        alone, *cost = (min(column) for column in zip(*runs))
        cells = dict(zip((name for name in CALLS if name in tools), (f"{ns - alone:+,.0f} ns" for ns in cost)))
        print(f"| {lang} | {what} | {alone:,.0f} ns |", " | ".join(cells.get(name, "-") for name in CALLS), "|", flush=True)
    print(f"load average at the end: {os.getloadavg()[0]:.1f}", file=sys.stderr)


main()
