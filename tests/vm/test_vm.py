# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""The driver's own parts, tested without a guest."""
import json
import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import image        # noqa: E402
import report       # noqa: E402
import vm           # noqa: E402


def records(tmp_path, *lines):
    path = tmp_path / "tests"
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
    return report.read_records(path)


def test_test_that_never_ended_has_failed(tmp_path):
    tests = records(tmp_path, {"test": "a", "outcome": "started"}, {"test": "a", "outcome": "passed"},
                    {"test": "b", "outcome": "started"}, '{"test": "b", "outc')
    assert tests == {"a": ("passed", ""), "b": ("failed", "never ended")}


def test_failed_teardown_outweighs_passed_test(tmp_path):
    tests = records(tmp_path, {"test": "a", "outcome": "passed"}, {"test": "a", "outcome": "failed"})
    assert tests["a"][0] == "failed"


def column(name, **tests):
    return report.Column(name, "1.0", {f"test_{tool}.py::{n}": outcome for tool, outcomes in tests.items()
                                       for n, outcome in enumerate(outcomes)}, "", 1)


def test_table_tells_failed_passed_and_missing_facility_apart():
    text = report.table([column("host", trace=[("passed", ""), ("skipped", "no kprobes")]),
                         column("6.1", trace=[("passed", ""), ("failed", "x")], redis_cmd=[("passed", "")])])
    assert "| trace | 1 passed, 1 without [1] | 1 failed, 1 passed |" in text
    assert "| redis-cmd | - | 1 passed |" in text
    assert "1. no kprobes" in text


def test_run_without_tests_is_not_good():
    assert not report.Column("6.1", "6.1", {}, "", 1).good()


def test_readme_keeps_what_is_outside_the_marks(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- matrix -->\nold\n<!-- /matrix -->\nafter\n")
    report.into_page("new\n", page)
    report.into_page("newer\n", page)
    assert page.read_text() == "before\n<!-- matrix -->\nnewer\n<!-- /matrix -->\nafter\n"


def test_readme_without_marks_is_refused(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("text\n")
    with pytest.raises(ValueError, match="matrix"):
        report.into_page("new\n", page)


def test_archive_is_read_by_cpio(tmp_path):
    archive = image.cpio([("bin", 0o40755, b""), ("bin/odd", 0o100755, b"12345")])
    subprocess.run(["busybox", "cpio", "-i"], input=archive, cwd=tmp_path, check=True, stderr=subprocess.DEVNULL)
    assert (tmp_path / "bin/odd").read_bytes() == b"12345"
    assert os.access(tmp_path / "bin/odd", os.X_OK)


class Mirror:
    """A repository that has these packages."""

    def __init__(self, *packages):
        self.packages = packages

    def names(self, pattern):
        return [name for name in self.packages if vm.re.search(pattern, name)]


KERNEL = ("6.1", "amd64", "suite", "6.1.0-9", "linux-image-%-cloud-amd64")


@pytest.mark.parametrize("have,taken", [(["6.1.0-9", "6.1.0-10"], "6.1.0-9"), (["6.1.0-8", "6.1.0-10"], "6.1.0-10")])
def test_pinned_kernel_is_preferred_to_the_newest(have, taken):
    mirror = Mirror("linux-image-6.12.0-99-cloud-amd64", "linux-image-6.1-cloud-amd64",
                    *(f"linux-image-{release}-cloud-amd64" for release in have))
    assert vm.Kernel(*KERNEL).available(mirror) == taken


def test_kernel_is_known_in_its_own_mode_and_in_others():
    full, = vm.choose(["6.1+full"])
    plain, = vm.choose(["6.1"])
    assert (full.mode, plain.mode) == ("full", "")
    assert (full.release, full.packages, full.base) == (plain.release, plain.packages, "6.1")
    with pytest.raises(vm.Error, match=r"unknown kernel 5\.10\+full"):
        vm.choose(["5.10+full"])


@pytest.mark.parametrize("path", ["boot/vmlinuz-7.2.1-cloud-amd64", "usr/lib/modules/7.2.1-cloud-amd64/vmlinuz"])
def test_release_of_a_kernel_wherever_its_package_keeps_it(path, tmp_path):
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).touch()
    assert image.release(str(tmp_path)) == "7.2.1-cloud-amd64"


def test_kernel_that_nobody_has_is_an_error():
    with pytest.raises(vm.Error, match="no package like"):
        vm.Kernel(*KERNEL).available(Mirror())
