# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""trace by the types and names that DWARF tells of a program, against what the program logs."""
import os
import re
import subprocess

import pytest

from tracing import Tool, json_lines, need, need_target, need_that, run_target, run_tool, target_path

SOURCE = "tests/targets/server.c"
ROUNDS = 3
BUILDS = pytest.mark.parametrize("server", ["server", "server-O0"])


def traced(server, spec, *options, count=ROUNDS):
    """Trace a run of the server: (its log, the messages)."""
    spec = re.sub(r"^([pr]):", rf"\1:{target_path(server)}:", spec)
    with Tool("trace", *options, spec) as trace:
        log = run_target(server, count)
        out, err = trace.stop()
    assert trace.status == 0, err
    return log, [line.split(None, 4)[4].rstrip() for line in out.splitlines()[1:]]


def logged(log, name):
    return [line.split(" ", 1)[1] for line in log if line.startswith(name + " ")]


def line_of(mark):
    with open(SOURCE) as source:
        return next(n for n, line in enumerate(source, 1) if f"line: {mark} " in line)


@BUILDS
def test_parameters_by_name_through_structures(server):
    log, seen = traced(server, 'p:handle (depth == 1) "%s %d %d", req->path, req->len, req->method')
    assert seen == [line.split(" = ")[0] for line in logged(log, "handle")]


@BUILDS
def test_members_of_every_kind(server):
    _, seen = traced(server, 'p:handle (depth == 1) "%d %d %x|%s %u|%x %d|%d %d %s|%s %d", req->secure, req->version, '
                     'req->code, req->headers[1].name, req->headers[1].len, req->word, req->bytes[0], '
                     'req->from.bytes[3], req->from.port, req->tag, req->next->path, req->next->next == 0')
    assert seen == [f"{i & 1} 5 abc|Accept {i}|{0x01020304 + i:x} {4 + i}|{i} 8080 tag|/next 1"
                    for i in range(ROUNDS)]


@BUILDS
def test_sizes_casts_enumerators_and_addresses_of_members(server):
    _, seen = traced(server, 'p:handle (depth == 1 && (req->method == POST || req->method == GET)) "%d %d %s %d", '
                     'sizeof(struct request), sizeof(req->headers), ((struct request *)arg1)->path, '
                     '((struct request *)((char *)&req->tag - ((char *)&req->tag - (char *)req)))->len')
    assert seen == [f"104 32 /page/{i} {100 + i}" for i in range(ROUNDS)]


@BUILDS
def test_structures_by_value_in_registers_and_in_memory(server):
    log, seen = traced(server, 'p:sum_points "%d,%d %d,%d %d", a.x, a.y, b.x, b.y, factor')
    assert seen[0::2] == [line.split(" = ")[0] for line in logged(log, "sum_points")]
    log, seen = traced(server, 'p:sum_big "%d %d %d", a, big.v[3], b')
    assert seen == [line.split(" = ")[0] for line in logged(log, "sum_big")]


@BUILDS
def test_without_a_format_everything_is_printed_by_its_type(server):
    _, seen = traced(server, "p:nine")
    assert seen == [f"a={i}, b='b', c=-3, d={1 << 40}, e={0xf0000000}, f={-i}, g=7, h='h', i={9 + i}"
                    for i in range(ROUNDS)]
    log, seen = traced(server, "r:nine")
    assert [line.split(") ")[1].split(" <")[0] for line in seen] == logged(log, "nine")
    assert [line.split(", ")[-1].split(")")[0] for line in seen] == [f"i={9 + i}" for i in range(ROUNDS)]


@BUILDS
def test_returns_know_parameters_as_they_were_at_the_entry(server):
    log, seen = traced(server, 'r:handle (depth == 1) "%s %d %d = %d", req->path, req->len, req->method, retval')
    assert seen == logged(log, "handle")
    log, seen = traced(server, 'r:sum_points "%d,%d %d,%d %d = %d", a.x, a.y, b.x, b.y, factor, retval')
    assert seen[0::2] == logged(log, "sum_points")
    log, seen = traced(server, 'r:sum_big (served >= 0) "%d %d %d = %d", a, big.v[3], b, retval')
    assert seen == logged(log, "sum_big")


