# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""A shell without job control starts "command &" with SIGINT ignored, nohup with SIGHUP, and what we start would
inherit that: a program that is to be ended by such a signal then never is."""
import signal

SIGNALS = signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM


def nothing(number, frame):
    pass


def give_defaults():
    """From now on children get the default dispositions. We ignore what we ignored: exec() resets handlers alone."""
    for number in SIGNALS:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, nothing)
