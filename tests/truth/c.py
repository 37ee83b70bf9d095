# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Programs in C."""
from build import Build, Step
from model import Type, Value, constant

NEW_VALUE = Value("mix", 12345)   # of results, and of what a function writes into a parameter

HEAD = """#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "truth.h"

#define SINK(x) (truth_sink = (unsigned long)(x))
"""

INTS = (("signed char", 8, True), ("unsigned char", 8, False), ("short", 16, True), ("unsigned short", 16, False),
        ("int", 32, True), ("unsigned int", 32, False), ("long", 64, True), ("unsigned long", 64, False),
        ("int8_t", 8, True), ("uint16_t", 16, False), ("int64_t", 64, True), ("size_t", 64, False), ("int", 32, True))


def int_type(row):
    return Type("int", row[0], bits=row[1], signed=row[2])


class C:
    name = "c"
    compilers = ("gcc", "clang")
    source = "program.c"
    markers = ("truth_call", "truth_back")
    separator = "\n"

    # ---- types ------------------------------------------------------------------------------------------

    def scalar(self, r):
        roll = r.random()
        if roll < 0.62:
            return int_type(r.choice(INTS))
        if roll < 0.70:
            return Type("bool", "bool")
        if roll < 0.76:
            return Type("char", "char")
        if roll < 0.84:
            return Type("string", "const char *")
        if roll < 0.90:
            return Type("float", r.choice(("float", "double")))
        return Type("pointer", r.choice(("int *", "const void *")))

    def enum(self, r, number):
        low = r.choice((0, -1, 3, 1000))
        names = [(f"E{number}_{w}", low + i * r.choice((1, 5))) for i, w in enumerate(("RED", "BLUE", "LAST"))]
        values, seen = [], set()
        for name, value in names:
            while value in seen:
                value += 1
            seen.add(value)
            values.append((name, value))
        return Type("enum", f"enum e{number}", extra={"values": values})

    def struct(self, r, number, inner):
        packed = r.random() < 0.12
        kind = "union" if r.random() < 0.1 else "struct"
        fields = []
        for i in range(r.randrange(1, 6)):
            roll = r.random()
            if roll < 0.12 and kind == "struct":
                base = int_type(r.choice((("unsigned int", 32, False), ("int", 32, True), ("unsigned short", 16, False))))
                fields.append((f"m{i}", base, r.randrange(1, base.bits)))
            elif roll < 0.26:
                element = int_type(r.choice(INTS))
                fields.append((f"m{i}", Type("array", element.name, element=element, count=r.randrange(1, 5)), 0))
            elif roll < 0.36 and inner and not packed:
                fields.append((f"m{i}", r.choice(inner), 0))
            else:
                fields.append((f"m{i}", self.scalar(r), 0))
        if kind == "union":
            fields = [f for f in fields if f[1].kind in ("int", "array")] or [("m0", int_type(INTS[6]), 0)]
        return Type(kind, f"{kind} s{number}", fields=fields, extra={"packed": packed})

    def types(self, r):
        enums = [self.enum(r, i) for i in range(r.randrange(1, 3))]
        structs = []
        for i in range(r.randrange(2, 5)):
            structs.append(self.struct(r, i, [s for s in structs if s.kind == "struct"]))
        scalars = [self.scalar(r) for _ in range(7)]
        wide = [Type("wide", n) for n in r.sample(("__int128", "unsigned __int128"), 1) if r.random() < 0.15]
        return enums + structs + scalars + scalars[:3] + wide

    def param_name(self, i):
        return "abcdefghijklmnop"[i]

    def can_write(self, type_):
        return type_.kind in ("int", "struct", "string", "bool")

    def decorate(self, f, r):
        if r.random() < 0.7:
            f.attrs.add("static")
        if r.random() < 0.4:
            f.attrs.add("noinline")
        elif r.random() < 0.15:
            f.attrs |= {"inline", "static"}

    # ---- values -----------------------------------------------------------------------------------------

    def declared(self, type_, name):
        if type_.kind == "array":
            return f"{type_.element.name} {name}[{type_.count}]"
        return f"{type_.name}{'' if type_.name.endswith('*') else ' '}{name}"

    def leaf(self, type_, is_const, seed):
        """An expression of a type that has no parts."""
        number = constant(seed)
        mixed = f"(acc * {seed % 1000 * 2 + 1}ul + {number % 2**63}ul)"
        if type_.kind in ("int", "wide"):
            if is_const:
                return f"({type_.name})({number}{'ll' if -2**31 < number < 2**63 else ''})" if number != -2**31 \
                    else f"({type_.name})(-2147483647 - 1)"
            value = f"({type_.name}){mixed}" if seed % 2 else f"({type_.name})(acc + {abs(number) % 1000})"
            return value if type_.kind == "int" else f"({type_.name})(((unsigned __int128)acc << {seed % 70}) + {seed})"
        if type_.kind == "bool":
            return ("true" if seed % 2 else "false") if is_const else f"(bool)({mixed} & {1 << seed % 9})"
        if type_.kind == "char":
            return f"'{chr(97 + seed % 26)}'" if is_const else f"(char)('A' + {mixed} % 26)"
        if type_.kind == "enum":
            values = type_.extra["values"]
            return values[seed % len(values)][0] if is_const else \
                f"(acc & {1 << seed % 4} ? {values[seed % len(values)][0]} : {values[(seed + 1) % len(values)][0]})"
        if type_.kind == "float":
            return f"{seed % 1000}.5" if is_const else f"(({type_.name})(acc & 0xffff) + 0.25)"
        if type_.kind == "string":
            return f'"const{seed % 100}"' if is_const else f"truth_text(acc + {seed % 100})"
        return f"({type_.name})0" if is_const else f"({type_.name})truth_place(acc + {seed % 100})"

    def parts(self, type_, is_const, seed):
        """The same of any type, as an initializer."""
        if type_.kind in ("struct", "union"):
            fields = type_.fields if type_.kind == "struct" else type_.fields[:1]
            inner = []
            for i, (name, kind, bits) in enumerate(fields):
                value = self.parts(kind, is_const, seed * 31 % 2**30 + i * 7)
                if bits:
                    value = f"({value}) & {2**(bits - kind.signed) - 1}"
                inner.append(f".{name} = {value}")
            return "{ " + ", ".join(inner) + " }"
        if type_.kind == "array":
            return "{ " + ", ".join(self.parts(type_.element, is_const, seed + i) for i in range(type_.count)) + " }"
        return self.leaf(type_, is_const, seed)

    def value(self, type_, value):
        if value.mode == "param":
            return value.param
        text = self.parts(type_, value.mode == "const", value.seed)
        return f"({type_.name}){text}" if type_.kind in ("struct", "union") else text

    # ---- what is done with values -----------------------------------------------------------------------

    def fold(self, type_, e):
        """A number that depends on all of it."""
        if type_.kind in ("struct", "union"):
            return "(" + " + ".join(self.fold(t, f"{e}.{n}") for n, t, _ in type_.fields) + ")"
        if type_.kind == "array":
            return "(" + " + ".join(self.fold(type_.element, f"{e}[{i}]") for i in range(type_.count)) + ")"
        if type_.kind == "string":
            return f"(unsigned long)({e} ? {e}[0] : 0)"
        if type_.kind == "pointer":
            return f"(unsigned long)({e} != 0)"
        return f"(unsigned long)({e})"

    def log(self, type_, name, e):
        name = f'"{name}"' if name is not None else "NULL"
        if type_.kind in ("struct", "union"):
            return f"log_{self.identifier(type_)}({name}, &{e});"
        if type_.kind == "array":
            return f"truth_array({name}); " + " ".join(
                self.log(type_.element, None, f"{e}[{i}]") for i in range(type_.count)) + " truth_close();"
        if type_.kind == "int":
            return f"truth_{'int' if type_.signed else 'uint'}({name}, {e});"
        if type_.kind == "enum":
            return f"truth_enum({name}, {e}, name_{self.identifier(type_)}({e}));"
        if type_.kind == "wide":
            return f"truth_wide({name}, (unsigned __int128){e}, {int(type_.name == '__int128')});"
        return f"truth_{type_.kind}({name}, {e});"

    def identifier(self, type_):
        return type_.name.split()[-1]

    def used_types(self, program):
        """Those that have to be declared, each behind its parts."""
        done = []

        def add(type_):
            for _, kind, _ in type_.fields:
                add(kind)
            if type_.kind in ("struct", "union", "enum") and type_ not in done:
                done.append(type_)

        for f in program.functions:
            for _, kind in f.params:
                add(kind)
            if f.result:
                add(f.result)
        return done

    def logger(self, type_):
        if type_.kind == "enum":
            cases = " ".join(f"if (v == {n}) return \"{n}\";" for n, _ in type_.extra["values"])
            return f"static const char *name_{self.identifier(type_)}({type_.name} v) {{ {cases} return \"\"; }}\n"
        lines = [f"static __attribute__((noinline)) void log_{self.identifier(type_)}(const char *name, const {type_.name} *v)\n{{",
                 "\ttruth_struct(name);"]
        lines += ["\t" + self.log(kind, name, f"v->{name}") for name, kind, _ in type_.fields]
        return "\n".join(lines + ["\ttruth_close();", "}\n"])

    def declare(self, type_):
        if type_.kind == "enum":
            return f"{type_.name} {{ {', '.join(f'{n} = {v}' for n, v in type_.extra['values'])} }};\n"
        packed = " __attribute__((packed))" if type_.extra.get("packed") else ""
        fields = "".join(f"\t{self.declared(t, n)}{f' : {bits}' if bits else ''};\n" for n, t, bits in type_.fields)
        return f"{type_.kind}{packed} {self.identifier(type_)} {{\n{fields}}};\n"

    # ---- functions --------------------------------------------------------------------------------------

    def head(self, f):
        attrs = [a for a in ("static", "inline") if a in f.attrs]
        if "noinline" in f.attrs:
            attrs.append("__attribute__((noinline))")
        params = ", ".join(self.declared(t, n) for n, t in f.params) or "void"
        result = f.result.name if f.result else "void"
        return f"{' '.join(attrs + [result])}{'' if result.endswith('*') else ' '}{f.name}({params})"

    def log_this(self, f):
        return []

    def declare_value(self, type_, name):
        return self.declared(type_, name)

    def call(self, caller, c):
        f, lines = c.callee, []
        for i, ((name, kind), value) in enumerate(zip(f.params, c.args)):
            lines.append(f"{self.declare_value(kind, f'v{i}')} = {self.value(kind, value)};")
        lines.append(f'unsigned long n = truth_begin("{f.name}", {int(c.tail)});')
        lines += self.log_this(f)
        for i, (name, kind) in enumerate(f.params):
            lines.append(self.log_copy(kind, name, f"v{i}", i))
        lines.append("truth_call(n);")
        # Structures are logged as copies, so that the ones that are passed have no address.
        call = self.invoke(f, [f"v{i}" for i in range(len(f.params))])
        if c.tail:
            lines.append(f"return {call};")
        else:
            if f.result:
                lines.append(f"{self.declared(f.result, 'got')} = {call};" if c.uses_result else f"(void){call};")
            else:
                lines.append(f"{call};")
            lines.append("truth_end(n);")
            if f.result and c.uses_result:
                lines += [self.log_copy(f.result, "result", "got", "r"), "truth_back(n);",
                          f"acc += {self.fold(f.result, 'got')};"]
            else:
                lines.append("truth_back(n);")
        test = f"if ({c.guard}) " if c.guard else ""
        if f is caller:
            test = "if (truth_budget > 0 && truth_budget--) "
        if c.loop > 1:
            test += f"for (int i = 0; i < {c.loop}; i++) "
        return f"\t{test}{{\n" + "".join(f"\t\t{line}\n" for line in lines) + "\t}\n"

    def log_copy(self, kind, name, e, i):
        if kind.kind in ("struct", "union") and "class" not in kind.extra:
            return f"{{ {self.declared(kind, f'copy{i}')} = {e}; {self.log(kind, name, f'copy{i}')} }}"
        return self.log(kind, name, e)

    def invoke(self, f, args):
        return f"{f.name}({', '.join(args)})"

    def write(self, f):
        kind = f.param_type(f.writes)
        return f"{f.writes} = {self.value(kind, NEW_VALUE)};"

    def body(self, f):
        used = " + ".join([self.fold(f.param_type(n), n) for n in f.used] or ["0"])
        lines = []
        default = self.value(f.result, NEW_VALUE) if f.result else ""
        lines.append(f"\tunsigned long acc = {used};\n" if f.pure else f"\tunsigned long acc = truth_any + {used};\n")
        if not f.pure:
            lines.append("\tSINK(acc);\n")
        if f.early:
            lines.append(f"\tif (!{f.early}) return {default};\n")
        for c in f.calls:
            lines.append(self.call(f, c))
        if f.writes:
            lines.append(f"\t{self.write(f)} SINK({self.fold(f.param_type(f.writes), f.writes)});\n")
        if f.result:
            lines.append(f"\treturn {default};\n")
        else:
            lines.append("\t(void)acc;\n")
        return "".join(lines)

    def define(self, f):
        return f"{self.head(f)}\n{{\n{self.body(f)}}}\n"

    def main(self, f):
        return "int main(void)\n{\n\tunsigned long acc = truth_any;\n" + \
            "".join(self.call(f, c) for c in f.calls) + "\treturn 0;\n}\n"

    def render(self, program):
        parts = [HEAD]
        for kind in self.used_types(program):
            parts += [self.declare(kind), self.logger(kind)]
        parts += [f"{self.head(f)};\n" for f in program.functions]
        parts += [self.define(f) for f in program.functions]
        parts.append(self.main(program.main))
        return self.separator.join(parts)

    # ---- builds -----------------------------------------------------------------------------------------

    extras = {
        "gcc": (["-gdwarf-4"], ["-gdwarf-4", "-gsplit-dwarf"], ["-flto"], ["-fno-var-tracking"],
                ["-fno-omit-frame-pointer"], ["-no-pie"], ["-fno-inline"], ["-fcf-protection=none"], ["-fPIC"],
                ["-g1"]),
        "clang": (["-gdwarf-4"], ["-gsplit-dwarf"], ["-fno-omit-frame-pointer"], ["-no-pie"], ["-fno-inline"],
                  ["-flto", "-fuse-ld=lld"], ["-gline-tables-only"]),
    }

    def builds(self, r):
        """One random way to compile a program."""
        compiler = r.choice(self.compilers)
        flags = [r.choice(("-O0", "-O0", "-O1", "-O2", "-O2", "-O3", "-Os")), "-g"]
        if r.random() < 0.45:
            flags += r.choice(self.extras["clang" if "clang" in compiler else "gcc"])
        return self.build(compiler, flags, r.random() < 0.1 and "-gsplit-dwarf" not in flags)

    def build(self, compiler, flags, strip):
        return Build(f"{compiler} {' '.join(flags)}{' stripped' if strip else ''}", (
            Step([compiler, *flags, "-w", "-I{runtime}", "-c", self.source, "-o", "program.o"]),
            Step([compiler, *flags, "program.o", "{runtime_object}", "-o", "program"]),
        ), strip=strip, is_untyped="-g1" in flags or "-gline-tables-only" in flags,
            level=next(f for f in flags if f.startswith("-O")))

    def spec(self, f):
        return f.name

