# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Results of the runs, and their table: tool by kernel."""
import json
import os
import re

MARKS = "<!-- matrix -->", "<!-- /matrix -->"
WORST = ["passed", "skipped", "failed"]


def read_records(path):
    """Outcomes by test of a pytest_vm log: {test: (outcome, reason)}. A test that began and never ended
    has failed: its guest died or ran out of time in it."""
    tests = {}
    if not os.path.exists(path):
        return tests
    with open(path) as file:
        for line in file:
            try:
                record = json.loads(line)
            except ValueError:      # cut short by a dying guest
                continue
            name, outcome = record["test"], record["outcome"]
            if outcome == "started":
                tests[name] = ("failed", "never ended")
            elif tests.get(name, ("failed", "never ended"))[1] == "never ended" or \
                    WORST.index(outcome) > WORST.index(tests[name][0]):
                tests[name] = (outcome, record.get("reason", ""))
    return tests


def tool_of(test):
    """Tool of a test, from tests/tools/test_TOOL.py."""
    match = re.search(r"test_([\w-]+)\.py", test)
    return match.group(1).replace("_", "-") if match else test


class Column:
    """One kernel's results. `trouble` is why there may be tests without a result."""

    def __init__(self, name, release, tests, trouble, seconds):
        self.name, self.release, self.tests, self.trouble, self.seconds = name, release, tests, trouble, seconds

    def count(self, outcome, tool=None):
        return sum(1 for test, (result, _) in self.tests.items()
                   if result == outcome and tool in (None, tool_of(test)))

    def failed(self):
        return [(test, reason) for test, (outcome, reason) in self.tests.items() if outcome == "failed"]

    def missing(self, tool):
        """Facilities named by a tool's skipped tests, each once."""
        reasons = {reason: None for test, (outcome, reason) in self.tests.items()
                   if outcome == "skipped" and tool_of(test) == tool}
        return list(reasons)

    def good(self):
        return not self.trouble and not self.failed() and bool(self.tests)


def table(columns):
    """Markdown: a row a tool, a column a kernel, and below the facilities that were missing."""
    notes, rows = {}, []
    tools = sorted({tool_of(test) for column in columns for test in column.tests})
    for tool in tools:
        cells = []
        for column in columns:
            parts = [f"{count} {outcome}" for outcome in ("failed", "passed")
                     if (count := column.count(outcome, tool))]
            skipped = column.count("skipped", tool)
            if skipped:
                marks = [str(notes.setdefault(reason, len(notes) + 1)) for reason in column.missing(tool)]
                parts.append(f"{skipped} without [{','.join(marks)}]")
            cells.append(", ".join(parts) or "-")
        rows.append([tool, *cells])
    trouble = [["*run*", *(column.trouble or f"{column.seconds:.0f} s" for column in columns)]]
    head = [["tool", *(f"{column.name} ({column.release})" for column in columns)], ["---"] * (len(columns) + 1)]
    lines = ["| " + " | ".join(row) + " |" for row in head + rows + trouble]
    if notes:
        lines += ["", "Missing there, so that these tests could not run:", ""]
        lines += [f"{number}. {reason}" for reason, number in notes.items()]
    return "\n".join(lines) + "\n"


def into_page(text, page):
    """Replace what stands between the marks in a file."""
    with open(page) as file:
        old = file.read()
    start, end = (old.find(mark) for mark in MARKS)
    if start < 0 or end < start:
        raise ValueError(f"{page}: no {MARKS[0]} ... {MARKS[1]}")
    with open(page, "w") as file:
        file.write(f"{old[:start]}{MARKS[0]}\n{text}{old[end:]}")
