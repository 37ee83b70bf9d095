#!/usr/bin/python3 -B
# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""The kernel matrix: runs the end-to-end tests on the host and in virtual machines of several kernels.
See README.md here."""
import argparse
import fcntl
import glob
import os
import queue
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import zlib

import debs
import image
import report
from debs import Error
from guest import BootHung, Cut, Guest, kvm_works

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
BOOTS = 3                       # tries to reach the ready mark; what runs after it is run once
SELFTEST = ["tests/vm/selftest"]
BACKPORTS = ["bookworm", "bookworm-backports"]
# What static arm64 tools are linked with; the elfutils and libbpf of the host's own build.
SYSROOT = ["libbpf-dev", "libelf-dev", "libdw-dev", "zlib1g-dev", "libzstd-dev", "liblzma-dev", "libbz2-dev",
           "libiberty-dev", "systemtap-sdt-dev"]
# Other people's tools, which benches compare with: libbpf-tools'. BCC's are the host's (bpfcc-tools).
PEERS = ["libbpf-tools"]
# The root of arm64 guests, from which the tests and the programs they trace are run.
ARM64_ROOT = ["python3-pytest", "redis-server", "perl-base", "dash", "bash", "coreutils", "util-linux",
              "procps", "iproute2", "libc-bin"]


def say(*words):
    print("vm:", *words, file=sys.stderr, flush=True)


# One thread for all of a guest's CPUs: README.md here, pitfalls.
TCG = "tcg,thread=single"
# Loads that an emulated machine carries in seconds.
SLOW = {"TESTS_HITS": "20000", "TESTS_PATIENCE": "90"}
# The same for benches, and time for BCC to compile.
BENCH = {"BENCH_ROUNDS": "1", "BENCH_PAUSE": "0.05", "BENCH_TIMEOUT": "600", "BENCH_EXECS": "1200",
         "BENCH_CONNECTS": "1300", "BENCH_OPENS": "1200", "BENCH_CHECKS": "1200"}


LOCKDOWN = {"integrity", "confidentiality"}


class Kernel:
    """A kernel of kernels.conf as it comes or, as NAME+MODE, in another preemption mode, or locked down."""

    def __init__(self, name, arch, suite, release, *packages, mode=""):
        self.base, self.arch, self.suite, self.release, self.packages = name, arch, suite, release, packages
        self.name, self.mode = f"{name}+{mode}" if mode else name, mode

    def available(self, repository):
        """The pinned release, or else the newest that the mirror has."""
        before, after = self.packages[0].split("%")
        version = re.escape(self.base.split("-")[0]) + r"\.[^-]*(-[0-9]+)?"
        names = repository.names(f"^{re.escape(before)}{version}{re.escape(after)}$")
        releases = [name[len(before):-len(after)] for name in names]
        if self.release in releases:
            return self.release
        if not releases:
            raise Error(f"{self.suite} has no package like {self.packages[0]} for kernel {self.base}")
        newest = max(releases, key=lambda text: [int(number) for number in re.findall(r"\d+", text)])
        say(f"{self.release} is gone from {self.suite}; taking {newest} (pin it in kernels.conf)")
        return newest


def read_kernels():
    """Each kernel of kernels.conf, and it again for each of its modes, by name."""
    kernels = {}
    with open(os.path.join(HERE, "kernels.conf")) as file:
        rows = [line.split() for line in file if line.strip() and not line.startswith("#")]
    for name, arch, suite, release, modes, *packages in rows:
        for mode in ["", *(modes.split(",") if modes != "-" else []), *sorted(LOCKDOWN)]:
            kernel = Kernel(name, arch, suite, release, *packages, mode=mode)
            kernels[kernel.name] = kernel
    return kernels


def choose(names):
    """The kernels of these names, or of ["all"]."""
    known = read_kernels()
    if names == ["all"]:
        return [kernel for kernel in known.values() if kernel.mode not in LOCKDOWN]
    for name in names:
        if name not in known:
            raise Error(f"unknown kernel {name}; kernels.conf has {' '.join(known)}")
    return [known[name] for name in names]


class Cache:
    """build/vm: packages, boot images and results."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.folder = os.path.join(self.build, "vm")
        os.makedirs(self.folder, exist_ok=True)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def fresh(self, *parts):
        """An empty folder of that name."""
        folder = self.path(*parts)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        return folder

    def repository(self, suites, arch):
        return debs.Repository(self.path("apt", f"{'+'.join(suites)}-{arch}"), suites, arch)

    def packages(self, what, suites, arch, packages, depends=False):
        """Folder with unpacked packages, fetched once; another list of packages is another folder."""
        folder = self.path("packages", f"{what}-{arch}-{zlib.crc32(' '.join(packages).encode()):08x}")
        if not os.path.isdir(folder):
            os.makedirs(os.path.dirname(folder), exist_ok=True)
            say(f"fetching {' '.join(packages)} ({arch}) from {' '.join(suites)}")
            self.repository(suites, arch).unpack(packages, folder, depends)
        return folder

    def kernel_packages(self, kernel):
        """Folder with a kernel's unpacked packages. What the mirror offered is kept, so that it is asked once."""
        chosen = self.path("packages", f"{kernel.base}-{kernel.release}")
        if not os.path.exists(chosen):
            release = kernel.available(self.repository([kernel.suite], kernel.arch))
            packages = [package.replace("%", release) for package in kernel.packages]
            os.symlink(self.packages("linux", [kernel.suite], kernel.arch, packages), chosen)
        return chosen

    def headers(self, kernel):
        """Shell command that puts a kernel's headers where BCC looks for them, fetched when missing."""
        release, flavour = re.search(r"(.*)(-cloud-\w+)$", image.release(self.kernel_packages(kernel))).groups()
        root = self.packages("headers", [kernel.suite], kernel.arch,
                             [f"linux-headers-{release}{flavour}", f"linux-headers-{release}-common"])
        modules = f"/lib/modules/{release}{flavour}"
        return f"mkdir -p {modules} /usr/src && ln -sf {root}{modules}/* {modules}/ && ln -sf {root}/usr/src/* /usr/src/"

    def peers(self):
        """The folder of libbpf-tools' programs, fetched when missing."""
        return os.path.join(self.packages("peers", ["bookworm"], "amd64", PEERS), "usr/sbin")

    def busybox(self, arch):
        path = "/bin/busybox"
        if arch != "amd64":
            root = self.packages("busybox", ["bookworm"], arch, ["busybox-static"])
            path = image.one(["bin/busybox", "usr/bin/busybox"], root)
        if not os.path.exists(path):
            raise Error(f"{path}: not there, install busybox-static")
        return path

    def root(self, arch):
        """Host folder that becomes the guest's root: the host's own, or one of the guest's architecture."""
        if arch == "amd64":
            return "/"
        root = self.packages("root", ["bookworm"], arch, ARM64_ROOT, depends=True)
        # Compiled here, once: the guest would take a minute for it at each start of Python.
        libraries = glob.glob(f"{root}/usr/lib/python3*")
        subprocess.run(["/usr/bin/python3", "-m", "compileall", "-q", "-s", root, *libraries],
                       stdout=subprocess.DEVNULL, check=False)
        return root

    def accel(self, arch, vmlinux, initrd):
        """QEMU's accelerator here; what a trial of KVM showed is kept."""
        verdict = self.path("accel")
        if arch != "amd64":
            return TCG
        if not os.path.exists(verdict):
            accel = "kvm" if kvm_works(vmlinux, initrd) else TCG
            say(f"guests run under {accel}")
            with open(verdict, "w") as file:
                file.write(accel)
        with open(verdict) as file:
            return file.read()

    def vmlinux(self, kernel):
        """Path of the unpacked kernel image."""
        path = self.path("boot", kernel.base, "vmlinux")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        image.kernel(self.kernel_packages(kernel), path)
        return path

    def guest(self, kernel):
        """A guest ready to boot."""
        vmlinux = self.vmlinux(kernel)
        initrd = os.path.join(os.path.dirname(vmlinux), "initrd")
        image.initramfs(self.kernel_packages(kernel), self.busybox(kernel.arch), initrd)
        accel = self.accel(kernel.arch, vmlinux, initrd)
        parameters = [f"{'VM_LOCKDOWN' if kernel.mode in LOCKDOWN else 'preempt'}={kernel.mode}"] if kernel.mode else []
        return Guest(kernel.arch, accel, vmlinux, initrd, self.root(kernel.arch), TREE, self.build, parameters)


