#!/usr/bin/python3
# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""ustat and its siblings beside BCC's, on programs of known work, one after the other: a Markdown table.

  this, BCC's  what they told of the work, beside what that was
  work         its time, alone and with each tool
  ready        tool started -> waiting for events; in brackets the processor time until then, its compiler's too
  RSS          peak resident size of the tool

The programs are tests/targets/runtimes/work.*, BENCH_WORK rounds (ustat's numbers are of one: its interval is as many
seconds), for uflow tests/targets/flow.*. BENCH_LANGUAGES names some of them, BENCH_TOOLS some of the tools. Needs root,
BUILD and the targets; BCC's need kernel headers besides: make bench-guest."""
import difflib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from peers import BUILD, TIMEOUT, Failed, Tool

TARGETS = Path(__file__).resolve().parent.parent / "targets"
ROUNDS = int(os.environ.get("BENCH_WORK", "20"))
THREADS = 4
FLAGS = ["-XX:+ExtendedDTraceProbes", "-XX:+UseSerialGC"]
NAMES = {"METHOD": "methods", "GC": "gcs", "OBJNEW": "objects", "CLOAD": "classes", "EXC": "exceptions", "THR": "threads"}

# Programs that wait for a line before they work and for another one after it, as tests/targets/flow.* do.
GATES = {
    "py": 'import gc, importlib.util, sys, threading\ngc.disable()\n'
          'code = compile(open({work!r}).read(), "work.py", "exec")\nprint("ready", flush=True)\nsys.stdin.readline()\n'
          'exec(code)\nprint("done", flush=True)\nsys.stdin.readline()\n',
    "rb": 'TracePoint.new(:call, :return) {{}}.enable\n$stdout.sync = true\nputs "ready"\n$stdin.gets\nload {work!r}\n'
          'puts "done"\n$stdin.gets\n',
    "php": '<?php\necho "ready\\n"; fgets(STDIN); require {work!r}; echo "done\\n"; fgets(STDIN);\n',
    "pl": '$| = 1; print "ready\\n"; <STDIN>; do {work!r}; print "done\\n"; <STDIN>;\n',
    "tcl": 'puts ready; flush stdout; gets stdin; source {{{work}}}; puts done; flush stdout; gets stdin\n',
    "js": 'const fs = require("fs"), line = Buffer.alloc(1);\nconsole.log("ready"); fs.readSync(0, line);\n'
          'require({work!r});\nconsole.log("done"); fs.readSync(0, line);\n',
    "java": 'class Gate {{ public static void main(String[] args) throws Exception {{ System.out.println("ready");\n'
            'System.in.read(); Work.main(args); System.out.println("done"); System.in.read(); }} }}\n',
}
LOADED = {"php": "<?php return 1;\n", "pm": "1;\n", "js": "", "rb": ""}

# What a program's work is: a round's, as ustat is to tell it ("+": and what the runtime's own library does for it).
PYTHON = {"METHOD": "1051", "GC": "7", "OBJNEW": "350", "EXC": "50"}
# language, as the tools name it; title; command, "GATE" the program; its arguments for rounds and threads; a round
ROWS = [
    ("python", "python3", ["/usr/bin/python3", "GATE.py"], "{rounds} {threads}", PYTHON),
    ("python", "python3 by the name python", ["{folder}/python", "GATE.py"], "{rounds} {threads}", PYTHON),
    ("java", "java", ["java", *FLAGS, "-cp", "{folder}", "Gate"], "{rounds} {threads} 0 0",
     {"METHOD": "1000+", "GC": "7", "OBJNEW": "300+", "CLOAD": "3", "EXC": "50"}),
    ("php", "php", ["php", "GATE.php"], "{rounds} {folder}/loaded.php",
     {"METHOD": "1054", "GC": "7", "OBJNEW": "350", "CLOAD": "3", "EXC": "50"}),
    ("ruby", "ruby", ["ruby", "--disable-gems", "GATE.rb"], "{rounds} {threads} {folder}/loaded.rb",
     {"METHOD": "1809+", "GC": "7", "OBJNEW": "350+", "CLOAD": "3", "EXC": "50"}),
    ("perl", "perl", ["perl", "-I{folder}", "GATE.pl"], "{rounds} {threads} loaded.pm",
     {"METHOD": "1351", "OBJNEW": "300", "CLOAD": "3", "EXC": "50"}),
    ("tcl", "tclsh", ["tclsh", "GATE.tcl"], "{rounds}", {"METHOD": "1051", "CLOAD": "3", "EXC": "50"}),
    ("node", "node", ["node", "--expose-gc", "GATE.js"], "{rounds} 0 {folder}/loaded.js",
     {"GC": "7", "CLOAD": "3", "EXC": "50"}),
]
WORKS = {"java": "Work.java"}

