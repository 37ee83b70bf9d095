# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""What trace prints of small programs, against the lines that these print of themselves.

A program prints "right: FUNC VALUES" for each of its calls, in trace's own words."""
import re
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
    assert good["values"] == {"s": "x", "d": 2, "n": 3} and bad["values"] == {"s": None, "d": 2, "n": 4}
    assert good["retval"] is None and good["latency_ns"] > 0
    assert set(good["unknown"]) == {"retval"} and "floating point" in good["unknown"]["retval"]
    assert set(bad["unknown"]) == {"s", "retval"} and "EFAULT" in bad["unknown"]["s"]


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
	printf("right: f.constprop.0.isra.0 a=%lu, b=%ld, k=%d\n", a, b, k);
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


CXX_LEVELS = pytest.mark.parametrize("build", [f"{c} {o}" for c in ("g++", "clang++") for o in ("-O0", "-O1", "-O2")])


def agree(shown, right):
    """All calls are there, and what is shown of them is right: a value may be unknown, but not another one."""
    assert len(shown) == len(right), (shown, right)
    for line, wanted in zip(shown, right):
        values = [v.split("=", 1) for v in line.replace("<optimised out>", "?").split(", ")]
        for (name, value), (wanted_name, wanted_value) in zip(values, [v.split("=", 1) for v in wanted.split(", ")]):
            assert name == wanted_name and value in (wanted_value, "?"), (line, wanted)


@CXX_LEVELS
@pytest.mark.parametrize("kind", ["p", "r"])
def test_classes_that_are_passed_by_address(tmp_path, build, kind):
    """A destructor, a copy constructor or a virtual function decides, and what stands behind such a parameter."""
    compiled(tmp_path, HEAD + r'''
struct Handle { int a, b; ~Handle() { __asm__ volatile(""); } };
struct Copied { int c, d; Copied(int x) : c(x), d(x + 1) {} Copied(const Copied &o) : c(o.c), d(o.d) {} };
struct Plain { int e, f; };
NOINLINE int use(Handle h, int k) { __asm__ volatile("" ::: "memory"); return h.a + k; }
NOINLINE int copied(Copied g, Plain p, int k) { __asm__ volatile("" ::: "memory"); return g.d + p.f + k; }
int main() {
	for (int i = 0; i < 3; i++) {
		use(Handle{ 10 + i, 22 }, i);
		printf("right: use h={.a=%d| .b=22}, k=%d\n", 10 + i, i);
		copied(Copied(40 + i), Plain{ 50, 60 + i }, 7);
		printf("right: copied g={.c=%d| .d=%d}, p={.e=50| .f=%d}, k=7\n", 40 + i, 41 + i, 60 + i);
	}
}
''', build, "program.cc")
    right, lines, _ = watched(tmp_path, f"{kind}:./program:_Z3use*", f"{kind}:./program:_Z6copied*")
    shown = [line.replace("{.a=", "{.a=").replace(", .", "| .").replace("(h=", "h=").replace("(g=", "g=") for line in messages(lines)]
    shown = [line.split(") = ")[0].replace("use(Handle, int)", "use") for line in shown]
    agree(shown, right)
    assert "?" not in "".join(shown) or "-O0" not in build


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_packed_structures_are_passed_in_memory(tmp_path, compiler):
    compiled(tmp_path, HEAD + r'''
struct __attribute__((packed)) p5 { char c; int i; };
struct __attribute__((packed)) p12 { char c; long i; short s; };
NOINLINE int f(struct p5 t, int e, struct p12 u, int g) {
	printf("right: f t={.c=%d, .i=%d}, e=%d, u={.c=%d, .i=%ld, .s=%d}, g=%d\n", t.c, t.i, e, u.c, u.i, u.s, g);
	return 0;
}
int main(void) { struct p5 t = { 3, 44 }; struct p12 u = { 5, 66, 77 }; return f(t, 55, u, 88); }
''', f"{compiler} -O0")
    right, lines, _ = watched(tmp_path, "p:./program:f")
    assert messages(lines) == right