def build_for(cache, arch):
    """Build folder whose programs run there."""
    return cache.build if arch == "amd64" else os.path.join(cache.build, arch)


def test_command(cache, folder, tests, arch="amd64", extra=None):
    """Shell command that runs pytest files in the tree, on the host or in a guest."""
    env = {"BUILD": build_for(cache, arch), "VM_RESULTS": os.path.join(folder, "tests"), "PYTHONPATH": HERE,
           "PYTHONDONTWRITEBYTECODE": "1", "TERM": "dumb", **(extra or {})}
    pytest = ["/usr/bin/python3", "-m", "pytest", "-p", "pytest_vm", "-p", "no:cacheprovider", "-rs", "--durations=10"]
    words = ["env", *(f"{key}={value}" for key, value in env.items()), *pytest, *tests]
    return f"cd {shlex.quote(TREE)} && {shlex.join(words)}"


def on_host(command, folder, timeout):
    """Run a shell command here, its output going to folder/output. Returns its exit status or raises Cut."""
    with open(os.path.join(folder, "output"), "wb") as output:
        child = subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=output,
                                 stderr=output, start_new_session=True)
        try:
            return child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Cut(f"not ended after {timeout} s")
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def in_guest(guest, name, command, folder, options):
    """The same in a guest. A boot that hangs is tried again, what runs after it never is."""
    for boot in range(1, BOOTS + 1):
        try:
            return guest.run(folder, command, options.boot_timeout, options.timeout)
        except BootHung:
            kept = shutil.copy(f"{folder}/console", f"{folder}/console.boot{boot}")
            say(f"{name}: boot {boot} of {BOOTS} hung (console: {kept})")
    raise Cut(f"no boot in {BOOTS} tries")