REQUEST = ('{{.path="/page/{i}", .len={len}, .method={method}, .secure={odd}, .version=5, .code=2748, '
           '.headers=[{{.name="Host", .len=4}}, {{.name="Accept", .len={i}}}], .word={word}, .bytes=[{low}, 3, 2, 1], '
           '.from={{.bytes=[10, 0, 0, {i}], .port=8080}}, .tag="tag", .weight={weight:g}, .done=true, .next=')


@BUILDS
def test_structures_are_printed_by_their_type(server):
    _, seen = traced(server, 'p:handle (depth == 1) "%O", req')
    assert [line[:line.index("0x")] for line in seen] == [
        REQUEST.format(i=i, len=100 + i, method="POST" if i % 2 else "GET", odd=i & 1, word=0x01020304 + i,
                       low=4 + i, weight=i / 2) for i in range(ROUNDS)]
    _, seen = traced(server, 'p:handle (depth == 1) "%O %O %O %O", req->from, req->method, req->path, limits')
    assert seen == [f'{{.bytes=[10, 0, 0, {i}], .port=8080}} {"POST" if i % 2 else "GET"} "/page/{i}" [10, 20, 30]'
                    for i in range(ROUNDS)]


@BUILDS
def test_structures_are_nested_objects_in_json(server):
    with Tool("trace", "--json", f'p:{target_path(server)}:handle (depth == 1) "%O %O", req, req->from') as trace:
        run_target(server, 2)
        out, _ = trace.stop()
    records, _ = json_lines(out)
    request, sender = records[1]["args"]
    assert {key: request[key] for key in ("path", "len", "method", "secure", "weight", "done", "tag")} == {
        "path": "/page/1", "len": 101, "method": "POST", "secure": 1, "weight": 0.5, "done": True, "tag": "tag"}
    assert request["headers"] == [{"name": "Host", "len": 4}, {"name": "Accept", "len": 1}]
    assert sender == {"bytes": [10, 0, 0, 1], "port": 8080}


@BUILDS
def test_an_object_that_cannot_be_read_is_an_error(server):
    _, seen = traced(server, 'p:sum_big "%O %d", (struct request *)8, a')
    assert seen == [f"? {i}" for i in range(ROUNDS)]


@BUILDS
def test_structures_passed_by_value_are_printed_without_a_format(server):
    _, seen = traced(server, "p:sum_points")
    assert seen[0::2] == [f"a={{.x={i}, .y={-i}}}, b={{.x={2 * i}, .y=3}}, factor={i}" for i in range(ROUNDS)]
    _, seen = traced(server, "p:sum_big")
    assert seen == [f"a={i}, big={{.v=[1, 2, 3, {i}]}}, b={7 * i}" for i in range(ROUNDS)]
    _, seen = traced(server, "p:scale")
    # In a floating-point register; code that isn't optimised puts it into memory first.
    assert seen == [f"factor={'1.5' if server.endswith('O0') else '?'}, n={i}" for i in range(ROUNDS)]


@BUILDS
def test_structures_that_are_returned(server):
    log, seen = traced(server, 'r:mirror "%d,%d = %d,%d", p.x, p.y, retval.x, retval.y')
    assert seen == logged(log, "mirror")
    need_that(os.uname().machine != "aarch64",
              "this machine's ABI doesn't keep where a large structure is returned (x8)")
    log, seen = traced(server, 'r:widen "%d = %d %d", n, retval.v[0], retval.v[3]')
    assert seen == logged(log, "widen")
    _, seen = traced(server, "r:widen")
    assert [line.split(" <")[0] for line in seen] == [
        f"(n={i}) = {{.v=[{i}, {i + 1}, {i + 2}, {i + 3}]}}" for i in range(ROUNDS)]