@C_LEVELS
def test_a_return_shows_a_structure_as_it_was_at_the_entry(tmp_path, build):
    """The function may write into its copy, and its frame is gone by then."""
    compiled(tmp_path, HEAD + r'''
struct big { long a, b, c; };
static volatile long sink;
NOINLINE long f(struct big v, int n) {
	long sum = v.a + v.b + v.c;
	v.a = 99; v.b = n; v.c = -1;
	__asm__ volatile("" :: "r"(&v) : "memory");
	sink = v.a;
	return sum;
}
int main(void) {
	for (int i = 1; i < 4; i++)
		printf("right: f (v={.a=%d, .b=20, .c=30}, n=%d) = %ld\n", i, i, f((struct big){ i, 20, 30 }, i));
	return 0;
}
''', build)
    right, lines, _ = watched(tmp_path, "r:./program:f")
    assert [line.split(" <")[0] for line in messages(lines)] == right


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_floating_point_parameters_of_code_that_is_not_optimised(tmp_path, compiler):
    compiled(tmp_path, HEAD + r'''
NOINLINE double f(float a, double b, int n, long double c) { printf("right: f a=%g, b=%g, n=%d, c=%Lg\n", a, b, n, c); return b; }
int main(void) { f(0.5f, -2.25, 1, 1e10L); f(3, 1e100, 2, -0.125L); return 0; }
''', f"{compiler} -O0")
    right, lines, _ = watched(tmp_path, "p:./program:f")
    assert [line.replace("1e100", "1e+100") for line in messages(lines)] == right


