# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""What each tool's --help says of its fields, against FIELDS in its man page: both come from one table.
UPDATE_FIELDS=1 writes the man pages' sections, and the tables of docs/json.md."""
import os
import re
from pathlib import Path

import pytest

from tracing import on_terminal, run_tool

TREE = Path(__file__).resolve().parents[2]
MAN = TREE / "man"
TOOLS = ["capable", "execsnoop", "opensnoop", "redis-cmd", "tcpconnect", "tplist", "trace", "ucalls", "uflow", "ugc",
         "uobjnew", "ustat", "uthreads", "xdpcount"]
FIELD = re.compile(r"  (?P<column>\S.*?) {2,}(?P<key>\S+) {2,}(?P<help>\S.*?)(?P<shown> \(-[^)]+\))?$")
INTRODUCTION = r"""Columns of text and, behind the comma, keys of JSON objects; in brackets the option that shows a column.
.B \-\-columns
chooses and orders columns, by either name: letters and digits matter, not their case. The JSON objects'
.B time
is in seconds since 1970. On a terminal that is narrower or wider than the row is, columns give way, or the last wide one has the room.
"""


def help_sections(tool):
    """[(title or None, [(column or None, key or None, help, shown by or "")])], as --help has them."""
    status, out, _ = run_tool(tool, "--help")
    assert status == 0
    _, separator, text = out.partition("Fields: column, key in JSON, meaning (what shows the column)\n")
    assert separator, f"{tool} --help lists no fields"
    sections = []
    for line in text.splitlines():
        field = FIELD.fullmatch(line)
        if line.endswith(":") and not field:
            sections.append((line[:-1], []))
        elif line:
            assert field, f"not a field: {line!r}"
            assert len(line) <= 79, f"too long for a terminal: {line!r}"
            sections = sections or [(None, [])]
            column, key = (None if field[name] == "-" else field[name] for name in ("column", "key"))
            assert column or key
            sections[-1][1].append((column, key, field["help"], field["shown"] or ""))
    assert all(fields for _, fields in sections)
    return sections


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return "\\&" + text if text[0] in ".'" else text


def man_section(tool):
    """FIELDS as it should be."""
    lines = [INTRODUCTION.rstrip("\n")]
    for title, fields in help_sections(tool):
        if title:
            lines.append(f'.SS "{roff(title)}"')
        for column, key, meaning, shown in fields:
            shown = f' "{roff(shown)}"' if shown else ""
            if not column:
                name = f'.RB "in JSON: " "{key}"'
            elif not key:
                name = f'.BR "{roff(column)}"{shown}'
            else:
                name = f'.BR "{roff(column)}" ", " "{key}"{shown}'
            lines += [".TP", name, roff(meaning)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("tool", TOOLS)
def test_the_man_page_has_the_fields_of_the_table(tool):
    page = MAN / f"{tool}.8"
    text = page.read_text()
    before, heading, rest = text.partition(".SH FIELDS\n")
    assert heading, f"{page.name} has no FIELDS"
    _, after = rest.split(".SH ", 1)
    expected = before + heading + man_section(tool) + ".SH " + after
    if os.environ.get("UPDATE_FIELDS"):
        page.write_text(expected)
    assert page.read_text() == expected


def json_tables():
    """The tables of docs/json.md: a section per tool, a table per kind of object."""
    lines = []
    for tool in TOOLS:
        lines += ["", f"### {tool}"]
        for title, fields in help_sections(tool):
            lines += ["", *([f"{title}:", ""] if title else []), "| key | meaning |", "| --- | --- |"]
            lines += [f"| `{key}` | {meaning} |" for _, key, meaning, _ in fields if key]
    return "\n".join(lines) + "\n"


def test_the_page_on_json_has_the_fields_of_the_tables():
    page = TREE / "docs" / "json.md"
    text = page.read_text()
    before, heading, _ = text.partition("<!-- fields -->\n")
    assert heading, "docs/json.md has no <!-- fields -->"
    expected = before + heading + json_tables()
    if os.environ.get("UPDATE_FIELDS"):
        page.write_text(expected)
    assert page.read_text() == expected


@pytest.mark.parametrize("tool", TOOLS)
def test_each_name_in_the_list_is_one_for_columns(tool):
    """A wrong name is answered by the right ones, which are those that the list has."""
    _, fields = help_sections(tool)[0]
    names = {key or column.lower() for column, key, _, _ in fields if column}
    status, out, err = run_tool(tool, "--columns", "nosuch", *ARGUMENTS.get(tool, []))
    assert (status, out) == (2, "")
    said = set(re.search(r"no column 'nosuch' for --columns: there are (.*)", err)[1].lower().split(", "))
    # trace's message has no title.
    assert said - {"message"} == names - {"message"}


def test_json_has_all_fields_whatever_the_columns():
    status, out, err = run_tool("opensnoop", "--json", "--columns", "pid")
    assert (status, out) == (2, "") and "JSON has all fields" in err


def header(width, *command):
    """The first line that a tool prints on a terminal of so many columns."""
    text, err = on_terminal(width, *command)
    assert text, err
    return text.splitlines()[0]


@pytest.mark.parametrize("tool", ["capable", "execsnoop", "opensnoop", "tcpconnect"])
def test_rows_fit_the_usual_terminal(tool):
    line = header(80, tool, "--", "true")
    assert "PID" in line and len(line) <= 80


def test_a_terminal_wider_than_the_usual_one_is_used():
    command = ("ucalls", "-l", "none", "-S", "--", "true")
    assert [len(header(width, *command)) for width in (80, 132, 200)] == [59, 132, 200]


# Tools that want to know of what.
ARGUMENTS = {"ucalls": ["1"], "uflow": ["1"], "trace": ["c:malloc"]}
