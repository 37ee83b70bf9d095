# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Programs in Rust."""
import shutil
import subprocess
from pathlib import Path

from build import RUNTIME, Build, Step
from model import SMALL_UNSIGNED, Type, Value, constant

NEW_VALUE = Value("mix", 12345)   # of results, and of what a function writes into a parameter

INTS = (("i8", 8, True), ("u8", 8, False), ("i16", 16, True), ("u16", 16, False), ("i32", 32, True), ("u32", 32, False),
        ("i64", 64, True), ("u64", 64, False), ("usize", 64, False), ("i32", 32, True))
STYLES = (("", 4), ("inner::", 2), ("Item::", 2), ("Shape::", 1))


def int_type(row):
    return Type("int", row[0], bits=row[1], signed=row[2])


def compilers():
    """The distribution's and the one on the path, if they differ."""
    found = [c for c in ("/usr/bin/rustc", shutil.which("rustc")) if c and Path(c).exists()]
    versions = {subprocess.run([c, "--version"], capture_output=True, text=True, check=False).stdout: c for c in found}
    return tuple(versions.values())


class Rust:
    name = "rust"
    source = "program.rs"
    markers = ("truth_call", "truth_back")

    def __init__(self):
        self.compilers = compilers()

    # ---- types ------------------------------------------------------------------------------------------

    def scalar(self, r):
        roll = r.random()
        if roll < 0.66:
            return int_type(r.choice(INTS))
        for limit, kind, name in ((0.72, "bool", "bool"), (0.76, "char", "char"), (0.86, "string", "&'static str"),
                                  (0.94, "float", r.choice(("f32", "f64")))):
            if roll < limit:
                return Type(kind, name)
        return Type("reference", "&'static i32")

    def types(self, r):
        enums = [Type("enum", f"E{i}", extra={"values": [(w, r.choice((0, 5, 300)) + k) for k, w in
                                                        enumerate(("Red", "Blue", "Last"))]}) for i in range(2)]
        structs = []
        for i in range(r.randrange(1, 4)):
            fields = []
            for k in range(r.randrange(1, 5)):
                roll = r.random()
                if roll < 0.15:
                    element = int_type(r.choice(INTS))
                    fields.append((f"m{k}", Type("array", f"[{element.name}; {k + 1}]", element=element, count=k + 1), 0))
                elif roll < 0.25 and structs:
                    fields.append((f"m{k}", r.choice(structs), 0))
                else:
                    fields.append((f"m{k}", self.scalar(r), 0))
            structs.append(Type("struct", f"S{i}", fields=fields))
        scalars = [self.scalar(r) for _ in range(6)]
        parts = [self.scalar(r) for _ in range(r.choice((2, 2, 3)))]
        tuple_ = Type("tuple", f"({', '.join(p.name for p in parts)})", fields=[(f"__{i}", p, 0) for i, p in enumerate(parts)])
        data = Type("variants", "Data0", fields=[("A", self.scalar(r), 0), ("B", self.scalar(r), 0)])
        library = [Type("text", "String"), Type("textref", "&'static String"), Type("option", "Option<u32>", element=int_type(INTS[5])),
                   Type("option", "Option<&'static i32>", element=Type("reference", "&'static i32")),
                   Type("result", "Result<i32, u8>"), Type("vec", "Vec<i32>"), Type("slice", "&'static [i32]"),
                   Type("box", "Box<i32>"), Type("wide", "u128"), data, tuple_, tuple_]
        return enums + structs + scalars + scalars[:3] + r.sample(library, 4)

    def param_name(self, i):
        return "abcdefghijklmnop"[i]

    def can_write(self, type_):
        return type_.kind in ("int", "struct", "bool", "text")

    def decorate(self, f, r):
        if r.random() < 0.4:
            f.attrs.add("noinline")
        if r.random() < 0.5:
            f.attrs.add("pub")
        f.extra["style"] = r.choice([s for s, times in STYLES for _ in range(times)])
        if f.extra["style"] == "" and f.params and r.random() < 0.2:
            f.extra["generic"] = True

    def spec(self, f):
        style = f.extra["style"]
        return f'"<program::Item as program::Shape>::{f.name}"' if style == "Shape::" else f"program::{style}{f.name}"

    # ---- values -----------------------------------------------------------------------------------------

    def expression(self, type_, is_const, seed):
        number = constant(seed, SMALL_UNSIGNED)
        mixed = f"acc.wrapping_mul({seed % 1000 * 2 + 1}).wrapping_add({number})"
        again = lambda kind, more: self.expression(kind, is_const, seed * 31 % 2**30 + more * 7)   # noqa: E731
        if type_.kind == "int":
            return f"({number}u64 as {type_.name})" if is_const else f"({mixed} as {type_.name})"
        if type_.kind == "wide":
            return f"{number}u128" if is_const else f"(((acc as u128) << {seed % 64}) + {seed}u128)"
        if type_.kind == "bool":
            return ("true" if seed % 2 else "false") if is_const else f"({mixed} & {1 << seed % 9} != 0)"
        if type_.kind == "char":
            return f"'{chr(97 + seed % 26)}'" if is_const else f"((({mixed} % 26) as u8 + 65u8) as char)"
        if type_.kind == "enum":
            names = [f"{type_.name}::{n}" for n, _ in type_.extra["values"]]
            return names[seed % 3] if is_const else f"(if acc & {1 << seed % 4} != 0 {{ {names[seed % 3]} }} else {{ {names[(seed + 1) % 3]} }})"
        if type_.kind == "float":
            return f"{seed % 1000}.5{type_.name}" if is_const else f"((acc & 0xffff) as {type_.name} + 0.25)"
        if type_.kind == "string":
            return f'"const{seed % 100}"' if is_const else f"text(acc.wrapping_add({seed % 100}))"
        if type_.kind == "text":
            return f'String::from("const{seed % 100}")' if is_const else f"text(acc.wrapping_add({seed % 100})).to_string()"
        if type_.kind == "textref":
            return f"&*Box::leak(Box::new(text(acc.wrapping_add({seed % 100})).to_string()))"
        if type_.kind == "reference":
            return f"place(acc.wrapping_add({seed % 100}))"
        if type_.kind == "box":
            return f"Box::new(acc as i32 + {seed % 100})" if not is_const else f"Box::new({seed % 100})"
        if type_.kind == "vec":
            return f"vec![(acc & 0xff) as i32, {seed % 100}]"
        if type_.kind == "slice":
            return f"&SLICE[..((acc & 3) as usize)]" if not is_const else f"&SLICE[..{seed % 3}]"
        if type_.kind == "option":
            some = f"Some({again(type_.element, 1)})"
            return (some if seed % 2 else "None") if is_const else f"(if acc & {1 << seed % 4} != 0 {{ {some} }} else {{ None }})"
        if type_.kind == "result":
            ok, bad = f"Ok((acc & 0xfff) as i32)" if not is_const else f"Ok({seed % 100})", f"Err({seed % 200}u8)"
            return (ok if seed % 2 else bad) if is_const else f"(if acc & {1 << seed % 4} != 0 {{ {ok} }} else {{ {bad} }})"
        if type_.kind == "variants":
            a, b = f"{type_.name}::A({again(type_.fields[0][1], 1)})", f"{type_.name}::B({again(type_.fields[1][1], 2)})"
            return (a if seed % 2 else b) if is_const else f"(if acc & {1 << seed % 4} != 0 {{ {a} }} else {{ {b} }})"
        if type_.kind == "array":
            return "[" + ", ".join(again(type_.element, i) for i in range(type_.count)) + "]"
        if type_.kind == "tuple":
            return "(" + ", ".join(again(t, i) for i, (_, t, _) in enumerate(type_.fields)) + ")"
        return f"{type_.name} {{ " + ", ".join(f"{n}: {again(t, i)}" for i, (n, t, _) in enumerate(type_.fields)) + " }"

    def value(self, type_, value):
        if value.mode == "param":
            return f"{value.param}.clone()" if type_.kind not in ("textref", "reference") else value.param
        return self.expression(type_, value.mode == "const", value.seed)

    # ---- what is done with values -----------------------------------------------------------------------

    def log(self, type_, name, e):
        copy = "" if type_.kind in ("text", "vec", "box", "variants") else "{ let copy = " + e + "; "
        # Not e.write_log(), which a reference could take for its target's.
        return f"{copy}Value::write_log(&{'copy' if copy else e}, {literal(name)});{' }' if copy else ''}"

    def used_types(self, program):
        done = []

        def add(type_):
            for _, kind, _ in type_.fields:
                add(kind)
            if type_.kind in ("struct", "enum", "variants", "tuple") and type_.name not in [t.name for t in done]:
                done.append(type_)

        for f in program.functions:
            for kind in [k for _, k in f.params] + ([f.result] if f.result else []):
                add(kind)
        return done

    def declare(self, type_):
        head = "#[derive(Clone, Copy, PartialEq)]\n"
        if type_.kind == "enum":
            cases = "\n".join(f"            {type_.name}::{n} => {literal(n)}," for n, _ in type_.extra["values"])
            return (f"{head}pub enum {type_.name} {{ {', '.join(f'{n} = {v}' for n, v in type_.extra['values'])} }}\n"
                    f"impl Value for {type_.name} {{\n    fn write_log(&self, name: Name) {{\n        let as_ = match *self {{\n{cases}\n"
                    f"        }};\n        unsafe {{ truth_enum(name, *self as i64, as_) }}\n    }}\n"
                    f"    fn fold(&self) -> u64 {{ *self as u64 }}\n}}\n")
        if type_.kind == "variants":
            kinds = ", ".join(f"{n}({t.name})" for n, t, _ in type_.fields)
            folds = ", ".join(f"{type_.name}::{n}(v) => v.fold()" for n, _, _ in type_.fields)
            logs = ", ".join(f'{type_.name}::{n}(v) => log_variant(name, b"{n}\\0", v)' for n, _, _ in type_.fields)
            return (f"{head}pub enum {type_.name} {{ {kinds} }}\nimpl Value for {type_.name} {{\n"
                    f"    fn write_log(&self, name: Name) {{ match self {{ {logs} }} }}\n"
                    f"    fn fold(&self) -> u64 {{ match self {{ {folds} }} }}\n}}\n")
        fields = [(str(i) if type_.kind == "tuple" else n, n, t) for i, (n, t, _) in enumerate(type_.fields)]
        logs = " ".join(f"{{ let part = self.{at}; Value::write_inner(&part, {literal(n)}); }}" for at, n, _ in fields)
        folds = "".join(f".wrapping_add(Value::fold(&self.{at}))" for at, _, _ in fields)
        text = "" if type_.kind == "tuple" else \
            f"{head}pub struct {type_.name} {{ {', '.join(f'{n}: {t.name}' for n, t, _ in type_.fields)} }}\n"
        return (f"{text}impl Value for {type_.name} {{\n    #[inline(never)] fn write_log(&self, name: Name) {{ unsafe {{ truth_struct(name); {logs} "
                f"truth_close(); }} }}\n    #[inline] fn fold(&self) -> u64 {{ 0u64{folds} }}\n}}\n")

    # ---- functions --------------------------------------------------------------------------------------

    def head(self, f):
        method = f.extra["style"] in ("Item::", "Shape::")
        params = ["&self"] if method else []
        for i, (n, t) in enumerate(f.params):
            name = "Any" if f.extra.get("generic") and i == 0 else t.name
            params.append(f"{'mut ' if f.writes == n else ''}{n}: {name}")
        words = "#[inline(never)] " if "noinline" in f.attrs else ""
        if "pub" in f.attrs and f.extra["style"] != "Shape::" or f.extra["style"] in ("inner::", "Item::"):
            words += "pub "
        generic = "<Any: Value + Clone>" if f.extra.get("generic") else ""
        return f"{words}fn {f.name}{generic}({', '.join(params)})" + (f" -> {f.result.name}" if f.result else "")

    def invoke(self, f, args):
        if f.extra["style"] in ("Item::", "Shape::"):
            return f"ITEM.{f.name}({', '.join(args)})"
        return f"crate::{f.extra['style']}{f.name}({', '.join(args)})"

    def call(self, caller, c):
        f, lines = c.callee, []
        generic = caller.params[0][0] if caller.extra.get("generic") else None
        for i, ((_, kind), value) in enumerate(zip(f.params, c.args)):
            if value.mode == "param" and value.param == generic:
                value = Value("mix", i)
            lines.append(f"let v{i}: {kind.name} = {self.value(kind, value)};")
        lines.append(f"let n = truth_begin({literal(f.name)}, {int(c.tail)});")
        if f.extra["style"] in ("Item::", "Shape::"):
            lines.append("ITEM.write_log();")
        lines += [self.log(kind, name, f"v{i}") for i, (name, kind) in enumerate(f.params)]
        lines.append("truth_call(n);")
        call = self.invoke(f, [f"v{i}" for i in range(len(f.params))])
        if c.tail:
            lines.append(f"return {call};")
        elif f.result and c.uses_result:
            lines += [f"let got = {call};", "truth_end(n);", self.log(f.result, "result", "got"), "truth_back(n);",
                      "acc = acc.wrapping_add(got.fold());"]
        else:
            lines += [f"let _ = {call};", "truth_end(n);", "truth_back(n);"]
        test = f"if {c.guard} != 0 " if c.guard and c.guard != generic else ""
        if f is caller:
            test = "if has_budget() "
        if c.loop > 1:
            test += f"{'{ ' if test else ''}for _ in 0..{c.loop} "
        end = " }" if c.loop > 1 and (c.guard and c.guard != generic or f is caller) else ""
        return f"    {test}{{ unsafe {{\n" + "".join(f"        {line}\n" for line in lines) + f"    }} }}{end}\n"

    def define(self, f):
        generic = f.params[0][0] if f.extra.get("generic") else None
        used = "".join(f".wrapping_add({n}.fold())" for n in f.used)
        default = self.expression(f.result, False, NEW_VALUE.seed) if f.result else ""
        lines = [f"    let mut acc: u64 = {'0u64' if f.pure else 'any()'}{used};\n"]
        if not f.pure:
            lines.append("    sink(acc);\n")
        if f.early and f.early != generic:
            lines.append(f"    if {f.early} == 0 {{ return {default}; }}\n")
        lines += [self.call(f, c) for c in f.calls]
        if f.writes and f.writes != generic:
            kind = f.param_type(f.writes)
            lines.append(f"    {f.writes} = {self.expression(kind, False, NEW_VALUE.seed)}; sink({f.writes}.fold());\n")
        if f.result:
            lines.append(f"    {default}\n")
        return f"{self.head(f)} {{\n{''.join(lines)}}}\n"

    def render(self, program):
        parts = [(RUNTIME / "head.rs").read_text(), "static SLICE: [i32; 4] = [3, 1, 4, 1];\n"]
        parts += [self.declare(t) for t in self.used_types(program)]
        by_style = {style: [f for f in program.functions if f.extra["style"] == style] for style, _ in STYLES}
        parts += [self.define(f) for f in by_style[""]]
        parts.append("mod inner {\nuse super::*;\n" + "".join(self.define(f) for f in by_style["inner::"]) + "}\n")
        parts.append("impl Item {\n" + "".join(self.define(f) for f in by_style["Item::"]) + "}\n")
        heads = "".join(self.head(f).replace("mut ", "").replace("#[inline(never)] ", "") + ";\n" for f in by_style["Shape::"])
        parts.append("trait Shape {\n" + heads + "}\nimpl Shape for Item {\n" +
                     "".join(self.define(f) for f in by_style["Shape::"]) + "}\n")
        parts.append("fn main() {\n    let mut acc: u64 = any();\n" +
                     "".join(self.call(program.main, c) for c in program.main.calls) + "}\n")
        return "\n".join(parts)

    # ---- builds -----------------------------------------------------------------------------------------

    extras = (["-Clto=fat"], ["-Ccodegen-units=1"], ["-Cpanic=abort"], ["-Cdebuginfo=1"], ["-Cforce-frame-pointers=yes"],
              ["-Csymbol-mangling-version=v0"], ["-Csplit-debuginfo=packed"], ["-Csplit-debuginfo=unpacked"])

    def builds(self, r):
        compiler = r.choice(self.compilers)
        level = r.choice(("0", "0", "1", "2", "3", "s"))
        flags = r.choice(self.extras) if r.random() < 0.4 else []
        # Not in old versions.
        if compiler == "/usr/bin/rustc" and flags and "split" in flags[0]:
            flags = []
        debug = [] if "-Cdebuginfo=1" in flags else ["-Cdebuginfo=2"]
        strip = r.random() < 0.08 and not flags
        which = "rustc" if compiler != "/usr/bin/rustc" else "/usr/bin/rustc"
        return Build(f"{which} -Copt-level={level} {' '.join(flags)}{' stripped' if strip else ''}", (
            Step([compiler, "--edition=2021", f"-Copt-level={level}", *debug, *flags, "-Cdebug-assertions=no",
                  "-Coverflow-checks=no", "-Clink-arg={runtime_object}", self.source, "-o", "program"]),),
            level=f"-O{level}", strip=strip, is_untyped="-Cdebuginfo=1" in flags)


def literal(text):
    return f'b"{text}\\0".as_ptr()'
