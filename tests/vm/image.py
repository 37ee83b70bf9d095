# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""What a guest boots from: the kernel of a Debian package and a small initramfs around busybox."""
import glob
import lzma
import os
import re
import struct

from debs import Error, run

HERE = os.path.dirname(os.path.abspath(__file__))
# What booting takes, and what tests ask for; those built into a kernel are passed over.
MODULES = ["virtio_pci", "virtiofs", "overlay", "veth", "virtio_blk"]
LZ4_LEGACY, ZSTD, XZ = b"\x02\x21\x4c\x18", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00"


def one(patterns, root):
    found = [path for pattern in patterns for path in glob.glob(f"{root}/{pattern}")]
    if len(found) != 1:
        raise Error(f"{root}: {len(found)} files match {' or '.join(patterns)}, expected one")
    return found[0]


def decompress(data):
    if data.startswith(XZ):
        return lzma.LZMADecompressor().decompress(data)
    for magic, tool in (LZ4_LEGACY, "lz4"), (ZSTD, "zstd"):
        if data.startswith(magic):
            return run([tool, "-dc"], input=data)
    raise Error(f"kernel payload of an unknown compression ({data[:4].hex()})")


def elf_of_bzimage(data):
    """The ELF inside a bzImage (Documentation/arch/x86/boot.rst: setup_sects, payload_offset and
    payload_length). QEMU boots it through its PVH note, sparing the guest the decompression."""
    offset, length = struct.unpack_from("<II", data, 0x248)
    start = ((data[0x1f1] or 4) + 1) * 512 + offset
    # The payload's last four bytes are its unpacked size, not part of the stream.
    elf = decompress(data[start:start + length - 4])
    if not elf.startswith(b"\x7fELF"):
        raise Error("bzImage payload is not an ELF")
    return elf


def vmlinuz(root):
    """Path of the compressed kernel in an unpacked package."""
    return one(["boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz"], root)


def release(root):
    """What uname -r will say, from where the kernel lies: boot/vmlinuz-RELEASE or modules/RELEASE/vmlinuz."""
    folder, name = os.path.split(vmlinuz(root))
    return name.partition("-")[2] or os.path.basename(folder)


def kernel(root, out):
    """Write the bootable kernel of an unpacked package. arm64's is an Image, bootable as it is."""
    with open(vmlinuz(root), "rb") as file:
        data = file.read()
    if data[0x202:0x206] == b"HdrS":
        data = elf_of_bzimage(data)
    with open(out, "wb") as file:
        file.write(data)


def module_text(path):
    with open(path, "rb") as file:
        data = file.read()
    return lzma.decompress(data) if path.endswith(".xz") else data


def modules(root, names):
    """(file name, content) of modules and what they depend on, in the order to load them."""
    files = {}
    for path in glob.glob(f"{root}/**/kernel/**/*.ko*", recursive=True):
        files[os.path.basename(path).split(".")[0].replace("-", "_")] = path
    done = {}

    def add(name):
        if name in done or name not in files:
            return
        text = module_text(files[name])
        depends = re.search(rb"\0depends=([^\0]*)\0", text)
        for other in depends.group(1).decode().split(",") if depends else []:
            add(other.replace("-", "_"))
        done[name] = text

    for name in names:
        add(name)
    return [(f"{name}.ko", text) for name, text in done.items()]


def cpio(entries):
    """A newc archive (Documentation/driver-api/early-userspace/buffer-format.rst) of (path, mode, content)."""
    out = bytearray()
    for ino, (path, mode, data) in enumerate(entries + [("TRAILER!!!", 0, b"")], 1):
        name = path.encode() + b"\0"
        fields = [ino, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + name
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return bytes(out)


def initramfs(root, busybox, out):
    with open(busybox, "rb") as file:
        shell = file.read()
    with open(os.path.join(HERE, "init"), "rb") as file:
        init = file.read()
    loaded = modules(root, MODULES)
    order = "".join(f"{name}\n" for name, _ in loaded).encode()
    entries = [(path, 0o40755, b"") for path in ("bin", "modules", "proc", "sys", "dev", "host", "rw", "new")]
    entries += [("bin/busybox", 0o100755, shell), ("init", 0o100755, init), ("modules/order", 0o100644, order)]
    entries += [(f"modules/{name}", 0o100644, text) for name, text in loaded]
    with open(out, "wb") as file:
        file.write(cpio(entries))