def run_one(cache, kernel, guest, options):
    """Run the tests on the host (kernel and guest None) or in a guest: a column of the report."""
    name = kernel.name if kernel else "host"
    folder = cache.fresh("results", name)
    command = test_command(cache, folder, SELFTEST + options.tests, kernel.arch, SLOW) if kernel else \
        test_command(cache, folder, options.tests)
    start, trouble = time.monotonic(), ""
    try:
        status = in_guest(guest, name, command, folder, options) if guest else \
            on_host(command, folder, options.timeout)
        if status not in (0, 1):        # 1 is a failed test, which is in the records
            trouble = f"the test run ended with status {status}"
    except Cut as error:
        trouble = str(error)
    seconds = time.monotonic() - start
    tests = report.read_records(os.path.join(folder, "tests"))
    if not tests and not trouble:
        trouble = "no test ran"
    release = os.uname().release if not guest else "?"
    if os.path.exists(f"{folder}/release"):
        with open(f"{folder}/release") as file:
            release = file.read().strip()
    return report.Column(name, release, tests, trouble, seconds)


def run_guests(cache, kernels, options):
    """Yields the guests' columns as they end, options.jobs of them running at a time. Threads that die with the
    program: it may leave by a signal's exception, and the guests then go with their threads."""
    todo, ended = queue.SimpleQueue(), queue.SimpleQueue()

    def work():
        while True:
            try:
                kernel, guest = todo.get_nowait()
            except queue.Empty:
                return
            try:
                ended.put(run_one(cache, kernel, guest, options))
            except (Error, OSError) as error:
                ended.put(report.Column(kernel.name, "?", {}, str(error), 0))

    for kernel in kernels:
        todo.put((kernel, cache.guest(kernel)))
    for _ in range(min(options.jobs, len(kernels))):
        threading.Thread(target=work, daemon=True).start()
    for _ in kernels:
        yield ended.get()


def tail(path, lines):
    if os.path.exists(path):
        with open(path, errors="replace") as file:
            for line in file.read().splitlines()[-lines:]:
                print("   ", re.sub(r"[^ -~\t]", "", line), flush=True)


def show(cache, result):
    """A run's result in one line, and everything needed to understand a bad one."""
    counts = ", ".join(f"{result.count(outcome)} {outcome}" for outcome in ("passed", "failed", "skipped"))
    word = "ok" if result.good() else "FAILED"
    say(f"{result.name} ({result.release}): {word}: {counts} in {result.seconds:.0f} s {result.trouble}")
    if result.good():
        return
    for test, _ in result.failed():
        print(f"    failed: {test}", flush=True)
    for name, lines in ("output", 60), ("console", 15):
        path = cache.path("results", result.name, name)
        print(f"  end of {path}:", flush=True)
        tail(path, lines)


