#!/usr/bin/python3
# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Loads that keep their own log: loads.py opens|checks COUNT FOLDER.

opens: "NUMBER SHAPE ERRNO" for each open of a path that has id=NUMBER in it, by four processes
checks: "PID CAPABILITY ERRNO" for each system call that checks one, once, by root and by nobody"""
import ctypes
import multiprocessing
import os
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, SYS_OPENAT2 = -100, 437
NOBODY, PROCESSES = 65534, 4


class OpenHow(ctypes.Structure):
    """linux/openat2.h: struct open_how"""
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


def error_of(call, *args):
    """0 or its errno; what it opened is closed."""
    fd = call(*args)
    if fd < 0:
        return ctypes.get_errno()
    os.close(fd)
    return 0


def openat2(path):
    how = OpenHow(os.O_CREAT | os.O_WRONLY, 0o600, 0)
    return LIBC.syscall(SYS_OPENAT2, AT_FDCWD, path, ctypes.byref(how), ctypes.sizeof(how))


def shapes(folder, number):
    """(shape, function, arguments) by turns; a long path has the number where a short buffer still has it."""
    path = f"{folder}/id={number}"
    turn = number % 6
    if turn == 0:
        os.mkdir(path)
        return "long", LIBC.open, f"{path}/{'./' * 1000}end".encode(), os.O_CREAT | os.O_RDWR, 0o600
    return [("open", LIBC.open, path.encode(), os.O_CREAT | os.O_RDWR, 0o600),
            ("creat", LIBC.creat, path.encode(), 0o600),
            ("openat2", openat2, path.encode()),
            ("absent", LIBC.open, path.encode(), os.O_RDONLY),
            ("not-a-folder", LIBC.open, f"{folder}/plain/id={number}".encode(), os.O_RDONLY)][turn - 1]


def some_opens(first, count, folder):
    log = []
    for number in range(first, count, PROCESSES):
        shape, function, *args = shapes(folder, number)
        log.append(f"{number} {shape} {error_of(function, *args)}")
    return log


def opens(count, folder):
    with open(f"{folder}/plain", "w"):
        pass
    with multiprocessing.Pool(PROCESSES) as pool:
        for log in pool.starmap(some_opens, [(first, count, folder) for first in range(PROCESSES)], chunksize=1):
            print("\n".join(log))


def some_checks(uid, count):
    os.setgid(uid)
    os.setuid(uid)
    name, log = os.uname().nodename.encode(), []
    calls = [("CAP_SYS_CHROOT", LIBC.chroot, b"/"), ("CAP_SYS_ADMIN", LIBC.sethostname, name, len(name))]
    for number in range(count):
        capability, function, *args = calls[number % 2]
        log.append(f"{os.getpid()} {capability} {ctypes.get_errno() if function(*args) else 0}")
    return log


def checks(count, _):
    with multiprocessing.Pool(2, maxtasksperchild=1) as pool:
        for log in pool.starmap(some_checks, [(0, count // 2), (NOBODY, count // 2)], chunksize=1):
            print("\n".join(log))


def main():
    {"opens": opens, "checks": checks}[sys.argv[1]](int(sys.argv[2]), sys.argv[3])


main()
