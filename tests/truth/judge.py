# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""What trace printed against what the program logged: values right, unknown or wrong; calls seen, reported as not
seen, missed or double; the program's own run the same or harmed."""
import re
from collections import defaultdict
from dataclasses import dataclass

import watch

FAULTS = ("wrong", "missed", "double", "harmed")
VERDICTS = ("right", "unknown", "float") + ("seen", "reported") + FAULTS


@dataclass
class Finding:
    verdict: str
    func: str
    text: str


# ---- values ---------------------------------------------------------------------------------------------------

def number_of(got):
    """What stands for a number: digits, hexadecimal digits, a character, a truth value."""
    if isinstance(got, (int, float)):
        return got
    if isinstance(got, str):
        try:
            return int(got, 0)
        except ValueError:
            return ord(got) if len(got) == 1 else None
    return None


def is_leaf_right(expected, got):
    if isinstance(expected, bool):
        return number_of(got) == int(expected)
    if isinstance(expected, (int, float)):
        return number_of(got) == expected
    if isinstance(expected, str) or expected is None:
        return got == expected
    if "char" in expected:
        value = number_of(got)
        return value is not None and value % 256 == expected["char"] % 256
    if "enum" in expected:
        return got == expected["as"] or number_of(got) == expected["enum"]
    if "pointer" in expected:
        return number_of(got) == expected["pointer"]
    if "float" in expected:
        value, right = number_of(got), expected["float"]
        return value is not None and abs(value - right) <= 1e-6 * abs(right)
    high, low, _ = expected["wide"]
    value = number_of(got)
    return isinstance(value, int) and value % 2**128 == high << 64 | low


def is_leaf(expected):
    return not isinstance(expected, (dict, list)) or (isinstance(expected, dict) and bool(
        set(expected) & {"char", "enum", "pointer", "float", "wide"}))


def value_of(expected):
    return expected["char"] if isinstance(expected, dict) else expected


def is_unreadable(got):
    return got is None or (isinstance(got, dict) and set(got) == {"error"})


def compare(path, expected, got):
    """(verdict, path, expected, got) of each part."""
    if isinstance(expected, dict) and set(expected) == {"any"}:
        return
    if is_unreadable(got):
        if expected is None:
            yield "right", path, expected, got
        else:
            yield "float" if isinstance(expected, dict) and "float" in expected else "unknown", path, expected, got
    elif is_leaf(expected):
        yield "right" if is_leaf_right(expected, got) else "wrong", path, expected, got
    elif isinstance(expected, dict):
        if not isinstance(got, dict):
            yield "wrong", path, expected, got
            return
        for name, value in expected.items():
            yield from compare(f"{path}.{name}", value, got.get(name))
    elif isinstance(got, str):
        # An array of characters.
        text = bytes(value_of(v) % 256 for v in expected).split(b"\0")[0].decode("utf-8", "replace")
        # How many bytes one replacement character stands for is a matter of taste.
        yield "right" if got.replace("\ufffd", "") == text.replace("\ufffd", "") else "wrong", path, expected, got
    elif not isinstance(got, list) or len(got) != len(expected):
        yield "wrong", path, expected, got
    else:
        for i, value in enumerate(expected):
            yield from compare(f"{path}[{i}]", value, got[i])


def judge_values(call, event, is_return, is_untyped):
    row, found = event.row, []
    if is_untyped:
        return
    params = row.get("values", {})
    for name, value in call.values.items():
        found += compare(name, value, params.get(name))
    if is_return and call.result and "result" in call.result:
        found += compare("result", call.result["result"], row.get("retval"))
    for name, value in (call.result or {}).get("results", {}).items() if is_return else ():
        found += compare(f"result {name}", value, row.get("results", {}).get(name.lstrip("~")))
    for verdict, path, expected, got in found:
        if verdict == "unknown":
            own = "retval" if path == "result" or path.startswith("result.") else path.replace("result ", "").lstrip("~")
            why = row.get("unknown", {}).get(re.split(r"[.[]", own)[0])
            yield Finding(verdict, call.func, why or "it isn't named at all")
            continue
        yield Finding(verdict, call.func, f"{event.spec}: call {call.number}, {path}: {got!r}, right: {expected!r}")


# ---- calls ----------------------------------------------------------------------------------------------------

def pair(calls, events, place):
    """Calls with their events: in its window of the run, else next to it, as compilers move code about."""
    windows = defaultdict(list)
    for event in events:
        windows[event.markers].append(event)
    pairs, left = [], []
    for call in calls:
        here = windows[place(call)]
        if here:
            pairs.append((call, here.pop(0)))
        else:
            left.append(call)
    for call in left:
        near = next((windows[place(call) + d] for d in (-1, 1) if windows[place(call) + d]), None)
        pairs.append((call, near.pop(0) if near else None))
    return pairs, [event for rest in windows.values() for event in rest]


def says_unseen(notes, spec):
    """Does trace itself say that it doesn't see all calls of this function?"""
    return any(f"'{spec}'" in line and ("not seen" in line or "not probed" in line) for line in notes.splitlines())


def judge_spec(spec, is_return, calls, seen, is_untyped, is_pure):
    """is_pure: compilers may leave calls out, as nobody sees whether they are made."""
    if is_return:
        calls = sorted((c for c in calls if c.back_at >= 0), key=lambda c: c.back_order)
        place = lambda c: c.back_at          # noqa: E731
    else:
        place = lambda c: c.call_at + 1      # noqa: E731
    events = [e for e in seen.events if e.spec == spec]
    if spec in seen.refused:
        for call in calls:
            yield Finding("reported", call.func, f"{spec}: {seen.refused[spec]}")
        return
    pairs, extra = pair(calls, events, place)
    reported = says_unseen(seen.notes, spec)
    for call, event in pairs:
        if event:
            yield Finding("seen", call.func, "")
            yield from judge_values(call, event, is_return, is_untyped)
        elif not is_pure:
            yield Finding("reported" if reported else "missed", call.func, f"{spec}: call {call.number} {call.values}")
    for event in extra:
        yield Finding("double", event.spec, f"{spec}: no call is left for {event.row.get('message')}")


def judge(funcs, alone, traced, seen, is_untyped, pure=()):
    """
    funcs: {function: (its p: spec, its r: spec)}. All findings of one run; of values none if nothing knows their types.
    pure: names of functions that do nothing but return a value.
    """
    if watch.without_pointers(alone) != watch.without_pointers(traced):
        yield Finding("harmed", "", f"the program's own log differs: {difference(alone, traced)}")
        return
    yield Finding("same", "", "")
    calls = defaultdict(list)
    for call in watch.parse_log(traced):
        calls[call.func].append(call)
    for func, specs in funcs.items():
        for is_return, spec in enumerate(specs):
            yield from judge_spec(spec, bool(is_return), calls[func], seen, is_untyped, func in pure)


def difference(a, b):
    for x, y in zip(a.splitlines(), b.splitlines() + ["(nothing)"]):
        if watch.without_pointers(x) != watch.without_pointers(y):
            return f"{y[:200]!r}, alone {x[:200]!r}"
    return "it is longer"
