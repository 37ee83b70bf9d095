# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""A traced program does what it does untraced. Which places are refused, and why."""
import contextlib
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from redis_servers import Client, Server
from tracing import BUILD, FULL, Tool, need, need_target, need_that, run_target, run_tool, running, target_path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "vm"))
import debs  # noqa: E402

x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="instructions of x86_64")

# What the kernel refuses, or takes and does wrongly: seen on Linux 6.18, read in arch/x86/kernel/uprobes.c.
REFUSED = {"lock_inc", "jmp_notrack", "call_data16", "int80", "vpxor_", "vptest_", "vpminsw_", "vmovd_from",
           "vmovdqu_load", "vfmsub132_"}
HARMFUL = {"xchg_r8": "for a nop", "xchg_r8d": "for a nop", "pause_rex": "for a nop", "pushf_": "flags", "syscall_": "system call",
           "rep_movsb": "round at a time", "vpor_": "vector instruction for another one"}
HARMFUL_VECTORS = {"vpsubsb_", "vpsubsw_", "vpshufd_", "vpslldq_", "vpcmpeqb_", "vzeroupper_", "vmovd_to",
                   "vmovdqu_store", "vcmpps_", "vpgatherdd_", "vfnmadd132_", "vporq_", "kmovw_"}


def compile_text(compiler, language, tmp_path, source, name, flags):
    need(compiler)
    made = tmp_path / name
    done = subprocess.run([compiler, "-x", language, "-", "-o", str(made), *flags], input=source.encode(),
                          capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return made


def compile_c(tmp_path, source, name="made", *flags):
    """A program of C text."""
    return compile_text("gcc", "c", tmp_path, source, name, flags)


def compile_cxx(tmp_path, source, name="made", *flags):
    return compile_text("g++", "c++", tmp_path, source, name, flags)


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


# --- returns --------------------------------------------------------------------------------------


COLD = r"""
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
namespace ns {
__attribute__((noinline, cold)) void bad(int n) { printf("bad %d\n", n); THROW; }
__attribute__((noipa)) int f(int n, volatile long *p)
{
    volatile long local[4] = {n, n, n, n};
    if (__builtin_expect(n > 2, 0)) { bad(n); *p += local[n % 4]; puts("cold"); }
    *p += local[0];
    return (int)*p + 1;
}
}
int main()
{
    volatile long sum = 0;
    for (int i = 0; i < 5; i++)
        try { int v = ns::f(i, &sum); printf("f %d %d\n", i, v); } catch (std::exception &e) { printf("caught %s\n", e.what()); }
    return 0;
}
"""


@pytest.mark.parametrize("throw", ["(void)0", 'throw std::runtime_error("it")'], ids=["returns", "throws"])
@pytest.mark.parametrize("kind", ["p", "r"])
def test_parts_that_were_split_off_are_no_calls(tmp_path, throw, kind):
    made = compile_cxx(tmp_path, COLD.replace("THROW", throw), "made", "-O2", "-no-pie")
    symbols = subprocess.run(["nm", "-C", str(made)], capture_output=True, text=True, check=True).stdout
    assert "[clone .cold]" in symbols
    untraced = subprocess.run([str(made)], capture_output=True, text=True)
    status, out, err = run_tool("trace", "--json", "--count", f"{kind}:{made}:ns::f", "--", made)
    lines = [line for line in out.splitlines() if not line.startswith("{")]
    assert lines == untraced.stdout.splitlines() and status == untraced.returncode == 0, (out, err)
    calls = 5 if kind == "p" or throw == "(void)0" else 3
    assert re.findall(r'"count":(\d+)', out) == [str(calls)]
    if kind == "r":
        raw = next(line.split()[-1] for line in subprocess.run(["nm", str(made)], capture_output=True, text=True,
                                                               check=True).stdout.splitlines() if ".cold" in line)
        status, _, err = listed(f"r:{made}:{raw}")
        assert status == 2 and "a part of a function" in err


def test_start_has_no_return(tmp_path):
    made = compile_c(tmp_path, '#include <stdio.h>\nint main(int argc, char **argv) { printf("argc %d\\n", argc); }',
                     "made", "-O1")
    status, _, err = listed(f"r:{made}:_start")
    assert status == 2 and "can't probe _start" in err
    status, out, err = run_tool("trace", "--json", "--count", f"r:{made}:*", "--", made, "x", "y")
    assert "argc 3" in out.splitlines() and '"func":"main"' in out and "left out" in err, (out, err)


def test_go_function_is_known_by_its_address():
    need_target("goadd")
    symbols = subprocess.run(["nm", str(target_path("goadd"))], capture_output=True, text=True, check=True).stdout
    addr = int(next(line for line in symbols.splitlines() if line.endswith(" main.goAdd")).split()[0], 16)
    untraced = run_target("goadd", 5)
    status, out, err = run_tool("trace", "--json", "--count", f"r:{target_path('goadd')}:{addr:#x}", "--",
                                target_path("goadd"), 5)
    lines = [line for line in out.splitlines() if not line.startswith("{")]
    assert status == 0 and sorted(lines) == sorted(untraced), (out, err)
    counts = sum(int(count) for count in re.findall(r'"count":(\d+)', out))
    assert counts == sum(line.startswith("goAdd ") for line in untraced) > 0
    status, _, err = listed(f"r:{target_path('goadd')}:{addr + 4:#x}")
    assert status == 2


TAILS = r"""
#include <cstdio>
#include <stdexcept>
__attribute__((noipa)) int plain(int n) { if (n == 3) throw std::runtime_error("3"); asm(""); return n + 1; }
__attribute__((noipa)) int tail(int n) { return plain(n + 1); }
__attribute__((noipa)) int calls(int n) { int r = plain(n); asm(""); return r; }
int main() { int s = 0; for (int i = 0; i < 5; i++) try { s += tail(i) + calls(i); } catch (std::exception &) { s += 100; }
    printf("%d\n", s); return s % 50; }
"""


def test_each_function_is_decided_by_itself(tmp_path):
    made = compile_cxx(tmp_path, TAILS, "made", "-O2")
    untraced = subprocess.run([str(made)], capture_output=True, text=True)
    status, _, err = listed(f"r:{made}:_Z4taili")
    assert status == 2 and "an exception may pass" in err and "end in another function" in err
    status, out, err = run_tool("trace", "--json", "--count", f"r:{made}:*", "--", made)
    assert untraced.stdout.strip() in out.splitlines() and status == untraced.returncode, (out, err)
    assert re.search(r"[1-9]\d* of \d+ places left out", err)
    counts = dict(re.findall(r'"count":(\d+)[^}]*"func":"(\w+)"', out)) or {
        func: count for func, count in re.findall(r'"func":"([^"]+)"[^}]*"count":(\d+)', out)}
    assert "_Z4taili" not in str(counts) and "main" in str(counts)


LIBRARY = r"""
__attribute__((noipa)) int leaf(int n) { return n + 1; }
__attribute__((noipa)) int call_back(int (*fn)(int), int n) { int r = fn(leaf(n)); return r + 1; }
"""

CALLER = r"""
#include <cstdio>
extern "C" int call_back(int (*fn)(int), int n);
static int fn(int n) { if (n % 2) throw n; return n; }
int main() { int s = 0; for (int i = 0; i < 10; i++) try { s += call_back(fn, i); } catch (int n) { s += 100 * n; }
    printf("%d\n", s); }
"""


def test_exception_passes_through_a_library_in_c(tmp_path):
    library = compile_c(tmp_path, LIBRARY, "libmade.so", "-O2", "-shared", "-fPIC")
    made = compile_cxx(tmp_path, CALLER, "made", "-O2", "-x", "none", str(library))
    untraced = subprocess.run([str(made)], capture_output=True, text=True)
    status, out, err = run_tool("trace", "--json", "--count", f"r:{library}:call_back", f"r:{library}:leaf", "--", made)
    assert untraced.returncode == status == 0 and untraced.stdout.strip() in out.splitlines(), (out, err)
    assert sorted(re.findall(r'"count":(\d+)', out)) == ["10", "5"]


# --- whole programs -------------------------------------------------------------------------------

SWITCHES = r"""
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
static ucontext_t here, there[2];
static jmp_buf jump;
static int turns, handled, left;
__attribute__((noipa)) int work(int n) { asm(""); return n * 3 + 1; }
__attribute__((noipa)) int pass(int who, int n)
{
    int r;
    if (n) { r = pass(who, n - 1); asm(""); return r + work(n); }
    turns++;
    swapcontext(&there[who], &there[!who]);
    return work(turns);
}
__attribute__((noipa)) void routine(int who)
{
    int s = 0;
    for (int i = 0; i < 50; i++) s += pass(who, i % 5);
    printf("routine %d: %d\n", who, s);
    setcontext(who ? &here : &there[1]);
}
__attribute__((noipa)) int leap(int n) { int r; if (!n) longjmp(jump, 5); r = leap(n - 1); asm(""); return r + 1; }
__attribute__((noipa)) int leaps(void)
{
    volatile int s = 0;
    for (volatile int i = 0; i < 50; i++) if (setjmp(jump)) s += i; else s += leap(i % 7);
    return s;
}
__attribute__((noipa)) void note(int sig) { handled++; asm(""); }
__attribute__((noipa)) void handler(int sig) { note(sig); asm(""); }
__attribute__((noipa)) int deep(int n) { int r; if (!n) { raise(SIGUSR1); return 0; } r = deep(n - 1); asm(""); return r + 1; }
static char *high;
__attribute__((noipa)) void quit(int n) { if (!n) pthread_exit((void *)3); quit(n - 1); asm(""); }
__attribute__((noipa)) void *thread(void *arg)
{
    stack_t stack = {.ss_sp = high, .ss_size = 65536};
    int s = 0;
    sigaltstack(&stack, NULL);
    for (int i = 0; i < 50; i++) s += deep(i % 9);
    printf("signals: %d %d\n", handled, s);
    quit(4);
    return NULL;
}
__attribute__((noipa)) int child(int n)
{
    int status;
    pid_t pid = vfork();
    if (!pid) _exit(n);
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}
int main(void)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    pthread_t id;
    void *result;
    int s = 0;
    high = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaction(SIGUSR1, &action, NULL);
    for (int i = 0; i < 2; i++) {
        getcontext(&there[i]);
        there[i].uc_stack.ss_sp = malloc(65536);
        there[i].uc_stack.ss_size = 65536;
        makecontext(&there[i], (void (*)(void))routine, 1, i);
    }
    swapcontext(&here, &there[0]);
    printf("leaps: %d\n", leaps());
    pthread_create(&id, NULL, thread, NULL);
    pthread_join(id, &result);
    for (int i = 0; i < 10; i++) s += child(i);
    printf("children: %d, thread %ld\n", s, (long)result);
    return 17;
}
"""

THROWS = r"""
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>
struct Guard { int *n; ~Guard() { ++*n; } };
static int unwound;
__attribute__((noipa)) int rise(int n) { Guard g{&unwound}; if (!n) throw std::runtime_error("up"); return rise(n - 1) + 1; }
__attribute__((noipa)) int again(int n) { try { return rise(n); } catch (std::exception &) { unwound += 100; throw; } }
__attribute__((noipa)) int flat(int n) { return rise(n); }
__attribute__((noipa)) std::string text(int n) { return std::string(n, 'x'); }
int main()
{
    std::vector<std::string> all;
    for (int i = 0; i < 200; i++) {
        try { i % 2 ? again(i % 11) : flat(i % 13); } catch (const std::runtime_error &e) { all.push_back(text(i) + e.what()); }
    }
    printf("%d %zu %s\n", unwound, all.size(), all.back().c_str() + 190);
    return 9;
}
"""

PANICS = r"""
use std::panic;
#[inline(never)] fn deep(n: u32) -> u32 { let s = format!("{}", n); if n == 0 { panic!("bottom") } deep(n - 1) + s.len() as u32 }
#[inline(never)] fn caught(n: u32) -> u32 { match panic::catch_unwind(|| deep(n)) { Ok(v) => v, Err(_) => n + 1 } }
fn main() {
    panic::set_hook(Box::new(|_| {}));
    let sum: u32 = (0..200).map(|i| caught(i % 17)).sum();
    println!("{}", sum);
    let t = std::thread::spawn(|| { caught(5) });
    println!("{}", t.join().unwrap());
    std::process::exit(4);
}
"""

SCRIPT = r"""
trap 'echo trapped' USR1
fib() { if (( $1 < 2 )); then echo $1; else echo $(( $(fib $(($1-1))) + $(fib $(($1-2))) )); fi; }
fib 8
declare -A map; for i in {1..200}; do map[k$i]=$((i*i)); done; echo ${#map[@]} ${map[k77]}
for i in $(seq 300); do s="${s}x$i"; done; echo ${#s} ${s//x/-} | md5sum
kill -USR1 $$
( set -e; false; echo no ) ; echo $?
printf '%s\n' b c a | sort | while read -r line; do echo "<$line>"; done
case abc in a*) [[ abc =~ ^a(.)c$ ]] && echo ${BASH_REMATCH[1]};; esac
f() { local x=1; return 3; }; f; echo $?
eval 'echo "$(echo nested $(echo twice))"'
coproc cat; echo through >&${COPROC[1]}; read -r line <&${COPROC[0]}; echo $line
exit 5
"""

PYTHON = r"""
import ast, collections, decimal, gc, json, random, re, sys, threading, zlib
random.seed(1)
data = {f"k{i}": [random.random(), {"n": i, "s": "x" * (i % 7)}] for i in range(100)}
assert json.loads(json.dumps(data)) == data
print(zlib.crc32(json.dumps(data, sort_keys=True).encode()))
print(sum(len(m) for m in re.findall(r"(?:a|b)+c?", "abcabbac" * 50)), re.sub(r"(x+)(y)", r"\\2\\1", "xxy" * 20)[:9])
def numbers(n):
    try:
        while n:
            n -= 1
            yield n
    finally:
        print("closed", n)
print(sum(numbers(200)), next(numbers(5)))
def dive(n):
    if not n: raise KeyError("bottom")
    try: return dive(n - 1)
    except KeyError as e: raise ValueError(n) from e
for depth in 1, 9, 40:
    try: dive(depth)
    except ValueError as e: print(depth, e, type(e.__cause__).__name__)
print(decimal.Decimal(2).sqrt(), sum(decimal.Decimal(i) / 7 for i in range(50)))
print(eval(compile(ast.parse("[x * y for x in range(9) for y in range(x)][-3:]", mode="eval"), "x", "eval")))
box = []
threads = [threading.Thread(target=lambda n=n: box.append(sum(range(n * 1000)))) for n in range(6)]
for t in threads: t.start()
for t in threads: t.join()
print(sorted(box), collections.Counter("abracadabra").most_common(2))
class Node: pass
for i in range(200):
    a, b = Node(), Node()
    a.other, b.other = b, a
print(gc.collect() >= 0, sorted(str(i) for i in range(30)))
sys.exit(6)
"""


def program_switches(tmp_path):
    made = compile_c(tmp_path, SWITCHES, "made", "-O2", "-g", "-pthread")
    return [str(made)], [made]


def program_throws(tmp_path):
    made = compile_cxx(tmp_path, THROWS, "made", "-O2")
    return [str(made)], [made]


def program_panics(tmp_path):
    need("rustc")
    (tmp_path / "made.rs").write_text(PANICS)
    subprocess.run(["rustc", "-O", "-g", "-o", str(tmp_path / "made"), str(tmp_path / "made.rs")], check=True,
                   capture_output=True)
    return [str(tmp_path / "made")], [tmp_path / "made"]


def program_go(tmp_path):
    need_target("goadd")
    return ["env", "GOGC=5", str(target_path("goadd")), "20"], [target_path("goadd")]


def program_go_1_24(tmp_path):
    """Debian 13's, which lies below the build folder once it has been fetched."""
    need_that(FULL, "TESTS_FULL=1 fetches and runs Go 1.24")
    root = BUILD / "servers" / "go-1.24"
    if not root.exists():
        try:
            debs.Repository(str(BUILD / "servers" / "apt" / "trixie"), ["trixie"], "amd64").unpack(
                ["golang-1.24-go"], str(root), depends=True)
        except debs.Error as error:
            pytest.skip(f"Go 1.24 can't be fetched: {error}")
        for link in "lib", "lib64":
            (root / link).symlink_to(f"usr/{link}")
    source = Path(__file__).resolve().parents[1] / "targets" / "goadd.go"
    (root / "work").mkdir(exist_ok=True)
    shutil.copy(source, root / "work")
    subprocess.run(["unshare", "--mount", "sh", "-c", 'mkdir -p "$0/proc" "$0/dev" && : >"$0/dev/null" && '
                    'mount -t proc none "$0/proc" && exec chroot "$0" /usr/lib/go-1.24/bin/go build -o /work/goadd /work/goadd.go',
                    root], check=True, capture_output=True,
                   env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/work", "GO111MODULE": "off", "CGO_ENABLED": "0",
                        "GOTOOLCHAIN": "local"})
    return ["env", "GOGC=5", str(root / "work" / "goadd"), "20"], [root / "work" / "goadd"]


