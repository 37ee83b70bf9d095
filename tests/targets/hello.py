#!/usr/bin/python3
# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""hello.py [ROUNDS]: a Python program to be traced: function calls and garbage collections, each
logged as it is made. With TARGET_WAIT set it says "ready PID" and waits for a line first."""
import gc
import os
import sys


class Greeter:
    def greet(self, name):
        return f"hello {name}"


def hello(i):
    return Greeter().greet(f"python {i}")


def main():
    if "TARGET_WAIT" in os.environ:
        print("ready", os.getpid(), flush=True)
        sys.stdin.readline()
    gc.disable()
    for i in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3):
        print("function", hello(i), flush=True)
        print("gc", i % 3, gc.collect(i % 3), flush=True)


main()
