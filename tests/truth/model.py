# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""A random program without a language: functions, their calls, and where the calls' values come from.

A language gives the types and writes the program; here is what all of them have in common, and what is
taken away from a program that shows a fault."""
import copy
import dataclasses
import random
from dataclasses import dataclass, field

MAX_CALLS = 120   # of one run of a program
MAX_COST = 14     # calls that a function makes, with those of its callees

# What is met at the borders of types; some languages have no negative constants.
SMALL = (0, 1, -1, 7, 100, 127, 128, 255, 256, -100, 30000, 65535, 70000, 2**31 - 1, -2**31, 2**32 - 1)
SMALL_UNSIGNED = tuple(number for number in SMALL if number >= 0)


def constant(seed, small=SMALL):
    """A number that a seed stands for: two of three are small ones."""
    return small[seed % len(small)] if seed % 3 else seed * 2654435761 % 2**63


@dataclass(eq=False)
class Type:
    """kind: int, bool, char, enum, float, string, pointer, struct, union, array or the language's own."""
    kind: str
    name: str
    fields: list = field(default_factory=list)   # (name, Type, bits or 0)
    element: "Type" = None
    count: int = 0
    bits: int = 0
    signed: bool = False
    extra: dict = field(default_factory=dict)


@dataclass
class Value:
    """Where an argument comes from: "const" (the compiler sees it), "mix" (it doesn't), "param" (the caller's own)."""
    mode: str
    seed: int = 0
    param: str = ""


@dataclass
class Call:
    site: int
    callee: "Function"
    args: list
    loop: int = 1          # how often
    guard: str = ""        # a parameter of the caller: called only if it isn't 0 ("" always)
    tail: bool = False     # the caller's result is the callee's
    uses_result: bool = True


@dataclass(eq=False)
class Function:
    name: str
    params: list           # (name, Type)
    result: Type           # None: nothing
    attrs: set
    used: list             # parameters that the body looks at
    calls: list = field(default_factory=list)
    early: str = ""        # a parameter: returns at once if it is 0
    writes: str = ""       # a parameter that is changed at the end
    pure: bool = False     # leaves no trace of having run but its result
    extra: dict = field(default_factory=dict)
    cost: int = 1

    def param_type(self, name):
        return dict(self.params)[name]


@dataclass
class Program:
    language: str
    seed: int
    types: list
    functions: list
    main: Function

    def callers(self):
        return self.functions + [self.main]


WORDS = ("grab", "send", "parse", "check", "flush", "merge", "probe", "store", "visit", "reply", "crunch", "lookup")


