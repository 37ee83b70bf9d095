# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""What trace prints of small programs, against the lines that these print of themselves.

A program prints "right: FUNC VALUES" for each of its calls, in trace's own words."""
import subprocess

import pytest

from tracing import PATIENCE, json_lines, need, tool_path

C_LEVELS = pytest.mark.parametrize("build", [f"{c} {o}" for c in ("gcc", "clang") for o in ("-O0", "-O1", "-O2")])
HEAD = "#include <stdio.h>\n#include <stdbool.h>\n#define NOINLINE __attribute__((noinline))\n"


def compiled(folder, source, command, name="program.c"):
    """A program of a source, compiled with debug information; the source's text is its right values' only place."""
    need(command.split()[0])
    (folder / name).write_text(source)
    done = subprocess.run([*command.split(), "-g", name, "-o", "program"], cwd=folder, capture_output=True, text=True,
                          timeout=20 * PATIENCE, check=False)
    assert done.returncode == 0, done.stderr


def watched(folder, *specs, options=()):
    """Run the program under trace: (what it says is right, what trace wrote, what it warned of)."""
    done = subprocess.run([tool_path("trace"), *options, *specs, "--", "./program"], cwd=folder, capture_output=True,
                          text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    right = [line.split(" ", 1)[1].strip() for line in lines if line.startswith("right: ")]
    assert right, "the program says nothing of itself"
    return right, [line for line in lines if not line.startswith("right: ")], done.stderr


def messages(lines):
    """FUNC and message of trace's rows."""
    return [" ".join(line.split(None, 4)[3:]).rstrip() for line in lines if line.split()[:1] != ["PID"]]


def test_text_and_what_is_no_text_can_be_told_apart(tmp_path):
    compiled(tmp_path, HEAD + r'''
NOINLINE void f(const char *s, int n, bool b) { printf("right: f s=%s, n=%d, b=%s\n", n == 3 ? "?" : n == 2 ? "\"?\"" :
	"\"a\\\", n=4\"", n, b ? "true" : "false"); }
int main(void) { f("a\", n=4", 1, true); f("?", 2, false); f((char *)8, 3, true); return 0; }
''', "gcc -O0")
    right, lines, _ = watched(tmp_path, "p:./program:f")
    assert messages(lines) == right


def test_json_has_values_by_name_and_why_they_are_unknown(tmp_path):
    compiled(tmp_path, HEAD + r'''
NOINLINE double f(const char *s, double d, int n) { printf("right: f\n"); return d + n; }
int main(void) { f("x", 2, 3); f((char *)8, 2, 4); return 0; }
''', "gcc -O0")
    _, lines, _ = watched(tmp_path, "r:./program:f", 'p:./program:f "%d", n', options=["--json"])
    rows, lost = json_lines("\n".join(lines))
    assert lost == 0
    assert [row["args"] for row in rows if row["spec"].startswith("p:")] == [[3], [4]]
    good, bad = [row for row in rows if row["spec"].startswith("r:")]
    assert good["values"] == {"s": "x", "d": None, "n": 3} and bad["values"] == {"s": None, "d": None, "n": 4}
    assert good["retval"] is None and good["latency_ns"] > 0
    assert "floating point" in good["unknown"]["d"] and "double" in good["unknown"]["retval"]
    assert set(good["unknown"]) == {"d", "retval"} and "EFAULT" in bad["unknown"]["s"]


@C_LEVELS
def test_small_structures_in_registers_are_this_calls(tmp_path, build):
    """Of one, two and four bytes, too: a register has more of them than the structure."""
    compiled(tmp_path, HEAD + r'''
struct s1 { signed char a; }; struct s2 { short a; }; struct s4 { int a; }; union u4 { int i; float f; };
NOINLINE void f1(struct s1 x) { printf("right: f1 x={.a=%d}\n", x.a); }
NOINLINE void f2(struct s2 x) { printf("right: f2 x={.a=%d}\n", x.a); }
NOINLINE void f4(struct s4 x, int k) { printf("right: f4 x={.a=%d}, k=%d\n", x.a, k); }
NOINLINE void noise(const char *s) { printf("right: noise s=\"%s\"\n", s); }
int main(int argc, char **argv) {
	for (int i = argc; i < 4; i++) {
		noise("some other bytes"); f1((struct s1){ 10 + i }); noise("more of them");
		f2((struct s2){ 2000 + i }); f4((struct s4){ 300000 + i }, i);
	}
	return 0;
}
''', build)
    right, lines, _ = watched(tmp_path, *(f"p:./program:{f}" for f in ("f1", "f2", "f4", "noise")))
    assert messages(lines) == right


def test_of_what_is_kept_in_parts_those_that_are_known_are_shown(tmp_path):
    """clang passes on only the member that the function uses."""
    compiled(tmp_path, HEAD + r'''
struct pair { long a, b; };
static NOINLINE void used(struct pair p, long k) { printf("right: used p={.a=%ld, .b=?}, k=%ld\n", p.a, k); }
int main(int argc, char **argv) { used((struct pair){ argc + 4, 6 }, argc); used((struct pair){ argc + 5, 7 }, 8); return 0; }
''', "clang -O2")
    right, lines, _ = watched(tmp_path, "p:./program:used")
    assert messages(lines) == right
    _, lines, _ = watched(tmp_path, "p:./program:used", options=["--json"])
    assert [row["values"]["p"] for row in json_lines("\n".join(lines))[0]] == [{"a": 5, "b": None}, {"a": 6, "b": None}]


def test_a_bool_is_one_byte_of_its_register(tmp_path):
    need("go")
    (tmp_path / "program.go").write_text(r'''
package main

import "fmt"

//go:noinline
func f(b bool, n int) bool { fmt.Printf("right: main.f b=%v, n=%d\n", b, n); return !b }

//go:noinline
func g(a, c uint64, n int) { f(a == c, n) }

func main() { g(0x123456789a00, 0x123456789a01, 1); g(5, 6, 2); g(7, 7, 3) }
''')
    subprocess.run(["go", "build", "-o", "program", "program.go"], cwd=tmp_path, check=True, timeout=20 * PATIENCE)
    right, lines, _ = watched(tmp_path, "p:./program:main.f")
    assert messages(lines) == right


def test_constants_have_the_sign_of_their_form(tmp_path):
    """gcc writes an unsigned 255 into one byte, and clones the function for it."""
    compiled(tmp_path, HEAD + r'''
static NOINLINE long f(unsigned long a, long b, int k) {
	printf("right: f.constprop.0.isra.0 k=%d, a=%lu, b=%ld\n", k, a, b);
	return a + k;
}
int main(int argc, char **argv) { f(255, -2, argc); return (int)f(255, -2, argc + 1) & 0; }
''', "gcc -O2")
    right, lines, _ = watched(tmp_path, "p:./program:f.*")
    assert messages(lines) == right


@pytest.mark.parametrize("build", ["gcc -O0", "clang -O0", "clang -O0 -gdwarf-4", "gcc -O0 -gdwarf-4"])
def test_packed_bit_fields(tmp_path, build):
    compiled(tmp_path, HEAD + r'''
struct __attribute__((packed)) bits { char c; int a : 5; unsigned b : 11; int d : 30; short e; };
NOINLINE void f(struct bits *p) {
	printf("right: f %d %d %u %d %d\n", p->c, p->a, p->b, p->d, p->e);
}
int main(void) { struct bits v = { 1, -3, 1234, -456789, 77 }, w = { 2, 15, 2047, 536870911, -1 }; f(&v); f(&w); return 0; }
''', build)
    right, lines, _ = watched(tmp_path, 'p:./program:f "%d %d %u %d %d", p->c, p->a, p->b, p->d, p->e')
    assert messages(lines) == right
