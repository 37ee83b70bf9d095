# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""A traced program does what it does untraced. Which places are refused, and why."""
import platform
import re
import subprocess

import pytest

from tracing import need, run_target, run_tool, target_path

x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="instructions of x86_64")

# What the kernel refuses, or takes and does wrongly: seen on Linux 6.18, read in arch/x86/kernel/uprobes.c.
REFUSED = {"lock_inc", "jmp_notrack", "call_data16", "int80", "vpxor_", "vptest_", "vpminsw_", "vmovd_from",
           "vmovdqu_load", "vfmsub132_"}
HARMFUL = {"xchg_r8": "for a nop", "xchg_r8d": "for a nop", "pushf_": "flags", "syscall_": "system call",
           "rep_movsb": "round at a time", "vpor_": "vector instruction for another one"}
HARMFUL_VECTORS = {"vpsubsb_", "vpsubsw_", "vpshufd_", "vpslldq_", "vpcmpeqb_", "vzeroupper_", "vmovd_to",
                   "vmovdqu_store", "vcmpps_", "vpgatherdd_", "vfnmadd132_", "vporq_", "kmovw_"}


def compile_c(tmp_path, source, name="made", *flags):
    """A program of C text."""
    need("gcc")
    made = tmp_path / name
    done = subprocess.run(["gcc", "-x", "c", "-", "-o", str(made), *flags], input=source.encode(),
                          capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return made


def listed(spec, *options):
    """The places of a spec, without file and kind of probe, and what is said of others."""
    status, out, err = run_tool("trace", "-l", *options, spec)
    return status, [line.split(":")[-1] for line in out.splitlines()], err


# --- instructions ---------------------------------------------------------------------------------

@x86
def test_probed_instructions_do_what_they_do_unprobed():
    untraced = run_target("steps")
    assert len(untraced) > 60
    spec = f"p:{target_path('steps')}:at_*"
    _, places, err = listed(spec)
    names = {place.removeprefix("at_") for place in places}
    assert len(names) > 75
    assert not names & (REFUSED | set(HARMFUL) | HARMFUL_VECTORS)
    count = len(REFUSED | set(HARMFUL) | HARMFUL_VECTORS)
    assert f"{count} of {len(names) + count} places left out" in err
    status, out, err = run_tool("trace", "--json", "--count", spec, "--", target_path("steps"))
    assert status == 0, err
    lines = out.splitlines()
    assert [line for line in lines if not line.startswith("{")] == untraced
    hit = set(re.findall(r'"func":"at_(\w+)"', out))
    ran = {line.split()[0] for line in untraced}
    assert hit == names & ran


@x86
def test_harmful_instructions_are_refused_with_the_reason():
    for name, reason in HARMFUL.items():
        status, places, err = listed(f"p:{target_path('steps')}:at_{name}")
        assert status == 2 and not places
        assert f"can't probe at_{name}" in err and reason in err
    # No option excuses them.
    status, _, err = listed(f"p:{target_path('steps')}:at_xchg_r8", "--force-address")
    assert status == 2 and "for a nop" in err


MIDDLE = r"""
#include <stdio.h>
__attribute__((noipa)) int f(int a) { return a * 0x90 + 1; }
int table[] = {1, 2, 3};
int main(void) { int s = 0; for (int i = 0; i < 1000; i++) s += f(i); printf("%d\n", s); return s != 71929000; }
"""


def boundaries(made, function):
    """(address, size, addresses at which instructions begin), by objdump."""
    need("objdump", "nm")
    symbols = subprocess.run(["nm", "-S", str(made)], capture_output=True, text=True, check=True).stdout
    line = next(line for line in symbols.splitlines() if line.endswith(f" {function}"))
    addr, size = (int(word, 16) for word in line.split()[:2])
    text = subprocess.run(["objdump", "-d", f"--disassemble={function}", str(made)], capture_output=True, text=True,
                          check=True).stdout
    return addr, size, [int(at, 16) for at in re.findall(r"^\s+([0-9a-f]+):\t", text, re.M)]


@pytest.mark.parametrize("flags", [[], ["-s", "-Wl,--export-dynamic"], ["-s"]], ids=["symbols", "dynsym", "stripped"])
def test_only_starts_of_instructions_are_probed(tmp_path, flags):
    whole = compile_c(tmp_path, MIDDLE, "whole", "-O1", "-Wl,--export-dynamic")
    made = compile_c(tmp_path, MIDDLE, "made", "-O1", *flags)
    addr, size, starts = boundaries(whole, "f")
    if flags != ["-s"]:
        assert boundaries(made if not flags else whole, "f") == (addr, size, starts)
    else:
        # Without .dynsym's names the code lies elsewhere; its unwinding table tells where functions begin.
        base = compile_c(tmp_path, MIDDLE, "base", "-O1")
        addr, size, starts = boundaries(base, "f")
    assert len(starts) > 2 and size > len(starts)
    for at in range(addr, addr + size):
        status, places, err = listed(f"p:{made}:{at:#x}")
        assert (status == 0) == (at in starts), err
        if at not in starts:
            before = max(start for start in starts if start < at)
            assert "in the middle of" in err and f"{before:#x} (+{before - addr:#x})" in err
        status, places, err = listed(f"p:{made}:{at:#x}", "--force-address")
        assert status == 0 and len(places) == 1, err
    if flags != ["-s"]:
        middle = next(at for at in range(addr, addr + size) if at not in starts) - addr
        status, _, err = listed(f"p:{made}:f+{middle}")
        assert status == 2 and "can't probe f" in err
    status, out, err = run_tool("trace", *(option for at in starts for option in [f"p:{made}:{at:#x}"]), "--count",
                                "--", made)
    assert status == 0 and "71929000" in out.splitlines(), (out, err)


def test_what_is_no_code_is_refused(tmp_path):
    made = compile_c(tmp_path, MIDDLE, "made", "-O1", "-no-pie", "-Wl,-z,noseparate-code")
    table = next(line for line in subprocess.run(["nm", str(made)], capture_output=True, text=True,
                                                 check=True).stdout.splitlines() if line.endswith(" table"))
    # The file's header is in the segment of the code.
    for addr in ["0x400000", "0x400040", f"0x{table.split()[0]}"]:
        status, places, err = listed(f"p:{made}:{addr}", "--force-address")
        assert status == 2 and not places and "is not in its code" in err
    subprocess.run(["gcc", "-x", "c", "-c", "-", "-o", str(tmp_path / "made.o")], input=MIDDLE.encode(), check=True)
    for spec in ["f", "*", "0x40"]:
        status, places, err = listed(f"p:{tmp_path}/made.o:{spec}")
        assert status == 2 and not places and "relocatable file" in err


GO_DATA = r"""
    .globl f, g, label
    .type f, @function
f:  jmp 1f
    .byte 0x48, 0xb8
1:  nop
    ret
    .size f, . - f
label: .byte 0x90, 0xc3
    .type g, @function
g:  .cfi_startproc
    ret
    .cfi_endproc
    .size g, . - g
"""


@x86
def test_data_among_code_is_not_taken_for_code(tmp_path):
    (tmp_path / "f.s").write_text(GO_DATA)
    subprocess.run(["gcc", "-c", str(tmp_path / "f.s"), "-o", str(tmp_path / "f.o")], check=True)
    made = compile_c(tmp_path, "void f(void); void g(void); int main(void) { f(); g(); return 0; }", "made", "-O1",
                     "-x", "none", str(tmp_path / "f.o"))
    assert listed(f"p:{made}:f+4")[0] == 0
    status, _, err = listed(f"p:{made}:f+2")
    assert status == 2 and "f holds data" in err
    status, _, err = listed(f"p:{made}:label")
    assert status == 2 and "it is a label" in err
    _, places, err = listed(f"p:{made}:*")
    assert {"f", "g", "main"} <= set(places) and "label" not in places and "left out" in err
