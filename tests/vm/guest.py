# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""One run of one guest: virtiofsd and QEMU started, watched, and ended whatever happens."""
import ctypes
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

from debs import Error

VIRTIOFSD = "/usr/lib/qemu/virtiofsd"       # the one of qemu-system-common 7.2
READY = b"==vm-ready=="
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MEMORY = 1024                               # MiB

# "-cpu max" alone corrupts 6.12 guests on QEMU 7.2 in a quarter of the boots (cmpxchg16b).
MACHINES = {
    "amd64": ["qemu-system-x86_64", "-cpu", "max,cx16=off"],
    "arm64": ["qemu-system-aarch64", "-M", "virt,gic-version=3", "-cpu", "cortex-a57"],
}
APPEND = {
    "amd64": "console=ttyS0 mitigations=off tsc=reliable no_timer_check random.trust_cpu=on",
    "arm64": "console=ttyAMA0 mitigations=off",
}
QUIET = "panic=-1 quiet cryptomgr.notests initcall_blacklist=load_system_certificate_list"


class BootHung(Exception):
    """The guest did not reach its ready mark in time."""


class Cut(Exception):
    """A run did not come to its end; the text says how."""


PRCTL = ctypes.CDLL(None).prctl     # found before any thread forks


def die_with_parent():
    """In the child: SIGKILL when the thread that started it goes, even if it was killed itself (PR_SET_PDEATHSIG)."""
    PRCTL(1, signal.SIGKILL)


class Processes:
    """The children of a run, ended by pid on leaving, newest first."""

    def __enter__(self):
        self.children = []
        return self

    def start(self, argv, **kwargs):
        try:
            child = subprocess.Popen(argv, preexec_fn=die_with_parent, **kwargs)
        except FileNotFoundError:
            raise Error(f"{argv[0]}: not installed (README.md here lists the packages)")
        self.children.append(child)
        return child

    def __exit__(self, *_):
        for child in reversed(self.children):
            child.kill()
            child.wait()


