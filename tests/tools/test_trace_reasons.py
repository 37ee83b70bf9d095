# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Why a function of the kernel can't be probed, or isn't any more, in states that only a guest may be brought into."""
import ctypes
import lzma
import os
import platform
from pathlib import Path

import pytest

from tracing import BUILD, Tool, need_that, run_tool

KPTR_RESTRICT = Path("/proc/sys/kernel/kptr_restrict")
FINIT_MODULE, DELETE_MODULE = {"x86_64": (313, 176), "aarch64": (273, 106)}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)


def need_guest():
    need_that("VM_DIR" in Path("/proc/cmdline").read_text(), "states of the whole machine, which is left alone outside of a guest")


@pytest.fixture
def hidden_addresses():
    need_guest()
    before = KPTR_RESTRICT.read_text()
    KPTR_RESTRICT.write_text("2")
    yield
    KPTR_RESTRICT.write_text(before)


def test_functions_are_found_by_name_where_their_addresses_are_hidden(hidden_addresses):
    status, out, err = run_tool("trace", "-l", "p::vfs_rea*")
    assert status == 0 and "p::vfs_read" in out.splitlines(), err
    status, _, err = run_tool("trace", "p::nosuchfunc")
    assert status == 2 and "the kernel has no function 'nosuchfunc'" in err
    status, out, err = run_tool("trace", "--count", "--duration", "0.2", "p::vfs_rea*")
    assert status == 0, err


def test_one_of_several_functions_of_a_name_needs_their_addresses(hidden_addresses):
    names = [line.split()[0] for line in Path("/sys/kernel/tracing/available_filter_functions").open()]
    status, _, err = run_tool("trace", "--duration", "0.1", "p::state_show")
    if names.count("state_show") > 1:
        assert status != 0 and "their addresses are hidden (kernel.kptr_restrict" in err, err


def dummy_module():
    """The text of the kernel's own dummy.ko, from the package that the guest was made of."""
    for package in [*BUILD.glob("vm/packages/linux-*"), *BUILD.parent.glob("vm/packages/linux-*")]:
        for path in package.glob(f"**/{os.uname().release}/kernel/drivers/net/dummy.ko*"):
            return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
    pytest.skip("no module dummy for this kernel")


def test_a_module_that_was_unloaded_meanwhile_is_told(tmp_path):
    need_guest()
    (tmp_path / "dummy.ko").write_bytes(dummy_module())
    with open(tmp_path / "dummy.ko", "rb") as file:
        assert libc.syscall(FINIT_MODULE, file.fileno(), b"numdummies=0", 0) == 0, os.strerror(ctypes.get_errno())
    with Tool("trace", "p::dummy_xmi[t]") as trace:
        # Links by a multi link or fentry hold the module.
        is_gone = libc.syscall(DELETE_MODULE, b"dummy", os.O_NONBLOCK) == 0
        _, err = trace.stop()
    assert trace.status == 0, err
    assert ("the module dummy was unloaded meanwhile" in err) == is_gone, err
    if not is_gone:
        assert libc.syscall(DELETE_MODULE, b"dummy", os.O_NONBLOCK) == 0
