# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Debian packages of other suites and architectures, unpacked without touching the system:
a private apt directory for each set of suites, on the mirror that the system itself uses."""
import glob
import os
import re
import shutil
import subprocess

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Error(Exception):
    """Something the user can mend; the text says what."""


def run(argv, **kwargs):
    """Run a command to its end and return its output; its own words are the error."""
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)
    except FileNotFoundError:
        raise Error(f"{argv[0]}: not installed")
    if done.returncode:
        raise Error(f"{' '.join(argv[:2])} failed:\n{done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def mirrors():
    """URIs of the Debian archive ("main") and of its security archive ("security"), as apt reads them from
    /etc/apt: those from which this system's own release comes."""
    with open("/etc/os-release") as file:
        codename = re.search(r"^VERSION_CODENAME=(\w+)", file.read(), re.MULTILINE)
    if not codename:
        raise Error("/etc/os-release names no release; this needs Debian")
    kinds, uris = {codename[1]: "main", f"{codename[1]}-security": "security"}, {}
    out = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Identifier: Packages"])
    for uri, release in (line.split() for line in out.decode().splitlines()):
        if release in kinds:
            uris.setdefault(kinds[release], uri)
    return uris


class Repository:
    """A private apt directory for some suites of one architecture. Lists are fetched on first use."""

    def __init__(self, folder, suites, arch):
        self.folder, self.suites, self.arch = os.path.abspath(folder), suites, arch
        self.config = os.path.join(self.folder, "apt.conf")
        self.updated = False

    def _apt(self, *argv, **kwargs):
        return run(argv, env={**os.environ, "APT_CONFIG": self.config, "LC_ALL": "C"}, **kwargs)

    def _write(self):
        for sub in "lists/partial", "cache/archives/partial":
            os.makedirs(os.path.join(self.folder, sub), exist_ok=True)
        uris, lines = mirrors(), []
        for suite in self.suites:
            kind = "security" if suite.endswith("-security") else "main"
            if kind not in uris:
                raise Error(f"/etc/apt names no Debian {kind} archive, needed for {suite}")
            lines.append(f"deb [signed-by={KEYRING} arch={self.arch}] {uris[kind]} {suite} main\n")
        # The last suite is preferred, as backports would yield to the release otherwise.
        config = {
            "Dir::State": self.folder, "Dir::State::status": f"{self.folder}/status",
            "Dir::Cache": f"{self.folder}/cache", "Dir::Etc::sourcelist": f"{self.folder}/sources.list",
            "Dir::Etc::sourceparts": "/dev/null", "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null", "APT::Architecture": self.arch,
            "APT::Default-Release": self.suites[-1], "APT::Update::Error-Mode": "any",
            "APT::Sandbox::User": "root", "Acquire::Languages": "none", "Acquire::Retries": "2",
        }
        text = "".join(f'{key} "{value}";\n' for key, value in config.items())
        text += f'#clear APT::Architectures;\nAPT::Architectures {{ "{self.arch}"; }};\n'
        for name, content in ("sources.list", "".join(lines)), ("status", ""), ("apt.conf", text):
            with open(os.path.join(self.folder, name), "w") as file:
                file.write(content)

    def update(self):
        if self.updated:
            return
        self._write()
        try:
            self._apt("apt-get", "update", "-q")
        except Error as error:
            raise Error(f"the Debian mirror named in /etc/apt did not answer for {' '.join(self.suites)}; "
                        f"offline, only what is already under the build folder can be used\n{error}")
        self.updated = True

    def names(self, pattern):
        """Names of the packages that match the regular expression."""
        self.update()
        out = self._apt("apt-cache", "search", "--names-only", pattern).decode()
        return [line.split(" - ")[0] for line in out.splitlines()]

    def unpack(self, packages, into, depends=False):
        """Download packages, or them and all they depend on, checked by apt against the signed lists, and
        unpack them into a folder, which appears complete or not at all."""
        self.update()
        part, archives = into + ".part", os.path.join(self.folder, "debs")
        for folder in part, archives:
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
        os.makedirs(os.path.join(archives, "partial"))
        if depends:
            self._apt("apt-get", "install", "-q", "-y", "--download-only", "--no-install-recommends",
                      "-o", f"Dir::Cache::archives={archives}", *packages)
        else:
            self._apt("apt-get", "download", "-q", *packages, cwd=archives)
        for path in sorted(glob.glob(f"{archives}/*.deb")):
            run(["dpkg-deb", "-x", path, part])
        shutil.rmtree(archives)
        os.rename(part, into)