def kvm_works(kernel, initrd):
    """Whether KVM runs a guest here, by trying: under some hypervisors /dev/kvm is there and hangs. The
    trial ends when init, lacking its root, complains."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    with Processes() as processes:
        qemu = processes.start(MACHINES["amd64"] + [
            "-accel", "kvm", "-smp", "2", "-m", "512", "-nodefaults", "-no-user-config", "-display", "none",
            "-monitor", "none", "-serial", "stdio", "-no-reboot", "-kernel", kernel, "-initrd", initrd,
            "-append", f"{APPEND['amd64']} {QUIET}"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True)
        seen, deadline = b"", time.monotonic() + 5
        while select.select([qemu.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
            data = os.read(qemu.stdout.fileno(), 65536)
            if not data:
                return False
            seen += data
            if b"vm: no virtiofs" in seen:
                return True
    return False


class Guest:
    """A bootable kernel, its initramfs, the host folder that becomes the guest's root, the tree and
    build folder to be seen in it, and more parameters for the kernel's command line."""

    def __init__(self, arch, accel, kernel, initrd, root, tree, build, parameters=()):
        self.arch, self.accel, self.kernel, self.initrd = arch, accel, kernel, initrd
        self.root, self.tree, self.build, self.parameters = root, tree, build, parameters

    def _argv(self, socket, folder):
        variables = {"VM_ROOT": self.root, "VM_TREE": self.tree, "VM_BUILD": self.build, "VM_DIR": folder}
        for path in variables.values():
            if any(char in path for char in " \"',:\\"):
                raise Error(f"{path}: a path in the guest's command line and overlay must be free of "
                            "blanks, quotes, commas and colons")
        append = " ".join([APPEND[self.arch], QUIET, *self.parameters, *(f"{k}={v}" for k, v in variables.items())])
        return MACHINES[self.arch] + [
            "-accel", self.accel, "-smp", "2", "-m", str(MEMORY), "-nodefaults", "-no-user-config",
            "-display", "none", "-no-reboot", "-kernel", self.kernel, "-initrd", self.initrd,
            "-object", f"memory-backend-memfd,id=mem,size={MEMORY}M,share=on", "-numa", "node,memdev=mem",
            "-chardev", f"socket,id=fs,path={socket}",
            "-device", "vhost-user-fs-pci,queue-size=1024,chardev=fs,tag=root",
            # A disk of nothing, for tests that watch block I/O.
            "-blockdev", f"driver=null-co,node-name=disk,size={64 << 20},read-zeroes=on",
            "-device", "virtio-blk-pci,drive=disk",
            "-append", append]

    def _start(self, processes, socket, folder, log, console, **kwargs):
        processes.start([VIRTIOFSD, f"--socket-path={socket}", "-o", "source=/,cache=always,sandbox=chroot"],
                        stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 10
        while not os.path.exists(socket):
            if processes.children[0].poll() is not None or time.monotonic() > deadline:
                raise Error(f"virtiofsd did not start, see {log.name} (it must be run as root)")
            time.sleep(0.02)
        return processes.start(self._argv(socket, folder) + console, stderr=log, **kwargs)

    def _script(self, folder, lines):
        """The first process of the guest's root, after init: a shell script that must not return."""
        start = [f"export PATH={PATH} HOME=/root LC_ALL=C.UTF-8", f"cd {self.tree}"]
        end = ["exec 2>/dev/null", "echo o >/proc/sysrq-trigger", "while :; do sleep 60; done"]
        with open(os.path.join(folder, "start"), "w") as file:
            file.write("\n".join(start + lines + end) + "\n")

    def run(self, folder, command, boot_timeout, timeout):
        """Boot and run a shell command as root, its output going to folder/output. Returns its exit status.
        Raises BootHung if the command never began, Cut if it never ended."""
        for name in "exit", "release":
            if os.path.exists(os.path.join(folder, name)):
                os.unlink(os.path.join(folder, name))
        self._script(folder, [
            f"echo {READY.decode()}", f"( {command} ) >{folder}/output 2>&1 </dev/null",
            f"echo $? >{folder}/exit"])
        with tempfile.TemporaryDirectory(prefix="vm-") as private, Processes() as processes, \
                open(os.path.join(folder, "host.log"), "wb") as log, \
                open(os.path.join(folder, "console"), "wb") as console:
            qemu = self._start(processes, os.path.join(private, "fs"), folder, log,
                               ["-monitor", "none", "-serial", "stdio"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, start_new_session=True)
            end = self._watch(qemu, console, boot_timeout, timeout)
        try:
            with open(os.path.join(folder, "exit")) as file:
                return int(file.read())
        except (OSError, ValueError):
            raise Cut(end)

    @staticmethod
    def _watch(qemu, console, boot_timeout, timeout):
        """Copy the console to its log until the guest powers off or its time is up. Returns in words why there
        might be no exit status."""
        end, tail, deadline = "", b"", time.monotonic() + boot_timeout
        while select.select([qemu.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
            data = os.read(qemu.stdout.fileno(), 65536)
            if not data:        # powered off
                break
            console.write(data)
            console.flush()
            tail = (tail + data)[-4096:]
            if not end and READY in tail:
                end, deadline = "the guest died", time.monotonic() + timeout
        else:
            end = end and f"not ended after {timeout} s"
        if not end:
            raise BootHung
        return end

    def shell(self, folder, build):
        """An interactive root shell on this terminal; exit powers the guest off, ^A x ends it at once."""
        size = shutil.get_terminal_size()
        console = "/dev/ttyS0" if self.arch == "amd64" else "/dev/ttyAMA0"
        self._script(folder, [
            f"stty rows {size.lines} cols {size.columns} <{console}",
            f"export TERM={os.environ.get('TERM', 'dumb')} BUILD={build}",
            f"setsid -c /bin/bash <{console} >{console} 2>&1"])
        with tempfile.TemporaryDirectory(prefix="vm-") as private, Processes() as processes, \
                open(os.path.join(folder, "host.log"), "wb") as log:
            self._start(processes, os.path.join(private, "fs"), folder, log, ["-serial", "mon:stdio"]).wait()
