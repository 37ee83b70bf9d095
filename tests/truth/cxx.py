# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Programs in C++: classes by value and by reference, strings, methods, namespaces, templates, overloads."""
from c import C, HEAD
from model import Type

CXX_HEAD = HEAD.replace("#include \"truth.h\"", """#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include "truth.h\"""")

# Where a function is: how often of ten.
STYLES = (("", 4), ("app::", 3), ("app::inner::", 1), ("(anonymous namespace)::", 1), ("Box::", 2), ("app::Crate::", 2))
CLASSES = ("Box::", "app::Crate::")


class Cxx(C):
    name = "cxx"
    compilers = ("g++", "clang++")
    source = "program.cc"

    # ---- types ------------------------------------------------------------------------------------------

    def class_type(self, r, number):
        """A class that is passed by address, or isn't: that is what has to be found out."""
        fields = [(f"m{i}", self.scalar(r), 0) for i in range(r.randrange(1, 4))]
        parts = {p for p in ("destructor", "copy", "virtual", "base") if r.random() < 0.35}
        return Type("struct", f"Klass{number}", fields=fields, extra={"class": parts})

    def types(self, r):
        types = [t for t in super().types(r) if t.kind != "wide"]
        for t in types:
            if t.kind == "enum" and r.random() < 0.5:
                t.name, t.extra["class"] = t.name.split()[-1], True
        classes = [self.class_type(r, i) for i in range(r.randrange(1, 4))]
        library = [Type("text", "std::string"), Type("text", "std::string_view"), Type("any", "std::vector<int>"),
                   Type("any", "std::unique_ptr<int>"), Type("any", "std::pair<int, long>"),
                   Type("any", "std::optional<int>"), Type("any", "std::array<short, 3>"), Type("any", "std::map<int, int>")]
        chosen = [t for t in library if r.random() < 0.4]
        referred = r.sample(types + classes + chosen[:1], 2)
        refs = [Type("ref", f"{'const ' if r.random() < 0.6 else ''}{t.name}{'' if t.name.endswith('*') else ' '}&", element=t)
                for t in referred if t.kind != "any" and "*" not in t.name]
        return types + classes + chosen + refs

    def can_write(self, type_):
        return super().can_write(type_) and "class" not in type_.extra

    def decorate(self, f, r):
        super().decorate(f, r)
        f.extra["style"] = r.choice([s for s, times in STYLES for _ in range(times)])
        style = f.extra["style"]
        if style == "(anonymous namespace)::":
            f.attrs.discard("static")
        if style in CLASSES:
            f.attrs.discard("inline")
            f.extra["static"] = "static" in f.attrs and r.random() < 0.5
            f.attrs.discard("static")
            f.extra["virtual"] = not f.extra["static"] and r.random() < 0.25
        elif r.random() < 0.12 and f.params and f.params[0][1].kind in ("int", "struct", "string"):
            f.extra["template"] = True
        # Of two functions of one name; the parameters differ by one that has no other use.
        elif r.random() < 0.1:
            f.extra["over"] = True
        if f.result and f.result.kind == "ref":
            f.result = f.result.element

    def full_name(self, f):
        return f.extra["style"].replace("(anonymous namespace)::", "") + f.name

    def spec(self, f):
        return f.extra["style"] + f.name if f.extra["style"] != "(anonymous namespace)::" else f.name

    # ---- values -----------------------------------------------------------------------------------------

    def parts(self, type_, is_const, seed):
        if type_.kind == "ref":
            return self.parts(type_.element, is_const, seed)
        if type_.kind in ("struct", "union"):
            inner = []
            for i, (_, kind, bits) in enumerate(type_.fields if type_.kind == "struct" else type_.fields[:1]):
                value = self.parts(kind, is_const, seed * 31 % 2**30 + i * 7)
                inner.append(f"({value}) & {2**(bits - kind.signed) - 1}" if bits else value)
            return "{ " + ", ".join(inner) + " }"
        return super().parts(type_, is_const, seed)

    def leaf(self, type_, is_const, seed):
        if type_.kind == "enum" and "class" in type_.extra:
            plain = super().leaf(Type("enum", type_.name, extra=type_.extra), is_const, seed)
            for name, _ in type_.extra["values"]:
                plain = plain.replace(name, f"{type_.name}::{name}")
            return plain
        if type_.kind == "text":
            return f'{type_.name}("constant {seed % 100}")' if is_const else f"{type_.name}(truth_text(acc + {seed % 100}))"
        if type_.kind == "any":
            number = f"(int)(acc + {seed % 1000})" if not is_const else str(seed % 1000)
            return {"std::vector<int>": f"std::vector<int>{{{number}, {seed % 50}}}",
                    "std::unique_ptr<int>": f"std::make_unique<int>({number})",
                    "std::optional<int>": "std::optional<int>()" if seed % 3 == 0 else f"std::optional<int>({number})",
                    "std::array<short, 3>": f"std::array<short, 3>{{(short){number}, 2, {seed % 50}}}",
                    "std::map<int, int>": f"std::map<int, int>{{{{1, {number}}}, {{{seed % 3}, 2}}}}",
                    "std::pair<int, long>": f"std::pair<int, long>{{{number}, {seed % 50}}}"}[type_.name]
        return super().leaf(type_, is_const, seed)

    def value(self, type_, value):
        if value.mode == "param":
            return f"std::move({value.param})" if "unique_ptr" in type_.name else value.param
        if type_.kind == "ref":
            return self.value(type_.element, value)
        text = self.parts(type_, value.mode == "const", value.seed)
        return f"{self.plain(type_)}{text}" if type_.kind in ("struct", "union") else text

    def plain(self, type_):
        return type_.name.split()[-1]

    def declare_value(self, type_, name):
        return self.declared(type_.element if type_.kind == "ref" else type_, name)

    def passed(self, type_, name):
        return f"std::move({name})" if "unique_ptr" in type_.name else name

    # ---- what is done with values -----------------------------------------------------------------------

    def fold(self, type_, e):
        if type_.kind == "ref":
            return self.fold(type_.element, e)
        if type_.kind == "text":
            return f"(unsigned long)({e}.size())"
        if type_.kind == "any":
            return {"std::vector<int>": f"(unsigned long)({e}.size() ? {e}[0] : 0)",
                    "std::unique_ptr<int>": f"(unsigned long)({e} ? *{e} : 0)",
                    "std::optional<int>": f"(unsigned long)({e} ? *{e} : 7)",
                    "std::array<short, 3>": f"(unsigned long)({e}[0] + {e}[2])",
                    "std::map<int, int>": f"(unsigned long)({e}.size())",
                    "std::pair<int, long>": f"(unsigned long)({e}.first + {e}.second)"}[type_.name]
        return super().fold(type_, e)

    def log(self, type_, name, e):
        quoted = f'"{name}"' if name is not None else "NULL"
        if type_.kind == "ref":
            return self.log(type_.element, name, e)
        if type_.kind == "text":
            return f"truth_bytes({quoted}, {e}.data(), {e}.size());"
        if type_.kind == "any":
            return {"std::vector<int>": f"truth_array({quoted}); for (int one : {e}) truth_int(NULL, one); truth_close();",
                    "std::unique_ptr<int>": f"if ({e}) truth_int({quoted}, *{e}); else truth_string({quoted}, \"nullptr\");",
                    "std::optional<int>": f"if ({e}) truth_int({quoted}, *{e}); else truth_string({quoted}, \"nullopt\");",
                    "std::array<short, 3>": f"truth_array({quoted}); for (int one : {e}) truth_int(NULL, one); truth_close();",
                    "std::map<int, int>": f"truth_struct({quoted}); truth_uint(\"len\", {e}.size()); truth_close();",
                    "std::pair<int, long>": f"truth_struct({quoted}); truth_int(\"first\", {e}.first); "
                                            f"truth_int(\"second\", {e}.second); truth_close();"}[type_.name]
        if type_.kind == "enum":
            return f"truth_enum({quoted}, (long long){e}, name_{self.identifier(type_)}({e}));"
        return super().log(type_, name, e)

    def used_types(self, program):
        done = []
        for t in super().used_types(program):
            done.append(t)
        for f in program.functions:
            for kind in [k for _, k in f.params] + ([f.result] if f.result else []):
                element = kind.element if kind.kind == "ref" else None
                if element and element.kind in ("struct", "union", "enum") and element not in done:
                    one = type(program)(program.language, 0, [], [], None)
                    one.functions = [type(f)("x", [("x", element)], None, set(), [])]
                    done += [t for t in super().used_types(one) if t not in done]
        return done

    def logger(self, type_):
        if type_.kind == "enum" and "class" in type_.extra:
            cases = " ".join(f"if (v == {type_.name}::{n}) return \"{n}\";" for n, _ in type_.extra["values"])
            return f"static const char *name_{type_.name}({type_.name} v) {{ {cases} return \"\"; }}\n"
        return super().logger(type_)

    def declare(self, type_):
        parts = type_.extra.get("class")
        if parts is None:
            return super().declare(type_)
        if type_.kind == "enum":
            return f"enum class {super().declare(type_)}"
        name, lines = type_.name, []
        fields = [f"\t{self.declared(t, n)};" for n, t, _ in type_.fields]
        base = ""
        if "base" in parts:
            base, first = f" : {name}Base", fields[:1]
            lines += [f"struct {name}Base {{", *first, "};"]
            fields = fields[1:]
        lines += [f"struct {name}{base} {{", *fields]
        params = ", ".join(self.declared(t, f"p{n}") for n, t, _ in type_.fields)
        sets = " ".join(f"{n} = p{n};" for n, _, _ in type_.fields)
        lines.append(f"\t{name}({params}) {{ {sets} }}")
        copies = " ".join(f"{n} = o.{n};" for n, _, _ in type_.fields)
        if "copy" in parts:
            lines.append(f"\t{name}(const {name} &o) {{ {copies} truth_sink = truth_sink + 1; }}")
        if "destructor" in parts:
            lines.append(f"\t~{name}() {{ truth_sink = truth_sink + 1; }}")
        if "virtual" in parts:
            lines.append(f"\tvirtual long size() const {{ return {len(fields)}; }}")
        return "\n".join(lines + ["};\n"])

    # ---- functions --------------------------------------------------------------------------------------

    def log_this(self, f):
        """What a method is called on is a value like the others."""
        if f.extra["style"] not in CLASSES or f.extra["static"]:
            return []
        return [f'truth_pointer("this", {self.object(f)});']

    def object(self, f):
        return "&box" if f.extra["style"] == "Box::" else "&app::crate"

    def invoke(self, f, args):
        args = [self.passed(t, a) for (_, t), a in zip(f.params, args)]
        if f.extra.get("over"):
            args.append("'o'")
        if f.extra["style"] in CLASSES and not f.extra["static"]:
            return f"({self.object(f)})->{f.name}({', '.join(args)})"
        return f"{self.full_name(f)}({', '.join(args)})"

    def params(self, f):
        params = [self.declared(t, n) for n, t in f.params]
        if f.extra.get("template"):
            params[0] = f"Any {f.params[0][0]}"
        if f.extra.get("over"):
            params.append("char")
        return ", ".join(params)

    def head(self, f, outside=True):
        style, result = f.extra["style"], f.result.name if f.result else "void"
        words = [w for w in ("static", "inline") if w in f.attrs]
        if style in CLASSES and not outside:
            words += [w for w in ("static", "virtual") if f.extra.get(w)]
        if "noinline" in f.attrs:
            words.append("__attribute__((noinline))")
        template = "template <class Any> " if f.extra.get("template") else ""
        name = (style if style in CLASSES else "") + f.name if outside else f.name
        return f"{template}{' '.join(words + [result])}{'' if result.endswith('*') else ' '}{name}({self.params(f)})"

    def in_namespace(self, f, text):
        style = f.extra["style"]
        for space in reversed([] if style == "Box::" else style.replace("(anonymous namespace)", "").split("::")[:-1]):
            if space != "Crate":
                text = f"namespace {space} {{\n{text}}}\n"
        return text

    def write_over(self, f):
        """The other function of the name, which is called by nobody but must not be probed for it either."""
        return f"static int {f.name}(double other) {{ return (int)other; }}\nint (*volatile use_{f.name})(double) = {f.name};\n" \
            if f.extra.get("over") else ""

    def define(self, f):
        text = super().define(f)
        return self.in_namespace(f, text)

    def render(self, program):
        parts = [CXX_HEAD]
        for kind in self.used_types(program):
            parts += [self.declare(kind), self.logger(kind)]
        for style, space in (("Box::", ""), ("app::Crate::", "app")):
            methods = "".join(f"\t{self.head(f, False)};\n" for f in program.functions if f.extra["style"] == style)
            name = style.split("::")[-2]
            text = f"struct {name} {{\n\tlong tag;\n{methods}}};\n{name} {name.lower()};\n"
            parts.append(f"namespace {space} {{\n{text}}}\n" if space else text)
        parts += [self.in_namespace(f, f"{self.head(f)};\n" + self.write_over(f)) for f in program.functions
                  if f.extra["style"] not in CLASSES]
        parts += [self.define(f) for f in program.functions]
        parts.append(self.main(program.main))
        return self.separator.join(parts)

    def build(self, compiler, flags, strip):
        return super().build(compiler, [*flags, "-std=c++17", "-Wno-narrowing", *(
            ["-Wno-c++11-narrowing"] if compiler == "clang++" else [])], strip)