def program_bash(tmp_path):
    need("bash", "md5sum")
    (tmp_path / "script").write_text(SCRIPT)
    return ["bash", str(tmp_path / "script")], ["/bin/bash"]


def program_python(tmp_path):
    need("python3")
    (tmp_path / "script.py").write_text(PYTHON)
    return ["/usr/bin/python3", str(tmp_path / "script.py")], [Path("/usr/bin/python3").resolve()]


JAVA = r"""
import java.util.*;
import java.util.stream.*;

public class Made {
	static int dive(int n) { if (n == 0) throw new IllegalStateException("bottom"); return dive(n - 1) + 1; }

	public static void main(String[] args) throws Exception {
		Map<String, Integer> map = new TreeMap<>();
		for (int i = 0; i < 20000; i++) map.merge("k" + i % 97, i, Integer::sum);
		System.out.println(map.hashCode() + " " + IntStream.range(0, 1000).boxed().collect(Collectors.summingInt(x -> x * x)));
		int depth = 0;
		for (int i = 0; i < 300; i++)
			try { dive(i % 20); } catch (IllegalStateException e) { depth += e.getStackTrace().length; }
		System.out.println(depth);
		long[] sums = new long[4];
		Thread[] threads = new Thread[4];
		for (int i = 0; i < 4; i++) {
			int k = i;
			threads[i] = new Thread(() -> {
				List<byte[]> kept = new ArrayList<>();
				for (int j = 0; j < 5000; j++) { byte[] b = new byte[j % 1000]; sums[k] += b.length; if (j % 10 == 0) kept.add(b); }
			});
			threads[i].start();
		}
		for (Thread thread : threads) thread.join();
		System.gc();
		System.out.println(Arrays.toString(sums) + Class.forName("java.util.ArrayDeque").getSimpleName());
		System.exit(7);
	}
}
"""


