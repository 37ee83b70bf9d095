# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""trace -A, --count, --sum, --hist: what is added up against the program's own log."""
import collections
import re
import time

import pytest

from tracing import Tool, WaitingTarget, json_lines, run_target, run_tool, target_path

STACKS = target_path("stacks")
INNER = f"p:{STACKS}:inner(int key, const char *name, long size)"
NAMES = {"left": ["apple", "pear", 'a "fig"\\n'], "right": ["apple"] * 3}


def added_up(*args, rounds=20):
    """(calls of inner() as (key % 3, size, name, caller), stdout, stderr)."""
    with Tool("trace", *args) as trace:
        with WaitingTarget("stacks", rounds) as target:
            out, err = trace.stop()
    assert trace.status == 0, err
    calls = [(int(key), int(size), NAMES[caller][int(key)], caller)
             for word, key, size, caller in target.log if word == "inner"]
    assert len(calls) == rounds + rounds // 2
    return calls, out, err


def rows(out, columns=1, funcs=frozenset(["inner", "site"])):
    """{message: numbers} of a table, and that it is sorted."""
    lines = [line.split(None, columns + 1) for line in out.splitlines()[1:]]
    first = [int(line[0]) for line in lines]
    assert first == sorted(first, reverse=True)
    assert {line[columns] for line in lines} <= funcs
    return {line[columns + 1] if len(line) > columns + 1 else "": tuple(map(int, line[:columns]))
            for line in lines}


def bucket(size):
    if size < 0:
        return "(..., 0)"
    if size < 2:
        return f"[{size}]"
    bits = size.bit_length() - 1
    text = [f"{1 << bit % 10}{' KMGTPE'[bit // 10].strip()}" for bit in (bits, bits + 1)]
    return f"[{text[0]}, {text[1]})"


def test_hits_are_counted_by_the_formats_values():
    calls, out, _ = added_up("--count", f'{INNER} "%d %s", key % 3, name')
    expected = collections.Counter(f"{key} {name}" for key, _, name, _ in calls)
    assert out.splitlines()[0] == "COUNT      FUNC             -"
    assert rows(out) == {message: (count,) for message, count in expected.items()}


def test_without_a_format_a_function_has_one_count():
    calls, out, _ = added_up("--count", f"{STACKS}:*t", f"u:{STACKS}:site")
    counts = {line.split()[1]: int(line.split()[0]) for line in out.splitlines()[1:]}
    assert counts["left"] == 20 and counts["right"] == counts["site"] == 10


def test_a_function_with_several_return_instructions_has_one_row():
    """Where a return probe would do harm its return instructions are probed, which are no business of who counts."""
    def run(*args):
        status, out, err = run_tool("trace", *args, "--", "ls", "/")
        assert status == 0, err
        return out

    out = run("--count", "r:c:malloc")
    counts = re.findall(r"^(\d+) +malloc *$", out, re.M)
    entries = re.findall(r"^(\d+) +malloc *$", run("--count", "p:c:malloc"), re.M)
    assert len(entries) == 1 and counts == entries
    out = run("--hist", "(long)retval & 15", "r:c:malloc")
    assert re.findall(r"^malloc *$", out, re.M) and re.findall(r"^\[0\] +(\d+) ", out, re.M) == entries
    assert len(run_tool("trace", "-l", "r:c:malloc")[1].splitlines()) == 1


def test_sums_are_those_of_the_program():
    calls, out, _ = added_up("--sum", "size", f'{INNER} "%s", name')
    sums, counts = collections.Counter(), collections.Counter()
    for _, size, name, _ in calls:
        sums[name] += size
        counts[name] += 1
    assert out.splitlines()[0] == "SUM          COUNT      FUNC             -"
    assert rows(out, 2) == {name: (sums[name], counts[name]) for name in counts}


def test_negative_sum_of_a_return_value():
    calls, out, _ = added_up("--sum", "(int)retval - 1000000", f"r:{STACKS}:left")
    assert out.splitlines()[1].startswith("-")