@BUILDS
def test_sums_of_what_dwarf_knows_by_name(server):
    with Tool("trace", "--sum", "req->len", f'p:{target_path(server)}:handle (depth == 1) "%O", req->method') as trace:
        run_target(server, ROUNDS)
        out, _ = trace.stop()
    assert {line.split()[-1]: line.split()[0] for line in out.splitlines()[1:]} == {"GET": "202", "POST": "101"}


@BUILDS
def test_variables_of_the_program(server):
    _, seen = traced(server, 'p:sum_big "%d %d %s", served > 0, limits[1], latest->next->path')
    assert seen == ["1 20 /next"] * ROUNDS


@BUILDS
def test_a_line_with_what_is_seen_there(server):
    log, seen = traced(server, f'p:server.c:{line_of("second")} "%d", twice')
    assert seen == logged(log, "end")
    _, seen = traced(server, f'p:targets/server.c:{line_of("second")} "hit"')
    assert seen == ["hit"] * ROUNDS


def test_locals_at_a_line():
    _, seen = traced("server-O0", f'p:server.c:{line_of("second")}')
    assert seen == [f"seed={i}, twice={8 * i}, at={{.x={i}, .y={2 * i}}}" for i in range(ROUNDS)]
    _, out, _ = run_tool("trace", "-v", "-l", f'p:{target_path("server-O0")}:server.c:{line_of("second")}')
    assert [line.strip() for line in out.splitlines()[1:]] == ["long int seed", "long int twice", "struct point at"]
    log, seen = traced("server-O0", f'p:server.c:{line_of("first")} "%d %d", twice, at.y')
    assert seen == logged(log, "stage")
    _, seen = traced("server-O0", f'p:server.c:{line_of("inlined")} "%s %d", tag, ok')
    assert seen == ["tag 1"] * 2 * ROUNDS


@BUILDS
def test_a_function_that_was_inlined_everywhere_is_probed_where_it_was(server):
    _, seen = traced(server, 'p:check_tag (n == 1) "%s %d", tag, n')
    assert seen == ["tag 1"] * ROUNDS
    spec = f"{target_path(server)}:check_tag"
    status, _, err = run_tool("trace", f'p:{spec} "%d", arg1')
    assert status == 2 and "check_tag was inlined here" in err
    status, _, err = run_tool("trace", f"r:{spec}")
    assert status == 2 and "has no return" in err


@BUILDS
def test_functions_of_a_pattern_that_lack_a_name_are_left_out_and_told(server):
    with Tool("trace", f'p:{target_path(server)}:s[uc]* "%d", factor + 0 * a.x') as trace:
        log = run_target(server, ROUNDS)
        out, err = trace.stop()
    assert {line.split()[3] for line in out.splitlines()[1:]} == {"sum_points"}
    assert re.search(r"is probed at 1 of \d+ places, since at the others not everything is known: ", err)
    assert logged(log, "sum_big")


@BUILDS
def test_what_has_no_place_is_told_with_the_reason(server):
    target = target_path(server)
    for spec, column, text in (
            ('p:{}:scale "%d", factor', 0, "floating-point values can't be computed with" if server.endswith("O0") else
             "'factor' can't be read: it is in a register that probes don't see"),
            ('p:{}:handle "%d", req->lem', 0, "'lem' is not a field of struct request (did you mean 'len'?)"),
            ('p:{}:handle "%d", dept', 0, "'dept' is not a parameter of handle (did you mean 'depth'?)"),
            ('p:{}:server.c:1', 0, "has no code for server.c:1"),
            ('p:{}:nosuch.c:10', 0, "has no code for nosuch.c:10")):
        status, _, err = run_tool("trace", spec.format(target))
        assert status == 2 and text in err, err
        assert "column " in err


def test_optimised_out_is_told():
    status, _, err = run_tool("trace", f'p:{target_path("server")}:server.c:{line_of("first")} "%d", at.x')
    assert status == 2 and "optimised out" in err, err


