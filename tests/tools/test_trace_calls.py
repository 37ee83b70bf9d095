# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""That trace sees every call of a function once: the function itself, its clones, and where it was inlined. What it doesn't see it
says. The programs print a line for each call that they make."""
import re
import subprocess

import pytest

from test_trace_values import HEAD, compiled, messages, watched
from tracing import FULL, PATIENCE, json_lines, need

BUILDS = ["gcc -O2", "clang -O2"] + (["gcc -O1", "gcc -O3", "gcc -Os", "clang -O1", "clang -O3"] if FULL else [])
INLINE = "#define INLINE static inline __attribute__((always_inline))\n"


def counted(folder, spec, options=()):
    """The rows of --count, and what trace said."""
    _, lines, notes = watched(folder, spec, options=["--count", "--json", *options])
    return {row["func"]: row["count"] for row in json_lines("\n".join(lines))[0]}, notes


def unseen(notes):
    """How many copies trace says that it doesn't see the calls of."""
    found = re.search(r"the (?:calls|returns) of (\d+) (?:more )?inlined cop", notes)
    return int(found[1]) if found else 0


BOTH = HEAD + INLINE + r'''
INLINE int work(int n, const char *s) { printf("right: work n=%d, s=\"%s\"\n", n, s); return n + 1; }
static int (*volatile pointer)(int, const char *) = work;
int main(int c, char **v) { return work(c + 1, "one") + work(c + 2, "two") + pointer(c + 3, "three") == 12 ? 0 : 1; }
'''


@pytest.mark.parametrize("build", BUILDS)
def test_inlined_copies_are_places_with_their_own_values(tmp_path, build):
    """The function has a symbol, as its address is taken, and two of its three calls don't come through it."""
    compiled(tmp_path, BOTH, build)
    right, lines, notes = watched(tmp_path, "p:./program:work")
    shown = messages(lines)
    assert [line.split(",")[0] for line in shown] == [line.split(",")[0] for line in right] and len(right) == 3
    assert all(line == wanted or "s=<optimised out>" in line for line, wanted in zip(shown, right))
    assert "'p:./program:work': 1 function, 2 inlined copies\n" in notes
    assert counted(tmp_path, "p:./program:work")[0] == {"work": 3}


def test_inlined_copies_can_be_left_out(tmp_path):
    compiled(tmp_path, BOTH, "gcc -O2")
    right, lines, notes = watched(tmp_path, "p:./program:work", options=["--no-inline"])
    assert messages(lines) == right[2:] and "inlined" not in notes


def test_returns_of_inlined_copies_are_refused_in_one_line(tmp_path):
    compiled(tmp_path, BOTH, "gcc -O2")
    right, lines, notes = watched(tmp_path, "r:./program:work")
    assert [line.split(" = ")[0] for line in messages(lines)] == ["work (n=4, s=\"three\")"] and len(right) == 3
    assert "'r:./program:work': 1 function; the returns of 2 inlined copies are not seen\n" in notes


def test_who_names_registers_learns_of_inlined_copies(tmp_path):
    """They are the arguments of no inlined copy."""
    compiled(tmp_path, BOTH, "gcc -O2")
    right, lines, notes = watched(tmp_path, 'p:./program:work "%d", arg1')
    assert messages(lines) == ["work 4"] and len(right) == 3
    assert "work was also inlined at 2 places, where its calls are not seen" in notes


LOOPS = HEAD + r'''
volatile int sink;
static inline int leaf(int x) { sink = x; return x * 3; }
static inline unsigned vec(unsigned x) { return x * x + 7; }
static inline int looper(int n) { int s = 0; do { sink = n; s += n; } while (--n > 0); return s; }
static inline int cond(int x) { if (!x) return 1; sink = x; return 2; }
static inline int outer(int x) { return leaf(x) + 1; }
NOINLINE int unrolled(int k) { int s = 0; for (int i = 0; i < 4; i++) s += leaf(i + k); return s; }
NOINLINE void vectors(unsigned *a, int n) { for (int i = 0; i < n; i++) a[i] = vec(a[i]); }
NOINLINE int loops(int n) { int s = 0; for (int i = 0; i < n; i++) s += looper(i); return s; }
NOINLINE int conds(int n) { int s = 0; for (int i = 0; i < n; i++) s += cond(i & 1); return s; }
NOINLINE int bare(int n) { int s = 0; for (; n; n--) s += leaf(n); return s; }
NOINLINE int nested(int n) { int s = 0; for (; n; n--) s += outer(n); return s; }
int main(int c, char **v)
{
	unsigned a[100] = { c };
	int r = unrolled(c) + loops(10) + conds(10) + bare(10) + nested(6);
	vectors(a, 99 + c);
	printf("right: %d %u\n", r, a[50]);
	return 0;
}
'''
CALLS = {"leaf": 20, "vec": 100, "looper": 10, "cond": 10, "outer": 6}