FLOWS = {
    "java": ["java", *FLAGS, "-cp", f"{BUILD}/targets", "Flow"], "perl": ["perl", TARGETS / "flow.pl"],
    "php": ["php", TARGETS / "flow.php"], "python": ["/usr/bin/python3", TARGETS / "flow.py"],
    "ruby": ["ruby", TARGETS / "flow.rb"], "tcl": ["tclsh", TARGETS / "flow.tcl"],
}
# What they call, at its depth.
TREE = ["work", " fact", "  fact", "   fact", " guarded", "  deep", "   deep", "    deep", "  leaf", " leaf"]


class Program:
    """A program that is ready to work when the constructor returns."""

    def __init__(self, argv):
        self.process = subprocess.Popen([*map(str, argv)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, "USE_ZEND_DTRACE": "1"})
        self.pid = self.process.pid
        if self.process.stdout.readline() != "ready\n":
            raise Failed(f"{argv[0]} did not start")

    def work(self):
        """Let it work; the seconds that it took, or None if it ended in the middle of it."""
        begin = time.monotonic()
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return time.monotonic() - begin if self.process.stdout.readline() == "done\n" else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def gated(lang, words, arguments, folder, rounds, threads):
    """The command of a program that does such work."""
    fill = {"folder": folder, "rounds": rounds, "threads": threads}
    words = [word.format(**fill) for word in words]
    suffix = "java" if lang == "java" else words[-1].split(".")[-1]
    work = TARGETS / "runtimes" / WORKS.get(lang, f"work.{suffix}")
    gate = Path(folder, f"Gate.{suffix}")
    if not gate.exists():
        gate.write_text(GATES[suffix].format(work=str(work)))
        for ending, text in LOADED.items():
            Path(folder, f"loaded.{ending}").write_text(text)
        os.symlink("/usr/bin/python3", f"{folder}/python")
        if lang == "java":
            subprocess.run(["javac", "-d", folder, work, gate], check=True)
    return [str(gate) if word.startswith("GATE") else word for word in words] + arguments.format(**fill).split()