def entries_of_libc(tmp_path):
    argv, _ = program_python(tmp_path)
    maps = Path("/proc/self/maps").read_text()
    # A copy, as all processes of the machine run the other one.
    library = shutil.copy(re.search(r"\S+/libc\.so\.6$", maps, re.M).group(), tmp_path)
    return ["env", f"LD_LIBRARY_PATH={tmp_path}", *argv], library


def entries_of_libjvm(tmp_path):
    need_that(FULL, "TESTS_FULL=1 probes the 43,000 functions of libjvm, which takes minutes")
    need("java", "javac")
    (tmp_path / "Made.java").write_text(JAVA)
    subprocess.run(["javac", "-d", str(tmp_path), str(tmp_path / "Made.java")], check=True, capture_output=True)
    java = Path(shutil.which("java")).resolve()
    return [str(java), "-Xmx32m", "-XX:+UseSerialGC", "-cp", str(tmp_path), "Made"], \
        str(java.parents[1] / "lib" / "server" / "libjvm.so")


PROGRAMS = {"switches": program_switches, "throws": program_throws, "panics": program_panics, "go": program_go, "go-1.24": program_go_1_24,
            "bash": program_bash, "python": program_python}
ROUNDS = 20 if FULL else 1


def whole(files):
    return [spec for file in files for spec in (f"p:{file}:*", f"r:{file}:*")]


