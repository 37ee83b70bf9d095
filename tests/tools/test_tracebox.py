# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""tracebox: the tools in one static executable, alone in an empty root as well; and how static executables are linked."""
import os
import shutil
import subprocess

import pytest

from tracing import BUILD, PATIENCE, need, tool_path

BOX = BUILD / "static" / "tracebox"
TOOLS = sorted(path.name for path in (BUILD / "static" / "bin").iterdir() if path.is_file())


def run(*args, **kwargs):
    return subprocess.run([str(word) for word in args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=4 * PATIENCE, **kwargs)


def test_it_has_all_tools_and_is_small():
    listed = run(BOX, "--list").stdout.split()
    assert set(TOOLS) < set(listed) and {"javastat", "phpcalls", "pythonflow"} < set(listed)
    assert BOX.stat().st_size < 6 * 1024 * 1024


@pytest.mark.parametrize("name", [*TOOLS, "javastat", "rubyflow"])
def test_a_tool_in_it_is_that_tool(name, tmp_path):
    """By argument, by a link's name, by that with a package's suffix."""
    link, suffixed = tmp_path / name, tmp_path / f"{name}-co"
    link.symlink_to(BOX)
    suffixed.symlink_to(BOX)
    texts = [run(*command, "--help").stdout for command in ([BOX, name], [link], [suffixed])]
    assert texts[0].startswith(f"Usage: {name} ") and texts[1] == texts[0]
    assert texts[2].startswith(f"Usage: {name}-co ")


def test_it_installs_links(tmp_path):
    assert run(BOX, "--install", tmp_path).returncode == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert names == set(run(BOX, "--list").stdout.split())
    assert run(tmp_path / "execsnoop", "--version").stdout == run(BOX, "execsnoop", "--version").stdout != ""
    again = run(BOX, "--install", tmp_path)
    assert again.returncode == 1 and "File exists" in again.stderr


@pytest.mark.parametrize("args, word", [([], "Usage: tracebox TOOL"), (["nothing"], "there is no tool 'nothing'"),
                                        (["--list", "x"], "there is no tool '--list'"), (["\x1b[31m"], "\\x1b")])
def test_wrong_command_lines(args, word):
    done = run(BOX, *args)
    assert done.returncode == 2 and word in done.stderr and not done.stdout


def test_alone_in_an_empty_root(tmp_path):
    """Nothing but the file, /proc and /sys, as in a container made of it."""
    need("unshare", "chroot")
    shutil.copy(BOX, tmp_path)
    for folder in ("proc", "sys"):
        (tmp_path / folder).mkdir()
    script = f"mount --rbind /proc {tmp_path}/proc && mount --rbind /sys {tmp_path}/sys && exec chroot {tmp_path} /tracebox \"$@\""
    done = run("unshare", "--mount", "sh", "-c", script, "sh", "opensnoop", "--json", "--duration", "2", "-p", os.getppid())
    assert done.returncode == 0 and '"lost":0' in done.stdout, done.stderr
    done = run("unshare", "--mount", "sh", "-c", script, "sh", "execsnoop", "--json", "--", "/tracebox", "--list")
    assert done.returncode == 0 and '"comm":"tracebox"' in done.stdout, done.stderr


@pytest.mark.no_tool
def test_static_executables_are_hardened():
    """Position-independent, read-only after relocation, no executable stack, canaries."""
    need("readelf")
    for path in [BOX, *(BUILD / "static" / "bin" / name for name in TOOLS)]:
        text = run("readelf", "-W", "-h", "-l", "-d", path).stdout
        assert "DYN (Position-Independent" in text and "BIND_NOW" in text and "GNU_RELRO" in text, path
        assert "INTERP" not in text and "RWE" not in text
    symbols = run("nm", "-D", tool_path("trace")).stdout
    assert "__stack_chk_fail" in symbols and "__memcpy_chk" in symbols or "__snprintf_chk" in symbols
