# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""vmlinux-gen: a small vmlinux.h out of a kernel's BTF, here out of a BPF object's."""
import os
import subprocess

import pytest

pytestmark = pytest.mark.no_tool
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build"))

KERNEL = """
typedef unsigned int u32;
enum colour { RED, GREEN = 7, BLUE };
struct far { int secret; };
struct inner { char pad[24]; u32 value; struct far *far; };
struct whole { short s; union { int i; long l; }; struct inner inner[2]; };
struct task {
	char unwanted[4096];
	int pid;
	unsigned low : 3, middle : 20, high : 12;
	union { struct { u32 daddr, saddr; }; unsigned long pair; };
	struct inner inner;
	struct task *parent;
	struct far *far;
	enum colour colour;
};
struct flagged { enum { FLAG_A = 1, FLAG_B = 2 } flags; };
struct whole whole;
struct task task;
struct far far;
struct flagged flagged;
"""


@pytest.fixture(scope="module")
def generator():
    target = os.path.join(BUILD, "vmlinux/vmlinux-gen")
    subprocess.run(["make", "-s", "-C", os.path.join(ROOT, "vmlinux"), f"BUILD={BUILD}", target], check=True)
    return target


@pytest.fixture
def generate(generator, tmp_path):
    def run(types, kernel=None):
        source, obj, wanted = tmp_path / "kernel.c", tmp_path / "kernel.o", tmp_path / "types.list"
        source.write_text(KERNEL)
        wanted.write_text(types)
        subprocess.run(["clang", "-target", "bpf", "-g", "-O2", "-c", source, "-o", obj], check=True)
        return subprocess.run([generator, "-a", "x86_64", "-l", "test", wanted, kernel or obj],
                              capture_output=True, text=True)
    return run


def compiles(header, tmp_path, body=""):
    (tmp_path / "out.h").write_text(header)
    (tmp_path / "out.c").write_text('#include "out.h"\n' + body)
    done = subprocess.run(["clang", "-target", "bpf", "-g", "-O2", "-Wall", "-Werror", "-c", "out.c",
                           "-o", "out.o"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def words(text):
    return " ".join(text.split())


def test_keeps_only_the_wanted_members_without_padding(generate, tmp_path):
    done = generate("struct task: pid parent colour\n")
    assert done.returncode == 0, done.stderr
    assert "struct task { int pid; struct task *parent; enum colour colour; };" in words(done.stdout)
    assert "GREEN = 7" in done.stdout and "unwanted" not in done.stdout
    compiles(done.stdout, tmp_path, "int f(struct task *t) { return t->parent->pid; }\n")


def test_pointed_to_struct_is_only_declared(generate):
    text = words(generate("struct task: far\n").stdout)
    assert "struct far;" in text and "secret" not in text


def test_embedded_struct_is_followed_and_pruned_by_its_own_line(generate, tmp_path):
    text = generate("struct task: inner\nstruct inner: value\n").stdout
    assert "struct inner { u32 value; };" in words(text)
    compiles(text, tmp_path, "_Static_assert(sizeof(struct task) == 4, \"\");\n")


def test_anonymous_members_keep_what_is_wanted_inside(generate, tmp_path):
    text = generate("struct task: saddr\n").stdout
    assert "struct task { union { struct { u32 saddr; }; }; };" in words(text)
    compiles(text, tmp_path, "int f(struct task *t) { return t->saddr; }\n")


def test_bit_fields_stay_bit_fields(generate, tmp_path):
    text = generate("struct task: low high\n").stdout
    assert "unsigned int low: 3; unsigned int high: 12;" in words(text)
    compiles(text, tmp_path, "_Static_assert(sizeof(struct task) == 4, \"\");\n")


def test_whole_struct_keeps_the_kernel_layout(generate, tmp_path):
    compiles(generate("struct whole\n").stdout, tmp_path,
             "_Static_assert(sizeof(struct whole) == 16 + 2 * 40, \"\");\n"
             "_Static_assert(__builtin_offsetof(struct whole, l) == 8, \"\");\n")


def test_enums_are_pruned_and_anonymous_ones_found_by_a_value(generate):
    text = words(generate("enum colour: BLUE\nenumerator FLAG_B\n").stdout)
    assert "enum colour { BLUE = 8, };" in text
    assert "enum { FLAG_A = 1, FLAG_B = 2, };" in text


def test_another_architecture_is_passed_over_with_its_members(generate):
    done = generate("@arm64 struct nothing: a\n\tb c\n@x86_64 struct far\n")
    assert done.returncode == 0, done.stderr
    assert "secret" in done.stdout and "nothing" not in done.stdout


@pytest.mark.parametrize("types, message", [
    ("# none\nstruct taks\n", "types list:2: this kernel has no struct taks"),
    ("struct task: pid\n\tppid\n", "types list:1: this kernel's type has no member ppid"),
    ("struct far\nstruct far\n", "types list:2: far is already on line 1"),
    ("klass task\n", "types list:1: this kernel has no klass task"),
    ("struct\n", "types list:1: want"),
    ("\tpid\n", "types list:1: members of what?"),
])
def test_mistakes_in_the_list_are_named_with_their_line(generate, types, message):
    done = generate(types)
    assert done.returncode == 1
    assert message in done.stderr


def test_a_file_without_btf_is_refused(generate, tmp_path):
    (tmp_path / "junk").write_bytes(b"\x9f\xeb\x01\x00" * 100)
    done = generate("struct task\n", tmp_path / "junk")
    assert done.returncode == 1 and "holds no BTF" in done.stderr


def test_the_committed_headers_compile_with_libbpf(tmp_path):
    body = ("#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_core_read.h>\n"
            "#include <bpf/bpf_tracing.h>\n"
            'SEC("uprobe") int BPF_UPROBE(enter, int first) { return first; }\n'
            'SEC("ksyscall/openat") int BPF_KSYSCALL(open, int fd) { return fd; }\n')
    for arch, target in ("x86_64", "x86"), ("arm64", "arm64"):
        folder = tmp_path / arch
        folder.mkdir()
        with open(os.path.join(ROOT, "vmlinux", arch, "vmlinux.h")) as file:
            compiles(file.read(), folder, f"#define __TARGET_ARCH_{target}\n" + body)
