# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""check_layers.py refuses small trees that break the order of the folders, and names who breaks it."""
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.no_tool
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.fixture
def layers(tmp_path):
    """layers({path: text}): (exit status, what check_layers.py prints) for a tree of these files."""
    def run(files):
        for name, text in files.items():
            path = tmp_path / "libbpf-tools" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for name in (name for name in files if name.endswith(".c")):
            target = tmp_path / "obj/libbpf-tools" / (name[:-1] + "o")
            target.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["gcc", "-O2", "-g", "-ffunction-sections", "-fdata-sections", "-Ilibbpf-tools", "-c",
                            f"libbpf-tools/{name}", "-o", target], cwd=tmp_path, check=True)
        ran = subprocess.run([sys.executable, os.path.join(ROOT, "tests/check_layers.py"), "obj"], cwd=tmp_path,
                             capture_output=True, text=True)
        assert not ran.stderr
        return ran.returncode, ran.stdout.splitlines()
    return run


USES = "int {0}(void);\nint {1}(void);\nint {1}(void) {{ return {0}() + 1; }}\n"
PLAIN = "int {0}(void);\nint {0}(void) {{ return 1; }}\n"


def test_arrows_downward_are_let_through(layers):
    status, lines = layers({"lib/low.c": PLAIN.format("low"), "types/high.c": USES.format("low", "high"),
                            "types/high.h": "", "trace.c": '#include "types/high.h"\n' + USES.format("high", "main")})
    assert (status, lines) == (0, ["check_layers: 2 references and 1 includes go the right way"])


def test_a_call_upward_is_refused_with_both_functions(layers):
    status, lines = layers({"lib/low.c": USES.format("high", "low"), "types/high.c": PLAIN.format("high")})
    assert (status, lines) == (1, ["upward: low() of lib/low.c uses high of types/high.c"])


def test_a_table_that_points_upward_is_refused(layers):
    table = "int high(void);\nint (*const table[])(void) = { high };\n"
    status, lines = layers({"lib/low.c": table, "types/high.c": PLAIN.format("high")})
    assert status == 1 and len(lines) == 1
    assert lines[0].startswith("upward: .data") and lines[0].endswith("of lib/low.c uses high of types/high.c")


def test_siblings_are_strangers(layers):
    status, lines = layers({"probe/check/one.c": USES.format("two", "one"), "probe/target/two.c": PLAIN.format("two")})
    assert (status, lines) == (1, ["upward: one() of probe/check/one.c uses two of probe/target/two.c"])


def test_a_tool_uses_its_own_rooms_only(layers):
    status, lines = layers({"opensnoop.c": USES.format("flow_x", "main"), "flow/flow_x.c": PLAIN.format("flow_x")})
    assert (status, lines) == (1, ["upward: main() of opensnoop.c uses flow_x of flow/flow_x.c"])


def test_an_include_upward_is_refused(layers):
    status, lines = layers({"lib/low.c": '#include "types/high.h"\n', "types/high.h": "", "lib/low.h": '#include "x.h"\n',
                            "x.h": ""})
    assert (status, lines) == (1, ["upward: lib/low.c includes types/high.h", "upward: lib/low.h includes x.h"])


def test_a_circle_of_files_is_refused(layers):
    status, lines = layers({"lib/a.c": USES.format("b", "a"), "lib/b.c": USES.format("c", "b"),
                            "lib/c.c": USES.format("a", "c"), "lib/d.c": USES.format("a", "d")})
    assert (status, lines) == (1, ["circle: lib/a.c, lib/b.c, lib/c.c", "\ta() of lib/a.c uses b of lib/b.c",
                                   "\tb() of lib/b.c uses c of lib/c.c", "\tc() of lib/c.c uses a of lib/a.c"])


def test_a_name_of_two_files_is_refused(layers):
    status, lines = layers({"lib/a.c": PLAIN.format("same"), "redis/b.c": PLAIN.format("same")})
    assert (status, lines) == (1, ["twice: same is defined in lib/a.c and in redis/b.c"])


def test_a_folder_that_nobody_placed_is_refused(layers):
    status, lines = layers({"new/a.c": PLAIN.format("a")})
    assert (status, lines) == (1, ["unknown: folder new is not in the table of check_layers.py"])