@BUILDS
def test_lists_parameters_with_their_types(server):
    status, out, _ = run_tool("trace", "-v", "-l", f"p:{target_path(server)}:handle")
    assert status == 0
    assert [line.strip() for line in out.splitlines()[1:]] == ["struct request *req", "int depth", "int retval"]


def test_split_dwarf_is_found():
    log, seen = traced("server-split", 'p:handle (depth == 1) "%s %d %d", req->path, req->len, req->method')
    assert seen == [line.split(" = ")[0] for line in logged(log, "handle")]
    log, seen = traced("server-split", f'p:server.c:{line_of("second")} "%d", twice')
    assert seen == logged(log, "end")
    _, seen = traced("server-split", 'p:sum_big "%s", latest->next->path')
    assert seen == ["/next"] * ROUNDS


def test_a_written_signature_wins():
    _, seen = traced("server", 'p:handle(long r, short n) (n == 1) "%d %d", sizeof(n), r != 0')
    assert seen == ["2 1"] * ROUNDS


def test_names_come_from_the_debug_file_of_a_stripped_program(tmp_path):
    need("objcopy")
    server, debug = tmp_path / "server", tmp_path / "server.debug"
    subprocess.run(["objcopy", "--only-keep-debug", target_path("server"), debug], check=True)
    subprocess.run(["objcopy", "--strip-all", f"--add-gnu-debuglink={debug}", target_path("server"), server],
                   check=True)
    with Tool("trace", f'p:{server}:handle "%s", req->path') as trace:
        subprocess.run([server, "2"], stdout=subprocess.DEVNULL, check=True)
        out, err = trace.stop()
    assert trace.status == 0, err
    assert {line.split()[4] for line in out.splitlines()[1:]} == {"/page/0", "/page/1"}


def of_other_language(target, spec):
    """The messages of a run of a target that isn't C."""
    need_target(target)
    with Tool("trace", spec.format(target_path(target))) as trace:
        log = run_target(target, ROUNDS)
        out, err = trace.stop()
    assert trace.status == 0, err
    functions = {line.split(None, 4)[3] for line in out.splitlines()[1:]}
    assert functions == {re.match(r"[pr]:{}:([^ ]+)", spec)[1]}
    return log, [line.split(None, 4)[4] for line in out.splitlines()[1:]]


def test_strings_references_and_this_of_cpp():
    log, seen = of_other_language("throw", "p:{}:app::Greeter::greet")
    names = [line.split()[0] for line in logged(log, "app::Greeter::greet")]
    assert [re.sub("0x[0-9a-f]+", "ADDR", line) for line in seen] == [f'this=ADDR, name="{name}"' for name in names]
    _, seen = of_other_language("throw", 'p:{}:app::Greeter::greet "%s|%d|%O", name, name._M_string_length, name')
    assert seen == [f'{name}|{len(name)}|"{name}"' for name in names]


def test_overloads_have_their_own_parameters():
    _, seen = of_other_language("throw", "p:{}:app::add")
    assert seen == [line for i in range(ROUNDS) for line in (f"a={i}, b=1", "a=?, b=?")]


def test_strings_of_go():
    log, seen = of_other_language("goadd", 'p:{}:main.goName "%s %d", name, name.len')
    assert sorted(seen) == [f"name {i} 6" for i in range(ROUNDS)]
    _, seen = of_other_language("goadd", "p:{}:main.goAdd")
    assert sorted(set(seen)) == sorted(f"a={a}, b={b}" for a, b in (line.split()[:2] for line in logged(log, "goAdd")))
    _, seen = of_other_language("goadd", "r:{}:main.goAdd")
    assert sorted({line.split(" <")[0] for line in seen}) == sorted(
        "(a={}, b={}) = {}".format(*line.replace(" = ", " ").split()) for line in logged(log, "goAdd"))
    _, seen = of_other_language("goadd", 'r:{}:main.goName "%s %d", name, retval')
    assert sorted(seen) == [f"name {i} 6" for i in range(ROUNDS)]