@pytest.mark.parametrize("build", [*BUILDS, "gcc -O3 -mavx2"])
def test_a_call_in_a_loop_is_one_hit_or_reported(tmp_path, build):
    """Loops are unrolled, peeled, vectorised, and the entry of what is inlined there moved out of them."""
    compiled(tmp_path, LOOPS, build)
    seen = {}
    for name, calls in CALLS.items():
        try:
            counts, notes = counted(tmp_path, f"p:./program:{name}")
        except AssertionError as refusal:
            assert "its calls can't be seen there" in str(refusal) or "can't probe" in str(refusal)
            continue
        seen[name] = sum(counts.values())
        assert seen[name] == calls or (seen[name] < calls and unseen(notes))
    if build.startswith("gcc"):
        assert seen["leaf"] >= 14


def test_a_part_that_gcc_split_off_is_no_call(tmp_path):
    """gcc makes f and f.part of f, and inlines both: DWARF has a copy of f in a copy of f."""
    compiled(tmp_path, HEAD + r'''
volatile int vol, budget = 40;
static NOINLINE void g(int a, const char *s, long l) { vol = a + s[0] + l; }
static const char *f(const char *b, int n)
{
	vol = b ? b[0] : 0;
	vol = n;
	if (budget > 0) {
		budget = budget - 1;
		g(budget, "a rather long string that is passed on", n);
	}
	return "world";
}
static NOINLINE int h(int i) { printf("right: h %s\n", f("two", i)); return i; }
__attribute__((flatten)) int main(void)
{
	for (int i = 0; i < 3; i++) vol = f("one", i)[0];
	vol = f("three", 7)[0];
	h(1);
	vol = f("four", 8)[0];
	return 0;
}
''', "gcc -O2")
    counts, notes = counted(tmp_path, "p:./program:f")
    assert counts == {"f": 6} and not unseen(notes)


def test_clones_are_the_function_that_they_were_made_of(tmp_path):
    compiled(tmp_path, HEAD + r'''
static NOINLINE long f(long a, int k) { printf("right: f a=%ld, k=%d\n", a, k); return a; }
int main(int argc, char **argv) { f(255, argc); f(255, argc + 1); return 0; }
''', "gcc -O2")
    right, lines, _ = watched(tmp_path, "p:./program:f")
    assert messages(lines) == right and len(right) == 2


def test_cold_parts_are_no_calls(tmp_path):
    compiled(tmp_path, HEAD + r'''
extern "C" void abort(void);
namespace ns { NOINLINE long f(long n) { if (n > 100) { puts("cold"); abort(); } printf("right: ns::f n=%ld\n", n); return n; } }
int main(int c, char **) { return ns::f(c) + ns::f(c + 1) == 0; }
''', "g++ -O2", "program.cc")
    right, lines, _ = watched(tmp_path, "p:./program:ns::f")
    assert messages(lines) == right and len(right) == 2


def test_functions_of_one_name_are_all_probed(tmp_path):
    (tmp_path / "other.h").write_text(HEAD + r'''
static NOINLINE int same(int n) { printf("right: same n=%d\n", n); return n; }
int other(int n) { return same(n) + 1; }
''')
    compiled(tmp_path, r'''
int other(int);
#define other unused
#include "other.h"
#undef other
__asm__(".pushsection .text; .popsection");
int main(void) { return same(1) + other(2) == 0; }
''', "gcc -O1 -x c other.h -x c", "program.c")
    right, lines, notes = watched(tmp_path, "p:./program:same")
    assert messages(lines) == right and len(right) == 2
    assert "2 functions" in notes
    assert counted(tmp_path, "p:./program:same")[0] == {"same": 2}


METHODS = HEAD + INLINE.replace("static ", "") + r'''
volatile int sink;
namespace app {
struct Counter {
	int n;
	INLINE int add(int by) { printf("right: app::Counter::add by=%d\n", by); sink = by; return n += by; }
};
INLINE int twice(int x) { printf("right: app::twice x=%d\n", x); sink = x; return 2 * x; }
}
int twice(int x) { sink = x; return x; }
int main(int c, char **)
{
	app::Counter counter{c};
	int sum = counter.add(c + 1) + counter.add(c + 2) + app::twice(c + 6);
	return twice(sum) + app::twice(c + 7) == 0;
}
'''