def run_program(argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=120 * (10 if FULL else 1))
    return done.returncode, sorted(done.stdout.splitlines())  # goroutines print in any order


def kill(tool):
    """In the midst of its work: it hasn't ended before."""
    tool.process.kill()
    assert tool.process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("killed", [False, True], ids=["traced", "killed"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_program_does_what_it_does_untraced(tmp_path, name, killed):
    argv, files = PROGRAMS[name](tmp_path)
    untraced = run_program(argv)
    assert untraced[1] and untraced == run_program(argv), "its output is always the same"
    for _ in range(ROUNDS // 2 or 1):
        with Tool("trace", "--count", *whole(files)) as trace:
            if killed:
                with running(*argv, stdout=subprocess.PIPE) as program:
                    time.sleep(0.02)
                    kill(trace)
                    out, _ = program.communicate(timeout=300)
                assert (program.returncode, sorted(out.splitlines())) == untraced
                continue
            assert run_program(argv) == untraced
            out, err = trace.stop()
        assert len(out.splitlines()) > 5, err


@pytest.mark.parametrize("entries", [entries_of_libc, entries_of_libjvm], ids=["libc", "libjvm"])
def test_entries_of_a_library_do_what_they_do_unprobed(tmp_path, entries):
    argv, library = entries(tmp_path)
    untraced = run_program(argv)
    assert untraced[1] and untraced == run_program(argv), "its output is always the same"
    with Tool("trace", "--count", "--max-keys", "65536", f"p:{library}:*") as trace:
        assert run_program(argv) == untraced
        out, err = trace.stop()
    assert len(out.splitlines()) > 100, err


@pytest.mark.parametrize("killed", [False, True], ids=["traced", "killed"])
def test_redis_does_what_it_does_untraced(killed):
    need("redis-server", "redis-benchmark")
    commands = [("SET", f"k{i}", "v" * (i % 50)) for i in range(300)]
    commands += [("LPUSH", "list", str(i)) for i in range(200)] + [("SORT", "list", "LIMIT", "0", "10")]
    commands += [("ZADD", "z", str(i % 17), f"m{i}") for i in range(200)] + [("ZRANGE", "z", "0", "-1")]
    commands += [("EVAL", "local s=0 for i=1,100 do s=s+redis.call('incr','n') end return s", "0"), ("NOSUCH",), ("GET", "list"), ("DBSIZE",), ("OBJECT", "ENCODING", "list")]

    def load(server):
        """From another client, for another database."""
        return running("redis-benchmark", "-p", server.port, "--dbnum", "1", "-t", "set,get,lpush,lrange_100", "-c", "2", "-q", "-l",
                       stdout=subprocess.DEVNULL) if FULL else contextlib.nullcontext()

    def play(trace=None):
        with Server() as server, Client(server) as client, load(server):
            replies = []
            for i, command in enumerate(commands):
                if trace and killed and i == len(commands) // 2:
                    kill(trace)
                replies.append(repr(client.call(*command)))
            return replies

    untraced = play()
    file = Path(shutil.which("redis-server")).resolve()
    for _ in range(ROUNDS // 2 or 1):
        with Tool("trace", "--count", *whole([file])) as trace:
            assert play(trace) == untraced
            if not killed:
                out, err = trace.stop()
                assert len(out.splitlines()) > 500, err