def test_histograms_are_those_of_the_program():
    calls, out, _ = added_up("--hist", "size", f'{INNER} "%s", name', rounds=60)
    seen = {}
    for block in out.strip().split("\n\n"):
        head, *lines = block.splitlines()
        found = [re.fullmatch(r"(\S+(?: \S+)?) +(\d+) \|(@*) *\|", line).groups() for line in lines]
        assert all(len(line) == 16 + 8 + 1 + 54 for line in lines)
        assert int(found[0][1]) and int(found[-1][1]), "from the first to the last that isn't empty"
        most = max(int(count) for _, count, _ in found)
        assert all(len(bar) == 52 * int(count) // most for _, count, bar in found)
        seen[head.split(None, 1)[1]] = {label: int(count) for label, count, _ in found if int(count)}
    expected = collections.defaultdict(collections.Counter)
    for _, size, name, _ in calls:
        expected[name][bucket(size)] += 1
    assert seen == expected


def test_counts_by_user_stack_are_those_of_the_callers():
    calls, out, _ = added_up("--count", "-U", f"p:{STACKS}:inner")
    blocks = [block.splitlines() for block in out.split("\n", 1)[1].strip().split("\n\n")]
    seen = {frames[1].split("+")[0].strip(): int(head.split()[0]) for head, *frames in blocks}
    assert seen == collections.Counter(caller for *_, caller in calls)


def test_stacks_of_a_process_that_has_ended_keep_their_names():
    with Tool("trace", "--count", "-U", f"p:{STACKS}:inner") as trace:
        with WaitingTarget("stacks", 5):
            time.sleep(0.5)  # a new key wakes the consumer, which looks every 100 ms anyway
        out, _ = trace.stop()
    assert "left+0x" in out and "main+0x" in out


def test_no_hit_of_several_threads_is_missed():
    hits = target_path("hits")
    with Tool("trace", "--count", f'p:{hits}:hit_a "%d", arg1 & 3') as trace:
        run_target("hits", 20000, 4)
        out, _ = trace.stop()
    assert rows(out, funcs={"hit_a"}) == {str(key): (5000,) for key in range(4)}


def test_json_has_counts_sums_and_buckets():
    calls, out, _ = added_up("--json", "--sum", "size", f'{INNER} "%s", name')
    records, lost = json_lines(out)
    assert lost == 0
    for record in records:
        sizes = [size for _, size, name, _ in calls if name == record["message"].replace("\\\\n", "\\n")]
        assert (record["count"], record["sum"]) == (len(sizes), sum(sizes))
        assert record["func"] == "inner" and len(record["args"]) == 1 and "pid" not in record
    calls, out, _ = added_up("--json", "--hist", "size", INNER)
    (record,), _ = json_lines(out)
    assert record["count"] == len(calls) == sum(bucket["count"] for bucket in record["hist"])
    for found in record["hist"]:
        assert found["count"] == sum(found.get("min", -1 << 63) <= size <= found["max"]
                                     for _, size, _, _ in calls)


def test_interval_prints_what_came_since():
    with Tool("trace", "--count", "--interval", "0.2", f"p:{STACKS}:inner") as trace:
        lines = trace.read_lines()
        for rounds in (4, 8):
            run_target("stacks", rounds)
            count, calls = 0, rounds + rounds // 2
            # An interval may end amid the run.
            while count < calls:
                assert next(lines).split() == ["COUNT", "FUNC"]
                count += int(next(lines).split()[0])
            assert count == calls
        out, _ = trace.stop()
    assert out == "", "what was told is not told again"


def test_more_values_than_the_map_holds_are_counted_and_told():
    calls, out, err = added_up("--count", "--max-keys", "4", f'{INNER} "%d", key', rounds=30)
    told = int(re.search(r"(\d+) hits not added up, as there were 4 different values already", err).group(1))
    assert len(out.splitlines()) == 5
    assert sum(count for count, in rows(out).values()) + told == len(calls)
    _, out, _ = added_up("--json", "--count", "--max-keys", "4", f'{INNER} "%d", key', rounds=30)
    assert [record["overflow"] for record in json_lines(out)[0] if "overflow" in record] == [told]


def test_measure_that_cannot_be_read_is_told_not_added():
    _, out, err = added_up("--sum", "*(int *)8", INNER)
    assert out == ""
    assert "30 hits not shown" in err


def test_bccs_aggregate_prints_each_line_with_its_count():
    calls, out, _ = added_up("-A", f'{INNER} "%d %s", key % 3, name')
    expected = collections.Counter(f"{key} {name}" for key, _, name, _ in calls)
    header, *lines = out.splitlines()
    assert header.split() == ["PID", "TID", "COMM", "FUNC", "-"]
    seen = {}
    for row, count, blank in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        assert blank == "" and row.split()[2:4] == ["stacks", "inner"]
        seen[row.split(None, 4)[4]] = int(re.fullmatch(r"-->COUNT (\d+)", count).group(1))
    assert seen == expected
    assert list(seen.values()) == sorted(seen.values(), reverse=True)


def test_bccs_aggregate_ends_after_max_events_hits():
    with Tool("trace", "-A", "-U", "-M", "7", f"p:{STACKS}:inner") as trace:
        with WaitingTarget("stacks", 20):
            out, _ = trace.wait()
    assert trace.status == 0
    assert sum(map(int, re.findall(r"-->COUNT (\d+)", out))) == 7
    assert re.search(r"inner\+0x0 \[stacks\]\n +left\+.*\n(        .*\n)*-->COUNT \d+\n\n", out)


@pytest.mark.parametrize("args, message", [
    (["--count", "--sum", "arg1", "c:puts"], "only one of"),
    (["-A", "--count", "c:puts"], "exclude each other"),
    (["--count", "-T", "c:puts"], "no time of its own"),
    (["--count", "-M", "3", "c:puts"], "-M"),
    (["--interval", "1", "c:puts"], "go with"),
    (["--sum", "nonsense", "c:puts"], "'nonsense', column 1"),
    (["--hist", "arg1 +", "c:puts"], "'arg1 +', column"),
    (["--hist", "$comm", "c:puts"], "'$comm', column 1"),
    (["--count", "--max-keys", "0", "c:puts"], "--max-keys"),
])
def test_what_cannot_be_added_up_is_refused(args, message):
    status, out, err = run_tool("trace", *args)
    assert (status, out) == (2, "")
    assert message in err
