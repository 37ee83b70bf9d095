# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Completion in bash: what it offers is what the tool's --help and trace -l have."""
import os
import subprocess
from pathlib import Path

import pytest

from tracing import need, run_tool, target_path, tool_path

COMPLETION = Path(__file__).resolve().parents[2] / "completions" / "tracing.bash"
ASK = r"""
source <(sed 's/^complete .*//' "$1")
COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDBREAKS=$' \t\n"'"'"'><=;|&(:'
_tracing_tool "$3"
printf '%s\n' "${COMPREPLY[@]}"
"""


def offered(tool, rest):
    """What bash would put in the place of the last part, behind the last colon."""
    need("bash")
    done = subprocess.run(["bash", "-c", ASK, "bash", COMPLETION, f"{tool} {rest}", tool_path(tool)], capture_output=True, text=True,
                          check=True)
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize("tool", ["trace", "opensnoop", "xdpcount"])
def test_options_are_those_of_the_help(tool):
    found = offered(tool, "--")
    _, text, _ = run_tool(tool, "--help")
    assert "--json" in found and "--duration=" in found and all(option.rstrip("=") in text for option in found)
    assert offered(tool, "--dur") == ["--duration="]


def test_functions_and_tracepoints_of_trace():
    add = target_path("add")
    assert "AddNum" in offered("trace", f"p:{add}:Add")
    assert "sched_switch" in offered("trace", "-T 't:sched:sched_sw")
    assert "sched:" in offered("trace", "t:sch")
    assert f"{add}:" in offered("trace", f"p:{str(add)[:-1]}")


@pytest.mark.no_tool
def test_processes():
    assert str(os.getpid()) in offered("opensnoop", f"-p {os.getpid()}")
