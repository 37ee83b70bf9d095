# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""K rounds of known work: calls, objects, exceptions, collections, module loads, threads."""
import gc
import importlib.util
import sys
import threading

gc.disable()


class Thing:
    pass


def call():
    pass


def raising():
    raise ValueError


def round_of_work():
    for _ in range(1000):
        call()
    for _ in range(300):
        Thing()
    for _ in range(50):
        try:
            raising()
        except ValueError:
            pass
    for _ in range(7):
        gc.collect()


def thread():
    pass


for _ in range(int(sys.argv[1])):
    round_of_work()
if len(sys.argv) > 2:
    for _ in range(int(sys.argv[2])):
        worker = threading.Thread(target=thread)
        worker.start()
        worker.join()