def records(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def number(value):
    return f"{value:.1f}".removesuffix(".0")


def told_ustat(text, pid, expected, ours):
    """Events a round. BCC's are rounded down by itself."""
    if ours:
        rows = [row for row in records(text) if row.get("pid") == pid]
        sums = {key: [row[name] for row in rows if row.get(name) is not None] for key, name in NAMES.items()}
        told = {key: number(sum(values) / ROUNDS) if values else "-" for key, values in sums.items()}
    else:
        rows = [line.split() for line in text.splitlines() if line.startswith(f"{pid} ")]
        told = dict(zip(NAMES, rows[-1][-len(NAMES):])) if rows else {}
    return ", ".join(f"{key} {told.get(key, '-')}" for key in expected) if told else "no such process"


def told_calls(text, ours):
    """Of the method that is called 1,000 times a round."""
    found = [row["calls"] for row in records(text) if row.get("method", "").split("::")[-1] == "call"] if ours else \
        re.findall(r"\bcall\s+(\d+)\s*$", text, re.M)
    return f"{sum(map(int, found))} calls"


def told_gc(text, ours):
    rows = [row for row in records(text) if "duration_ns" in row] if ours else re.findall(r"^\d+\.\d+ ", text, re.M)
    return f"{len(rows)} collections"


def told_objects(text, ours):
    found = [row["objects"] for row in records(text) if "Thing" in str(row.get("class"))] if ours else \
        re.findall(r"Thing\W.*?(\d+) +\d+\s*$", text, re.M)
    return f"{sum(map(int, found))} things"


def told_threads(text, ours):
    """Those started; the thread's own start, where the runtime tells of it."""
    kinds = [row["type"] for row in records(text) if "type" in row] if ours else \
        re.findall(r"^\d+\.\d+ .*?b?'?(start|pthread)\b", text, re.M)
    return f"{kinds.count('start') or len([kind for kind in kinds if kind != 'stop'])} threads"


def told_flow(text, ours):
    """How many of the known calls are shown in their order at their depth, from "work" on."""
    lines, base = [], None
    for line in text.splitlines():
        found = re.search(r"-> (\S+)", line)
        name = found and re.split(r"[.:]+", found[1])[-1]
        if found and base is None and name == "work":
            base = found.start()
        if base is not None and found and name in ("work", "fact", "guarded", "deep", "leaf"):
            lines.append(" " * ((found.start() - base) // 2) + name)
    match = difflib.SequenceMatcher(None, TREE, lines, autojunk=False)
    return f"{sum(block.size for block in match.get_matching_blocks())} of 10 calls at their place"


# name, languages, how its output is read, what it is to tell, threads of the program
SIBLINGS = [
    ("ucalls", "python java php ruby perl tcl", told_calls, f"{1000 * ROUNDS} calls", 0),
    ("ugc", "python java ruby node", told_gc, f"{7 * ROUNDS} collections", 0),
    ("uobjnew", "java ruby php", told_objects, f"{300 * ROUNDS} things", 0),
    ("uthreads", "java python", told_threads, f"{THREADS} threads", THREADS),
]


def run(tool, lang, ours, argv, read):
    """One tool, watching the program work: what it told, the work's time, that of its start, its size."""
    path = f"{BUILD}/bin/{tool}" if ours else f"/usr/sbin/{tool}"
    with Program(argv) as program:
        options = {"ustat": ["-l", lang, *([] if ours else ["-C"]), str(ROUNDS), "1"],
                   "uflow": [*(["-C", "Flow"] if lang == "java" else []), "-l", lang, str(program.pid)],
                   # BCC's takes threads of any but Java as the C library's.
                   "uthreads": ["-l", lang if ours or lang == "java" else "none", str(program.pid)]}
        options = options.get(tool, ["-l", lang, str(program.pid)])
        watcher = Tool([path, *(["--json"] if ours and tool != "uflow" else []), *options])
        ready = watcher.wait_until_idle()
        cpu = watcher.cpu()
        seconds = program.work()
        rss, _ = watcher.memory()
        if tool == "ustat":
            watcher.process.wait(TIMEOUT)
        else:
            watcher.settle()
        watcher.end()
    told = read(watcher.text.decode(errors="replace"), program.pid, ours)
    if tool == "ustat" and seconds is not None and seconds > ROUNDS:
        told += " (the work outlasted the interval)"
    work = "crashed" if seconds is None else f"{seconds:.2f} s"
    return told, work, f"{ready:.1f} s ({cpu:.1f})", f"{rss:.1f}"


def compare(tool, title, lang, argv, expected, read):
    """Print a row: the program, and both tools beside each other."""
    with Program(argv) as program:
        alone = f"{program.work():.2f} s"
    told, work, ready, rss = [expected], [alone], [], []
    for ours in True, False:
        try:
            row = run(tool, lang, ours, argv, read)
        except Failed as error:
            row = f"does not run: {error}", "-", "-", "-"
        for column, value in zip((told, work, ready, rss), row):
            column.append(value)
    print(f"| `{tool}` | {title} | {' | '.join(told)} | {' / '.join(work)} | {' / '.join(ready)} "
          f"| {' / '.join(rss)} MiB |", flush=True)


def main():
    if os.geteuid():
        sys.exit("bench: tracing needs root")
    tools = os.environ.get("BENCH_TOOLS", "ustat uflow ucalls ugc uobjnew uthreads").split()
    languages = os.environ.get("BENCH_LANGUAGES", "python java php ruby perl tcl node").split()
    print("| tool | runtime | the program | this | BCC's | work alone / this / BCC's | ready, this / BCC's | RSS |\n"
          "| --- | --- | --- | --- | --- | --- | --- | --- |")
    for lang, title, words, arguments, one in ROWS:
        with tempfile.TemporaryDirectory() as folder:
            if lang in languages and "ustat" in tools:
                argv = gated(lang, words, arguments, folder, ROUNDS, 0)
                compare("ustat", title, lang, argv, ", ".join(f"{key} {value}" for key, value in one.items()),
                        lambda text, pid, ours: told_ustat(text, pid, one, ours))
            if lang not in languages or "{folder}/python" in words:
                continue
            if lang in FLOWS and "uflow" in tools:
                compare("uflow", title, lang, FLOWS[lang], "10 of 10 calls at their place",
                        lambda text, _, ours: told_flow(text, ours))
            for tool, which, read, expected, threads in SIBLINGS:
                if tool in tools and lang in which.split() and os.path.exists(f"{BUILD}/bin/{tool}"):
                    argv = gated(lang, words, arguments, folder, 0 if threads else ROUNDS, threads)
                    compare(tool, title, lang, argv, expected, lambda text, _, ours: read(text, ours))


main()
