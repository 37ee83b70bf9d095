# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Programs in Go."""
import glob
import shutil

from build import Build, Step
from model import SMALL_UNSIGNED, Type, Value, constant

NEW_VALUE = Value("mix", 12345)   # of results, and of what a function writes into a parameter

INTS = (("int8", 8, True), ("uint8", 8, False), ("int16", 16, True), ("uint16", 16, False), ("int32", 32, True),
        ("uint32", 32, False), ("int64", 64, True), ("uint64", 64, False), ("int", 64, True), ("int", 64, True))
STYLES = (("", 5), ("Item.", 2), ("(*Item).", 2))


def int_type(row):
    return Type("int", row[0], bits=row[1], signed=row[2])


class Go:
    name = "go"
    source = "program.go"
    markers = ("main.truthCall", "main.truthBack")

    def __init__(self):
        self.compilers = tuple(sorted(glob.glob("/usr/lib/go-1.*/bin/go"))) or tuple(filter(None, [shutil.which("go")]))

    # ---- types ------------------------------------------------------------------------------------------

    def scalar(self, r):
        roll = r.random()
        if roll < 0.62:
            return int_type(r.choice(INTS))
        for limit, kind, name in ((0.72, "bool", "bool"), (0.86, "string", "string"),
                                  (0.92, "float", r.choice(("float32", "float64")))):
            if roll < limit:
                return Type(kind, name)
        return Type("pointer", "*int32")

    def types(self, r):
        structs = []
        for i in range(r.randrange(2, 5)):
            fields = []
            for k in range(r.randrange(1, 5)):
                roll = r.random()
                if roll < 0.15:
                    element = int_type(r.choice(INTS))
                    count = r.randrange(1, 4)
                    fields.append((f"M{k}", Type("array", f"[{count}]{element.name}", element=element, count=count), 0))
                elif roll < 0.25 and structs:
                    fields.append((f"M{k}", r.choice(structs), 0))
                else:
                    fields.append((f"M{k}", self.scalar(r), 0))
            structs.append(Type("struct", f"S{i}", fields=fields))
        scalars = [self.scalar(r) for _ in range(7)]
        element = int_type(r.choice(INTS))
        array = Type("array", f"[{r.randrange(1, 4)}]{element.name}", element=element)
        array.count = int(array.name[1])
        library = [Type("any", "[]int32"), Type("any", "map[string]int"), Type("any", "error"), Type("any", "any"),
                   Type("any", "[]byte"), array]
        chosen = r.sample(library, 3)
        parts = [r.choice(scalars + structs + [Type("any", "error")]) for _ in range(r.choice((2, 2, 3)))]
        several = Type("results", f"({', '.join(p.name for p in parts)})",
                       fields=[(f"q{i}", p, 0) for i, p in enumerate(parts)], extra={"named": r.random() < 0.5})
        self.several = several
        return structs + scalars + scalars[:3] + chosen

    def param_name(self, i):
        return "abcdefghijklmnop"[i]

    def can_write(self, type_):
        return type_.kind in ("int", "struct", "bool", "string")

    def decorate(self, f, r):
        if r.random() < 0.5:
            f.attrs.add("noinline")
        f.extra["style"] = r.choice([s for s, times in STYLES for _ in range(times)])
        if f.result and r.random() < 0.3:
            f.result = self.several
        if not f.extra["style"] and f.params and f.params[0][1].kind in ("int", "string") and r.random() < 0.2:
            f.extra["generic"] = True

    def spec(self, f):
        name = f"main.{f.extra['style']}{f.name}"
        return f'"{name}"' if "(" in name else name

    # ---- values -----------------------------------------------------------------------------------------

    def expression(self, type_, is_const, seed):
        number = constant(seed, SMALL_UNSIGNED)
        mixed = f"(acc*{seed % 1000 * 2 + 1} + {number})"
        again = lambda kind, more: self.expression(kind, is_const, seed * 31 % 2**30 + more * 7)   # noqa: E731
        if type_.kind == "int":
            return f"{type_.name}({number % 2**(type_.bits - type_.signed)})" if is_const else f"{type_.name}{mixed}"
        if type_.kind == "bool":
            return ("true" if seed % 2 else "false") if is_const else f"({mixed}&{1 << seed % 9} != 0)"
        if type_.kind == "float":
            return f"{type_.name}({seed % 1000}.5)" if is_const else f"({type_.name}(acc&0xffff) + 0.25)"
        if type_.kind == "string":
            return f'"const{seed % 100}"' if is_const else f"truthText(acc + {seed % 100})"
        if type_.kind == "pointer":
            return f"truthPlace(acc + {seed % 100})"
        if type_.kind == "array":
            return f"{type_.name}{{" + ", ".join(again(type_.element, i) for i in range(type_.count)) + "}"
        if type_.kind == "any":
            some = {"[]int32": f"truthPlaces[:acc&3]", "map[string]int": 'map[string]int{"a": 1, "b": int(acc)}',
                    "error": 'errors.New(truthText(acc))', "any": f"[]any{{acc, truthText(acc), Item{{7, truthText(acc)}}, nil, int8(acc), acc & 1 == 0}}[acc % 6]", "[]byte": "[]byte(truthText(acc))"}[type_.name]
            return f"{type_.name}(nil)" if is_const else f"{type_.name}({some})"
        return f"{type_.name}{{" + ", ".join(f"{n}: {again(t, i)}" for i, (n, t, _) in enumerate(type_.fields)) + "}"

    def value(self, type_, value):
        return value.param if value.mode == "param" else self.expression(type_, value.mode == "const", value.seed)

    def result(self, type_):
        if type_.kind == "results":
            return ", ".join(self.expression(t, False, NEW_VALUE.seed + i) for i, (_, t, _) in enumerate(type_.fields))
        return self.expression(type_, False, NEW_VALUE.seed)

    # ---- what is done with values -----------------------------------------------------------------------

    def fold(self, type_, e):
        if type_.kind in ("struct", "results"):
            return "(" + " + ".join(self.fold(t, f"{e}.{n}") for n, t, _ in type_.fields) + ")"
        if type_.kind == "array":
            return "(" + " + ".join(self.fold(type_.element, f"{e}[{i}]") for i in range(type_.count)) + ")"
        if type_.kind == "string" or type_.name.startswith(("[]", "map")):
            return f"uint64(len({e}))"
        if type_.kind == "bool":
            return f"truthBool64({e})"
        if type_.kind in ("pointer", "any"):
            return f"truthBool64({e} != nil)"
        return f"uint64({e})"

    def log(self, type_, name, e):
        quoted = f'"{name}"'
        if type_.kind == "struct":
            return f'truthStruct({quoted}); ' + "; ".join(self.log(t, n, f"{e}.{n}") for n, t, _ in type_.fields) + '; truthClose("}")'
        if type_.kind == "array":
            return f"truthArray({quoted}); " + "; ".join(
                self.log(type_.element, "", f"{e}[{i}]") for i in range(type_.count)) + '; truthClose("]")'
        if type_.kind == "int":
            return f"truthInt({quoted}, int64({e}))" if type_.signed else f"truthUint({quoted}, uint64({e}))"
        if type_.kind == "float":
            return f"truthFloat({quoted}, float64({e}))"
        if type_.kind == "pointer":
            return f"truthPointer({quoted}, unsafe.Pointer({e}))"
        if type_.kind == "any" and type_.name == "[]byte":
            return f"truthString({quoted}, string({e}))"
        if type_.kind == "any":
            return {"[]int32": f"truthSlice({quoted}, {e})", "map[string]int": f"truthMap({quoted}, len({e}))",
                    "error": f"truthError({quoted}, {e})", "any": f"truthEmpty({quoted}, {e})"}[type_.name]
        return f"truth{type_.kind.capitalize()}({quoted}, {e})"

    # ---- functions --------------------------------------------------------------------------------------

    def used_types(self, program):
        done = []

        def add(type_):
            for _, kind, _ in type_.fields:
                add(kind)
            if type_.kind == "struct" and type_ not in done:
                done.append(type_)

        for f in program.functions:
            for kind in [k for _, k in f.params] + ([f.result] if f.result else []):
                add(kind)
        return done

    def receiver(self, f):
        return {"": None, "Item.": "it Item", "(*Item).": "it *Item"}[f.extra["style"]]

    def head(self, f):
        params = [f"{n} {'Any' if f.extra.get('generic') and i == 0 else t.name}" for i, (n, t) in enumerate(f.params)]
        receiver = f"({self.receiver(f)}) " if f.extra["style"] else ""
        generic = "[Any int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64 | int | string]" if f.extra.get("generic") else ""
        result = f.result.name if f.result else ""
        if f.result and f.result.extra.get("named"):
            result = "(" + ", ".join(f"{n} {t.name}" for n, t, _ in f.result.fields) + ")"
        return f"func {receiver}{f.name}{generic}({', '.join(params)}) {result}"

    def call(self, caller, c):
        f, lines = c.callee, []
        generic = caller.params[0][0] if caller.extra.get("generic") else None
        for i, ((_, kind), value) in enumerate(zip(f.params, c.args)):
            if value.mode == "param" and value.param == generic:
                value = Value("mix", i)
            lines.append(f"var v{i} {kind.name} = {self.value(kind, value)}")
        lines.append(f'n := truthBegin("{f.name}", {int(c.tail)})')
        if f.extra["style"] == "Item.":
            lines.append('truthStruct("it"); truthInt("Tag", int64(item.Tag)); truthString("Label", item.Label); truthClose("}")')
        elif f.extra["style"]:
            lines.append('truthPointer("it", unsafe.Pointer(&item))')
        lines += [self.log(kind, name, f"v{i}") for i, (name, kind) in enumerate(f.params)]
        lines.append("truthCall(n)")
        call = f"{'item.' if f.extra['style'] else ''}{f.name}({', '.join(f'v{i}' for i in range(len(f.params)))})"
        if c.tail:
            lines.append(f"return {call}")
        elif f.result and c.uses_result:
            if f.result.kind == "results":
                names = [f"got{i}" for i in range(len(f.result.fields))]
                lines.append(f"{', '.join(names)} := {call}")
                logs = "; ".join(self.log(t, n, g) for g, (n, t, _) in zip(names, f.result.fields))
                if not f.result.extra["named"]:
                    logs = "; ".join(self.log(t, f"~r{i}", g) for i, (g, (_, t, _)) in enumerate(zip(names, f.result.fields)))
                lines += ["truthEnd(n)", f'truthStruct("results"); {logs}; truthClose("}}")', "truthBack(n)"]
                lines += [f"acc += {self.fold(t, g)}" for g, (_, t, _) in zip(names, f.result.fields)]
            else:
                lines += [f"got := {call}", "truthEnd(n)", self.log(f.result, "result", "got"), "truthBack(n)",
                          f"acc += {self.fold(f.result, 'got')}"]
        else:
            lines += [call, "truthEnd(n)", "truthBack(n)"]
        head = []
        if c.guard and c.guard != generic:
            head.append(f"if {c.guard} != 0 {{")
        if f is caller:
            head.append("if truthBudget--; truthBudget > 0 {")
        if c.loop > 1:
            head.append(f"for i := 0; i < {c.loop}; i++ {{")
        head = head or ["if true {"]
        return "".join(f"\t{h}\n" for h in head) + "".join(f"\t\t{line}\n" for line in lines) + "\t}" * len(head) + "\n"

    def define(self, f):
        generic = f.params[0][0] if f.extra.get("generic") else None
        used = "".join(f" + {self.fold(f.param_type(n), n)}" for n in f.used if n != generic)
        lines = ["//go:noinline\n"] if "noinline" in f.attrs else []
        lines += [f"{self.head(f)} {{\n", f"\tacc := {'uint64(0)' if f.pure else 'truthAny'}{used}\n"]
        if not f.pure:
            lines.append("\ttruthSink = acc\n")
        if f.early and f.early != generic:
            lines.append(f"\tif {f.early} == 0 {{\n\t\treturn {self.result(f.result) if f.result else ''}\n\t}}\n")
        lines += [self.call(f, c) for c in f.calls]
        if f.writes and f.writes != generic:
            kind = f.param_type(f.writes)
            lines.append(f"\t{f.writes} = {self.expression(kind, False, NEW_VALUE.seed)}\n\ttruthSink = {self.fold(kind, f.writes)}\n")
        lines.append(f"\treturn {self.result(f.result)}\n" if f.result else "\t_ = acc\n")
        return "".join(lines) + "}\n"

    def render(self, program):
        parts = ["package main\n", 'import (\n\t"errors"\n\t"unsafe"\n)\n', "var _ = errors.New\nvar _ unsafe.Pointer\n",
                 "type Item struct {\n\tTag   int32\n\tLabel string\n}\n", 'var item = Item{77, "label"}\n']
        for kind in self.used_types(program):
            parts.append(f"type {kind.name} struct {{\n" + "".join(f"\t{n} {t.name}\n" for n, t, _ in kind.fields) + "}\n")
        parts += [self.define(f) for f in program.functions]
        parts.append("func main() {\n\tacc := truthAny\n" + "".join(self.call(program.main, c) for c in program.main.calls) +
                     "\t_ = acc\n\ttruthFinish()\n}\n")
        return "\n".join(parts)

    # ---- builds -----------------------------------------------------------------------------------------

    def builds(self, r):
        compiler = r.choice(self.compilers)
        gcflags = r.choice(("", "", "", "-l", "-N -l"))
        more = r.choice(([], [], [], ["-buildmode=pie"], ["-ldflags=-compressdwarf=false"], ["-ldflags=-w"]))
        level = {"": "default", "-l": "-l", "-N -l": "-N"}[gcflags]
        return Build(f"{compiler} build {f'-gcflags={gcflags!r} ' if gcflags else ''}{' '.join(more)}", (
            Step(["cp", "{runtime}/truth.go", "."]),
            Step([compiler, "build", *([f"-gcflags={gcflags}"] if gcflags else []), *more, "-o", "program", self.source, "truth.go"]),
        ), level=level, is_untyped="-ldflags=-w" in more)