def command_run(options):
    cache = Cache(options.build)
    kernels = choose(options.kernels.split())
    lock = open(cache.path("lock"), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Error(f"another run is using {cache.folder}")
    columns = [run_one(cache, None, None, options)] if options.host else []
    for column in columns:
        show(cache, column)
    for column in run_guests(cache, kernels, options):
        show(cache, column)
        columns.append(column)
    order = ["host", *(kernel.name for kernel in kernels)]
    columns.sort(key=lambda column: order.index(column.name))
    text = report.table(columns)
    with open(cache.path("report.md"), "w") as file:
        file.write(text)
    print(text)
    bad = [column.name for column in columns if not column.good()]
    if bad:
        say(f"failed on {' '.join(bad)}")
    total = {outcome: sum(column.count(outcome) for column in columns) for outcome in report.WORST}
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped", flush=True)
    return 1 if bad else 0


def command_bench(options):
    """Run benches in a guest that has its kernel's headers, so that BCC's tools run, beside libbpf-tools'."""
    cache, (kernel,) = Cache(options.build), choose([options.kernel])
    guest, folder = cache.guest(kernel), cache.fresh("results", f"bench-{kernel.name}")
    env = {"BUILD": cache.build, "LIBBPF_TOOLS": cache.peers(), "PYTHONDONTWRITEBYTECODE": "1", "TERM": "dumb", **BENCH,
           **{key: value for key, value in os.environ.items() if key.startswith("BENCH_")}}
    words = shlex.join(["env", *(f"{key}={value}" for key, value in env.items())])
    benches = " && ".join(f"{words} /usr/bin/python3 {shlex.quote(bench)}" for bench in options.benches)
    say(f"an hour may pass; what is measured comes to {folder}/output")
    try:
        return in_guest(guest, kernel.name, f"{cache.headers(kernel)} && {benches}", folder, options)
    finally:
        if os.path.exists(f"{folder}/output"):
            with open(f"{folder}/output") as file:
                print(file.read(), flush=True)


def command_shell(options):
    cache = Cache(options.build)
    kernel, = choose([options.kernel])
    guest = cache.guest(kernel)
    say("a root shell follows: try /usr/bin/python3 -m pytest tests/tools; exit ends it, ^A x at once")
    guest.shell(cache.fresh("results", f"shell-{kernel.name}"), build_for(cache, kernel.arch))
    return 0


def command_kernel(options):
    """Print the path of a kernel's image, fetched when missing, and the package that it is from."""
    cache, (kernel,) = Cache(options.build), choose([options.kernel])
    print(cache.vmlinux(kernel), f"linux-image-{image.release(cache.kernel_packages(kernel))}")
    return 0


def command_sysroot(options):
    """Print the folder with the static arm64 libraries and their headers, fetched when missing."""
    print(Cache(options.build).packages("sysroot", BACKPORTS, "arm64", SYSROOT))
    return 0


def command_docs(options):
    with open(Cache(options.build).path("report.md")) as file:
        report.into_page(file.read(), os.path.join(TREE, "docs", "kernels.md"))
    return 0


def on_signal(number, _):
    """Leave by an exception, so that the children are ended."""
    say(f"ended by {signal.Signals(number).name}")
    sys.exit(128 + number)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=os.path.join(TREE, "build"), help="the build folder")
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="run tests on the host and in guests")
    run.add_argument("--kernels", default="6.1 6.12", help='names of kernels.conf, NAME+MODE, or "all"')
    run.add_argument("--no-host", dest="host", action="store_false", help="guests only")
    run.add_argument("--boot-timeout", type=int, default=60, help="seconds until a boot counts as hung")
    run.add_argument("--timeout", type=int, default=1200, help="seconds for all tests of one guest")
    run.add_argument("--jobs", type=int, default=os.cpu_count(), help="guests at a time; each keeps one core busy")
    run.add_argument("tests", nargs="+", help="pytest files or node ids, relative to the tree")
    run.set_defaults(command=command_run)
    bench = commands.add_parser("bench", help=command_bench.__doc__)
    bench.add_argument("--boot-timeout", type=int, default=60, help="seconds until a boot counts as hung")
    bench.add_argument("--timeout", type=int, default=14400, help="seconds for all benches")
    bench.add_argument("kernel")
    bench.add_argument("benches", nargs="+", help="Python programs of the tree")
    bench.set_defaults(command=command_bench)
    shell = commands.add_parser("shell", help="an interactive shell in a guest")
    shell.add_argument("kernel")
    shell.set_defaults(command=command_shell)
    kernel = commands.add_parser("kernel", help=command_kernel.__doc__)
    kernel.add_argument("kernel")
    kernel.set_defaults(command=command_kernel)
    commands.add_parser("sysroot", help=command_sysroot.__doc__).set_defaults(command=command_sysroot)
    commands.add_parser("docs", help="put the last report into docs/kernels.md").set_defaults(command=command_docs)
    options = parser.parse_args()
    for number in signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, on_signal)
    try:
        return options.command(options)
    except (Error, OSError, ValueError) as error:
        say(error)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main())
