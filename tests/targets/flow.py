# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Calls whose tree is known, for tests of uflow; the same in flow.* of the other languages. Says that it is
ready and waits for a line, makes its calls, says that it is done and waits for another. With "threads" two threads make calls
of their own too; with a number it makes that many calls in a row."""
import sys
import threading


def fact(n):
    return 1 if n <= 1 else n * fact(n - 1)


def deep(n):
    if n == 0:
        raise ValueError("deep enough")
    deep(n - 1)


def guarded():
    try:
        deep(2)
    except ValueError:
        leaf()


def leaf():
    pass


def work():
    fact(3)
    guarded()
    leaf()


def in_thread(n):
    for _ in range(n):
        outer()


def outer():
    leaf()


def main():
    print("ready", flush=True)
    sys.stdin.readline()
    work()
    if sys.argv[1:] and sys.argv[1].isdigit():
        in_thread(int(sys.argv[1]))
    if "threads" in sys.argv:
        threads = [threading.Thread(target=in_thread, args=(n,)) for n in (3, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print("done", flush=True)
    sys.stdin.readline()


main()
