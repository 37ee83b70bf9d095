# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Running a program, alone and under trace: what it logs of its calls, and what trace says of them."""
import json
import os
import re
import subprocess
from dataclasses import dataclass, field

PROGRAM = "./program"
PATIENCE = 300   # seconds
MAX_EVENTS = 20000
POINTER = re.compile(r'\{"pointer":\d+\}')


@dataclass
class Logged:
    """A call by the program's own log."""
    number: int
    func: str
    values: dict
    is_tail: bool
    result: object = None      # {} with "result" if it returned a value that was logged
    call_at: int = 0           # markers before its own, in the order of the run
    back_at: int = -1          # markers before its return's; -1: it didn't return
    back_order: int = 0


@dataclass
class Event:
    spec: str
    row: dict
    markers: int               # markers seen before it


@dataclass
class Seen:
    events: list = field(default_factory=list)
    refused: dict = field(default_factory=dict)    # spec: why
    notes: str = ""                                # trace's stderr
    markers: int = 0
    trouble: str = ""                              # the run can't be judged: events lost, trace failed


class RunError(Exception):
    pass


def start(argv, folder, log):
    """Without address space randomization, so that two runs can be compared."""
    try:
        return subprocess.run(["setarch", "-R", *argv], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, env={**os.environ, "TRUTH_LOG": str(log)}, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired as error:
        raise RunError(f"{argv[0]} has not ended after {PATIENCE} s") from error


def run_alone(folder):
    """The program's log and exit status."""
    log = folder / "alone.log"
    done = start([PROGRAM], folder, log)
    if done.returncode or not log.exists():
        raise RunError(f"the program itself fails: {done.returncode} {done.stderr[-500:]}")
    return log.read_text()


def without_pointers(text):
    return POINTER.sub("?", text)


def parse_log(text):
    """The calls in their order, with where their markers are."""
    calls, stack, markers, backs = {}, [], 0, 0
    for line in text.splitlines():
        if line == "end":
            break
        what, number, rest = line.split(" ", 2)
        number = int(number)
        if what == "call":
            func, is_tail, values = rest.split(" ", 2)
            calls[number] = Logged(number, func, json.loads(values), is_tail == "1", call_at=markers)
            stack.append(number)
        else:
            result = json.loads(rest)
            # Those above it ended in a call whose result is theirs.
            while stack and stack[-1] >= number:
                call = calls[stack.pop()]
                call.result, call.back_at, call.back_order = result, markers, backs
                backs += 1
        markers += 1
    return list(calls.values())


def trace(tool, folder, specs, markers):
    """Watch a run by all specs that are accepted. markers: the specs of the two marking functions."""
    seen, specs, log = Seen(), list(specs), folder / "traced.log"
    while True:
        log.unlink(missing_ok=True)
        done = start([str(tool), "--json", *markers, *specs, "--", PROGRAM], folder, log)
        refusal = re.search(r"trace: '([^\n]*?)': (.*)", done.stderr)
        if done.returncode in (0, 1) and log.exists() or not refusal or refusal[1] not in specs:
            break
        specs.remove(refusal[1])
        seen.refused[refusal[1]] = refusal[2]
    seen.notes = done.stderr
    if not log.exists():
        seen.trouble = f"trace failed ({done.returncode}): {done.stderr[-500:]}"
        return seen, ""
    for line in done.stdout.splitlines():
        row = json.loads(line)
        if row.get("lost"):
            seen.trouble = f"{row['lost']} events were lost"
        if "spec" not in row:
            continue
        if row["spec"] in markers:
            seen.markers += 1
        else:
            seen.events.append(Event(row["spec"], row, seen.markers))
    return seen, log.read_text()