def rust(folder, source, *options):
    need("rustc")
    (folder / "program.rs").write_text(source)
    done = subprocess.run(["rustc", "-g", *options, "program.rs"], cwd=folder, capture_output=True, text=True,
                          timeout=20 * PATIENCE, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("level", "0123s")
def test_rust_parameters_of_which_the_compiler_removed_some(tmp_path, level):
    rust(tmp_path, r'''
#[inline(never)] fn removed(_junk: u64, keep: u64) -> u64 { println!("right: program::removed _junk=?, keep={}", keep); keep + 1 }
fn main() { let n = std::env::args().count() as u64; removed(n, n + 21); removed(n * 3, n + 22); }
''', f"-Copt-level={level}")
    right, lines, _ = watched(tmp_path, "p:./program:program::removed")
    shown = messages(lines)
    assert len(shown) == len(right) == 2
    for line, wanted in zip(shown, right):
        assert line.split(", ")[1] in (wanted.split(", ")[1], "keep=?", "keep=<optimised out>")
    if level == "0":
        assert [line.split(", ")[1] for line in shown] == ["keep=22", "keep=23"]


def test_a_return_that_follows_the_prologue_at_once_is_this_calls(tmp_path):
    """What stores the parameter is followed by the return itself, where the return's probe is."""
    compiled(tmp_path, HEAD + r'''
NOINLINE void f(int x) {}
int main(void) { for (int i = 40; i < 43; i++) { printf("right: f (x=%d)\n", i); f(i); } return 0; }
''', "clang -O0 -fomit-frame-pointer")
    right, lines, warnings = watched(tmp_path, "r:./program:f")
    assert [line.split(" <")[0] for line in messages(lines)] == right
    assert "<?>" not in "".join(lines) and "lack" not in warnings


def test_a_parameter_whose_place_only_gets_other_values_is_as_passed_or_unknown(tmp_path):
    compiled(tmp_path, HEAD + r'''
struct s { long a, b; };
NOINLINE void use(struct s *p) { __asm__ volatile("" :: "r"(p) : "memory"); }
NOINLINE long f(struct s x) { x.a = 5; x.b = 6; use(&x); return x.a; }
int main(int argc, char **argv) { printf("right: f x={.a=%d, .b=%d}\n", argc + 20, argc); return f((struct s){ argc + 20, argc }) != 5; }
''', "clang -O1")
    right, lines, _ = watched(tmp_path, "p:./program:f")
    assert messages(lines) in (right, ["f x=?"])


def test_rust_parameters_are_read_where_they_are_stored(tmp_path):
    """The frame's making pushes a register into the place, or the first half is stored before the other one."""
    rust(tmp_path, r'''
#[inline(never)] pub fn one(x: i32) -> i32 { if x == 300 { panic!("no") } x }
#[inline(never)] pub fn two(a: (u32, u32), k: u8) -> u32 { if k == 0 { panic!("no") } a.0 ^ a.1 }
fn main() {
    for i in 70..74 { println!("right: program::one x={}", one(i)); }
    for i in 80..83 { two((i, i * 1000), 9); println!("right: program::two a=({}, {}), k=9", i, i * 1000); }
}
''', "-Copt-level=0")
    right, lines, _ = watched(tmp_path, "p:./program:program::one", "p:./program:program::two")
    assert messages(lines) == right
    right, lines, _ = watched(tmp_path, "r:./program:program::one")
    assert [line.split("=")[1].split(")")[0] for line in messages(lines)] == ["70", "71", "72", "73"]


def test_rust_pairs_whose_members_the_compiler_has_moved(tmp_path):
    """The first register has what is first in memory, not in the source; of a bool only its lowest bit counts there."""
    rust(tmp_path, r'''
#[derive(Clone, Copy)] pub struct P { small: bool, large: u64 }
#[inline(never)] pub fn swap(p: P, n: u64) -> P { if n == 0 { panic!("no") } P { small: !p.small, large: p.large * n } }
fn main() {
    for n in 3..6u64 {
        let p = P { small: n != 4, large: n + 1000 };
        let q = swap(p, n);
        println!("right: program::swap (p={{.small={}, .large={}}}, n={}) = {{.small={}, .large={}}}", p.small, p.large, n, q.small, q.large);
    }
}
''', "-Copt-level=0")
    right, lines, _ = watched(tmp_path, "r:./program:program::swap")
    shown = [line.split(" <")[0] for line in messages(lines)]
    assert [re.sub(r"(= .*small=)\w+", r"\1?", line) for line in right] == shown or shown == right


def test_rust_aggregates_that_go_by_address(tmp_path):
    """Its own convention, where nothing is optimised: larger than a register and no pair of scalars."""
    rust(tmp_path, r'''
#[derive(Clone, Copy)] pub struct A { a: [u16; 3], b: [u16; 3] }
#[inline(never)] pub fn tup(t: (bool, u32, u64), k: u8) -> u8 {
    println!("right: program::tup t=({}, {}, {}), k={}", t.0, t.1, t.2, k); k }
#[inline(never)] pub fn arr(s: A, k: u8) -> u8 { println!("right: program::arr s={{.a={:?}, .b={:?}}}, k={}", s.a, s.b, k); k }
#[inline(never)] pub fn own(s: String, f: f32, k: u8) -> u8 { println!("right: program::own s={:?}, f={}, k={}", s, f, k); k }
fn main() { tup((true, 7, 8), 51); arr(A { a: [1, 2, 3], b: [4, 5, 6] }, 52); own(String::from("moved"), 0.5, 53); }
''', "-Copt-level=0")
    right, lines, _ = watched(tmp_path, *(f"p:./program:program::{f}" for f in ("tup", "arr", "own")))
    assert messages(lines) == right


def test_two_processes_of_one_go_program_have_their_own_calls(tmp_path):
    """Goroutines are at the same addresses in all of them."""
    need("go")
    (tmp_path / "program.go").write_text(r'''
package main

import (
	"fmt"
	"os"
	"os/exec"
	"time"
)

//go:noinline
func slow(id int, ms int) int { time.Sleep(time.Duration(ms) * time.Millisecond); return id * 1000 }

func main() {
	if len(os.Args) > 1 {
		for i := 0; i < 8; i++ { slow(2, 7+i) }
		return
	}
	other := exec.Command("./program", "x")
	other.Start()
	for i := 0; i < 5; i++ { slow(1, 13+i) }
	other.Wait()
	for i := 0; i < 5; i++ { fmt.Printf("right: main.slow (id=1, ms=%d) = 1000\n", 13+i) }
	for i := 0; i < 8; i++ { fmt.Printf("right: main.slow (id=2, ms=%d) = 2000\n", 7+i) }
}
''')
    subprocess.run(["go", "build", "-o", "program", "program.go"], cwd=tmp_path, check=True, timeout=20 * PATIENCE)
    right, lines, _ = watched(tmp_path, "r:./program:main.slow")
    assert sorted(line.split(" <")[0] for line in messages(lines)) == sorted(right)


def test_go_structures_with_padding(tmp_path):
    """Their pieces in DWARF lack it."""
    need("go")
    (tmp_path / "program.go").write_text(r'''
package main

import "fmt"

type S struct { A int8; B uint16; C bool; D int32; E string }

//go:noinline
func f(s S, n int) int { fmt.Printf("right: main.f s={.A=%d, .B=%d, .C=%v, .D=%d, .E=%q}, n=%d\n", s.A, s.B, s.C, s.D, s.E, n); return n }

func main() { f(S{-1, 500, true, -70000, "text"}, 5); f(S{2, 65535, false, 7, ""}, 6) }
''')
    subprocess.run(["go", "build", "-o", "program", "program.go"], cwd=tmp_path, check=True, timeout=20 * PATIENCE)
    right, lines, _ = watched(tmp_path, "p:./program:main.f")
    assert messages(lines) == right


def test_a_result_of_unknown_type_is_shown_in_hexadecimal(tmp_path):
    """Lines without types know of no result; that is not to say that there is none."""
    compiled(tmp_path, HEAD + r'''
NOINLINE long f(int n) { printf("right: f = 0x%x\n", n + 4096); return n + 4096; }
int main(void) { f(1); f(2); return 0; }
''', "gcc -O1 -g1", "program.c")
    # -g behind it would win: strip what it adds by compiling again.
    subprocess.run(["gcc", "-O1", "-g1", "program.c", "-o", "program"], cwd=tmp_path, check=True, timeout=20 * PATIENCE)
    right, lines, _ = watched(tmp_path, "r:./program:f")
    assert [line.split(" <")[0] for line in messages(lines)] == right


def test_go_calls_count_once_though_their_stack_grows(tmp_path):
    """The function is entered again then."""
    need("go")
    (tmp_path / "program.go").write_text(r'''
package main

import "fmt"

//go:noinline
func grow(n int) int { var buf [256]byte; buf[n%256] = byte(n); if n == 0 { return int(buf[0]) }; return grow(n-1) + int(buf[n%256])%2 }

func main() {
	done := make(chan int)
	for i := 0; i < 20; i++ {
		go func() { done <- grow(100) }()
		<-done
	}
	fmt.Println("right: calls", 20*101)
}
''')
    subprocess.run(["go", "build", "-o", "program", "program.go"], cwd=tmp_path, check=True, timeout=20 * PATIENCE)
    right, lines, _ = watched(tmp_path, "p:./program:main.grow", options=["--count", "--json"])
    rows, _ = json_lines("\n".join(lines))
    assert sum(row["count"] for row in rows) == int(right[0].split()[1])


def test_cxx_functions_outside_a_namespace_have_their_plain_names(tmp_path):
    compiled(tmp_path, HEAD + r'''
NOINLINE int globalf(int n) { printf("right: globalf n=%d\n", n); return n; }
int main() { globalf(3); globalf(4); }
''', "g++ -O0", "program.cc")
    right, lines, _ = watched(tmp_path, "p:./program:globalf")
    assert messages(lines) == right


def test_references_to_characters_are_no_strings(tmp_path):
    compiled(tmp_path, HEAD + r'''
NOINLINE int take(signed char &a, char &b, const char *c)
{
    printf("right: take a=%d, b='%c', c=\"%s\"\n", a, b, c);
    return a + b + *c;
}
int main() { signed char a = 5; char b = 'x'; return take(a, b, "ab") == 0; }
''', "g++ -O0", "program.cc")
    right, lines, _ = watched(tmp_path, "p:./program:take")
    assert messages(lines) == right


def test_an_inlined_copy_never_shows_the_values_of_the_function_around_it(tmp_path):
    """gcc says that the copy begins at an address which is in none of its ranges."""
    compiled(tmp_path, HEAD + r'''
volatile int sink;
NOINLINE int leaf(int n) { sink = n; return n; }
static inline __attribute__((always_inline)) int in2(int n) { printf("right: in2 n=%d\n", n); return leaf(n + 1) + 1; }
NOINLINE int outer(int n) { return in2(n + 1) + 1; }
int main(void) { return outer(1) + outer(5) == 0; }
''', "gcc -O2")
    right, lines, _ = watched(tmp_path, "p:./program:in2")
    shown = messages(lines)
    assert len(shown) == len(right) == 2
    assert all(line in (wanted, "in2", "in2 n=?", "in2 n=<optimised out>") for line, wanted in zip(shown, right)), shown


CHANGED_AT_ONCE = HEAD + r'''
struct three { long a, b, c; }; struct small { int a, b; };
volatile long sink;
NOINLINE int inc(int x) { x++; return x; }
NOINLINE const char *skip(const char *p) { p += 1; while (*p == ' ') p++; return p; }
NOINLINE long swap(long a, long b) { long t = a; a = b; b = t; return a - 2 * b; }
NOINLINE long loop(long n, long s) { while (n-- > 0) s += n * s; return s; }
NOINLINE struct three by_value(struct three s, int z) { s.a += z; return s; }
NOINLINE struct small packed(struct small s, int z) { s.a += z; return s; }
int main(int c, char **v) {
	printf("right: inc x=%d\n", c + 9); sink = inc(c + 9);
	printf("right: skip p=\"ab\"\n"); sink = (long)skip("ab");
	printf("right: swap a=%d, b=%d\n", c, c + 4); sink = swap(c, c + 4);
	printf("right: loop n=%d, s=%d\n", c + 3, c + 1); sink = loop(c + 3, c + 1);
	printf("right: by_value s={.a=%d, .b=%d, .c=13}, z=%d\n", c + 10, c + 11, c);
	sink = by_value((struct three){ c + 10, c + 11, 13 }, c).a;
	printf("right: packed s={.a=%d, .b=%d}, z=%d\n", c - 2, c - 3, c + 1);
	sink = packed((struct small){ c - 2, c - 3 }, c + 1).b;
	return 0;
}
'''


@pytest.mark.parametrize("kind", "pr")
@C_LEVELS
def test_parameters_that_the_function_changes_at_once_are_the_callers(tmp_path, build, kind):
    """DWARF's location at the first address may be of the value after the change."""
    compiled(tmp_path, CHANGED_AT_ONCE, build)
    functions = ("inc", "skip", "swap", "loop", "by_value", "packed")
    right, lines, _ = watched(tmp_path, *(f"{kind}:./program:{f}" for f in functions), options=["--json"])
    shown = {row["func"]: row["values"] for row in json_lines("\n".join(lines))[0]}
    assert shown.keys() == set(functions) and len(right) == len(functions)
    values = [" ".join([f, ", ".join(f"{k}={text(shown[f][k])}" for k in shown[f] if k != "retval")]) for f in functions]
    assert values == right


def text(value):
    """A value of JSON as trace writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f".{k}={text(v)}" for k, v in value.items()) + "}"
    return f'"{value}"' if isinstance(value, str) else str(value)


@pytest.mark.parametrize("build", ["gcc -O2", "clang -O2"])
def test_what_callers_need_not_pass_is_never_shown_wrong(tmp_path, build):
    """LLVM's callers leave out what the function doesn't use, and split a wide integer between register and stack."""
    compiled(tmp_path, HEAD + r'''
struct pair { long a, b; };
NOINLINE long half(struct pair p, long k) { p.a += k; return p.a; }
NOINLINE long wide(int a, int b, int c, int d, int e, __int128 x, int z) { return (long)(x >> 60) + z; }
__attribute__((noinline, ms_abi)) long other(long a, long b) { a += b; return a; }
int main(int c, char **v) {
	volatile long sink;
	printf("right: half p={.a=%d, .b=%d}, k=%d\n", c + 4, c + 6, c + 1); sink = half((struct pair){ c + 4, c + 6 }, c + 1);
	printf("right: wide a=%d, b=2, c=3, d=4, e=5, x=0x00000000000012340000000000000099, z=%d\n", c, c + 5);
	sink = wide(c, 2, 3, 4, 5, ((__int128)0x1234 << 64) | (c + 0x98), c + 5);
	printf("right: other a=%d, b=%d\n", c + 6, c + 7); sink = other(c + 6, c + 7);
	return sink * 0;
}
''', build)
    right, lines, _ = watched(tmp_path, "p:./program:half", "p:./program:wide", "p:./program:other")
    assert len(messages(lines)) == len(right) == 3 and messages(lines)[0].startswith("half p={.a=5,")
    for shown, true in zip(messages(lines), right):
        assert may_be(shown, true), (shown, true)


def may_be(shown, true):
    """Are the two the same but for values that trace says it doesn't know?"""
    shown, true = (re.findall(r"[^ ,={}]+(?==)|=(?:\?|<optimised out>|[^ ,{}]+)", line) for line in (shown, true))
    return len(shown) == len(true) and all(s in (t, "=?", "=<optimised out>") for s, t in zip(shown, true))