class Maker:
    """Makes a program of one language. The language says which types there are, and what a function may be."""

    def __init__(self, language, seed):
        self.random = random.Random(f"{language.name}/{seed}")
        self.language = language
        self.seed = seed
        self.sites = 0

    def value(self, kind, caller, allow_params=True):
        r = self.random
        same = [name for name, type_ in caller.params if type_ is kind] if allow_params else []
        if same and r.random() < 0.5:
            return Value("param", param=r.choice(same))
        return Value("const" if r.random() < 0.3 else "mix", r.randrange(1 << 30))

    def call(self, caller, callee, constants, **more):
        args = []
        for i, (_, kind) in enumerate(callee.params):
            # A parameter that is the same constant at all calls of the function.
            args.append(constants[i] if i in constants else self.value(kind, caller))
        self.sites += 1
        return Call(self.sites, callee, args, **more)

    def add_calls(self, caller, others, room):
        r = self.random
        for _ in range(r.choice((0, 1, 1, 2, 3)) if caller.name != "main" else 12):
            callee = r.choice(others) if others else None
            if not callee or caller.cost + callee.cost > room:
                continue
            loop = 2 if caller.cost + 2 * callee.cost <= room and r.random() < 0.2 else 1
            guards = [n for n, t in caller.params if t.kind == "int" and n in caller.used]
            call = self.call(caller, callee, callee.extra["constants"], loop=loop,
                             guard=r.choice(guards) if guards and r.random() < 0.3 else "",
                             uses_result=callee.extra["result_used"] and r.random() < 0.8)
            caller.calls.append(call)
            caller.cost += loop * callee.cost
        last = caller.calls[-1] if caller.calls else None
        if last and caller.result and last.callee.result is caller.result and last.loop == 1 \
                and not last.guard and r.random() < 0.6:
            last.tail = True

    def function(self, index, types):
        r, lang = self.random, self.language
        params = [(lang.param_name(i), r.choice(types)) for i in range(r.choice((0, 1, 1, 2, 2, 3, 3, 4, 5, 7, 9)))]
        used = [n for n, _ in params if r.random() < 0.75]
        ints = [n for n, t in params if t.kind == "int" and n in used]
        f = Function(f"{r.choice(WORDS)}{index}", params, r.choice(types) if r.random() < 0.7 else None, set(), used,
                     early=r.choice(ints) if ints and r.random() < 0.25 else "",
                     pure=r.random() < 0.12)
        f.extra["constants"] = {i: Value("const", r.randrange(1 << 30)) for i in range(len(params))
                                if r.random() < 0.12}
        f.extra["result_used"] = r.random() < 0.8
        writable = [n for n, t in params if lang.can_write(t)]
        if writable and r.random() < 0.25:
            f.writes = r.choice(writable)
        lang.decorate(f, r)
        return f

    def program(self):
        r = self.random
        types = self.language.types(r)
        count = r.randrange(4, 11)
        functions = [self.function(i, types) for i in range(count)]
        for i in reversed(range(count)):
            # Now and then itself; the run's budget ends that.
            others = functions[i + 1:]
            self.add_calls(functions[i], others, MAX_COST)
            if r.random() < 0.1 and functions[i].cost <= 3 and not functions[i].pure:
                call = self.call(functions[i], functions[i], {})
                functions[i].calls.insert(0, call)
                functions[i].cost *= 3
        main = Function("main", [], None, set(), [])
        self.add_calls(main, functions, MAX_CALLS)
        for f in functions:
            # Called from main at least once.
            if main.cost + f.cost <= MAX_CALLS:
                main.calls.append(self.call(main, f, f.extra["constants"]))
                main.cost += f.cost
        return Program(self.language.name, self.seed, types, functions, main)


# ---- shrinking ----------------------------------------------------------------------------------------------

def _without_calls(program, wanted):
    for f in program.callers():
        f.calls = [c for c in f.calls if wanted(c)]


def _drop_function(program, index):
    gone = program.functions.pop(index)
    _without_calls(program, lambda c: c.callee is not gone)


def _drop_param(program, index, param):
    f = program.functions[index]
    name, kind = f.params.pop(param)
    f.used = [n for n in f.used if n != name]
    f.early = "" if f.early == name else f.early
    f.writes = "" if f.writes == name else f.writes
    f.extra["constants"] = {}
    for caller in program.callers():
        for c in caller.calls:
            if c.callee is f:
                c.args.pop(param)
            if caller is f:
                c.guard = "" if c.guard == name else c.guard
                c.args = [Value("mix", 1) if a.mode == "param" and a.param == name else a for a in c.args]


def steps(program):
    """Smaller programs, each made of a copy: large steps first."""
    def copied(change):
        smaller = copy.deepcopy(program)
        change(smaller)
        return smaller

    for i in range(len(program.functions)):
        yield copied(lambda p, i=i: _drop_function(p, i))
    for k, f in enumerate(program.callers()):
        for i in range(len(f.calls)):
            yield copied(lambda p, k=k, i=i: p.callers()[k].calls.pop(i))
    for i, f in enumerate(program.functions):
        for k in reversed(range(len(f.params))):
            yield copied(lambda p, i=i, k=k: _drop_param(p, i, k))
        for what, none in (("result", None), ("early", ""), ("writes", ""), ("attrs", set()), ("used", [])):
            if getattr(f, what):
                yield copied(lambda p, i=i, what=what, none=none: _simplify(p, i, what, none))
    for k, f in enumerate(program.callers()):
        for i, c in enumerate(f.calls):
            if c.loop > 1 or c.guard or c.tail:
                yield copied(lambda p, k=k, i=i: p.callers()[k].calls.__setitem__(i, dataclasses.replace(
                    p.callers()[k].calls[i], loop=1, guard="", tail=False)))


def _simplify(program, index, what, none):
    f = program.functions[index]
    setattr(f, what, none)
    if what == "result":
        for caller in program.callers():
            for c in caller.calls:
                if c.callee is f or caller is f:
                    c.tail = False
    if what == "used":
        f.early = ""
        for c in f.calls:
            c.guard = ""