@pytest.mark.parametrize("build", ["g++ -O2", "clang++ -O2"])
def test_inlined_methods_and_functions_of_namespaces(tmp_path, build):
    """Of two functions with one last name only the one that is meant."""
    compiled(tmp_path, METHODS, build, "program.cc")
    for spec, right in ("app::Counter::add", ["by=2", "by=3"]), ("app::twice", ["x=7", "x=8"]):
        _, lines, _ = watched(tmp_path, f"p:./program:{spec}")
        shown = messages(lines)
        assert [line.split()[0] for line in shown] == [spec] * 2
        assert [line.split()[-1] for line in shown] == right


RUST = r'''
use std::hint::black_box;
mod app {
    #[inline(always)]
    pub fn add(a: u32, name: &str) -> u32 { println!("right: program::app::add a={}, name=\"{}\"", a, name); a + name.len() as u32 }
}
fn main() {
    let n = black_box(3u32);
    let a = app::add(n, "one");
    let b = app::add(a, "three");
    black_box(b);
}
'''


@pytest.mark.parametrize("level", ["1", "2", "3"] if FULL else ["2"])
def test_inlined_rust_functions(tmp_path, level):
    compiled(tmp_path, RUST, f"rustc -Copt-level={level}", "program.rs")
    right, lines, notes = watched(tmp_path, "p:./program:program::app::add")
    shown = messages(lines)
    assert len(shown) == len(right) == 2 or (unseen(notes) and len(shown) < 2)
    assert all(line.startswith("program::app::add") for line in shown)


NAMES = HEAD + r'''
#include <string>
struct P { int a; };
volatile int sink;
NOINLINE bool operator==(const P &x, const P &y) { sink = 1; return x.a == y.a; }
NOINLINE P &operator+=(P &x, const P &y) { sink = 3; x.a += y.a; return x; }
NOINLINE void over(int n) { sink = n; }
NOINLINE void over(double n) { sink = (int)n + 1; }
namespace ns {
NOINLINE std::string ret(int n) { sink = n; return std::string(n, 'x'); }
template <class T, int N> struct Ring { T v[N]; NOINLINE void push(T t) { sink = 9; v[0] = t; } operator bool() const; };
template <class T, int N> NOINLINE Ring<T, N>::operator bool() const { sink = 10; return v[0] != 0; }
}
namespace { NOINLINE int hidden(int n) { sink = n; return n + 1; } }
template <class T> NOINLINE T largest(T a, T b) { sink = 4; return a > b ? a : b; }
int main(int c, char **)
{
	P p{ c }, q{ c + 1 };
	ns::Ring<int, 4> r{};
	int s = p == q;
	p += q;
	over(c), over(c + 0.5);
	s += ns::ret(c).size() + hidden(c) + largest(c, 3);
	r.push(c);
	s += bool(r);
	auto l = [&](int x) NOINLINE { sink = x; return x + s; };
	printf("right: %d\n", l(3));
}
'''


def test_cxx_names_are_written_as_in_the_source(tmp_path):
    """Without a backslash, in which blanks, parentheses and brackets are part of the name."""
    compiled(tmp_path, NAMES, "g++ -O1", "program.cc")
    names = ["ns::ret", "over(double)", "over(int)", "ns::Ring<int, 4>::push", "operator==", "operator+=", "largest",
             "(anonymous namespace)::hidden", "main::{lambda(int)#1}::operator()", "ns::Ring<int, 4>::operator bool", "*lambda*"]
    _, lines, _ = watched(tmp_path, *(f"p:./program:{name}" for name in names), options=["--json"])
    rows, _ = json_lines("\n".join(lines))
    assert sorted(row["spec"] for row in rows) == sorted(f"p:./program:{name}" for name in names)


def test_go_names_are_written_as_in_the_source(tmp_path):
    need("go")
    (tmp_path / "program.go").write_text(r'''
package main

import "fmt"

type T struct{ n int }

//go:noinline
func (t *T) Inc(by int) int { t.n += by; return t.n }

//go:noinline
func Sum[V int | float64](a, b V) V { return a + b }

func main() { t := &T{1}; fmt.Println("right:", t.Inc(2), Sum(1, 2), Sum(1.5, 2.5)) }
''')
    subprocess.run(["go", "build", "-o", "program", "program.go"], cwd=tmp_path, check=True, timeout=20 * PATIENCE)
    for name, calls in ("main.(*T).Inc", 1), ("main.Sum[int]", 1), ("main.Sum", 2):
        counts, _ = counted(tmp_path, f"p:./program:{name}")
        assert sum(counts.values()) == calls
