#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""clean_root.py DIRECTORY PACKAGE...: a root directory with these Debian packages and what they depend on, made of the
files that are installed on this machine (so that no network is needed), with a dpkg database that knows them. Packages
that are not installed are left out: dpkg will miss them."""
import os
import re
import shutil
import subprocess
import sys

root, wanted = sys.argv[1], sys.argv[2:]
installed, provides = {}, {}
for stanza in open("/var/lib/dpkg/status", encoding="utf-8").read().split("\n\n"):
    fields = dict(re.findall(r"^([A-Za-z-]+): ?(.*(?:\n[ \t].*)*)", stanza, re.M))
    if fields.get("Status") != "install ok installed":
        continue
    installed[fields["Package"]] = (stanza, fields)
    for name in re.findall(r"([a-z0-9.+-]+)(?: \([^)]*\))?", fields.get("Provides", "")):
        provides.setdefault(name, fields["Package"])

closure, queue = {}, list(wanted)
while queue:
    name = queue.pop()
    name = name if name in installed else provides.get(name)
    if not name or name in closure:
        continue
    closure[name], fields = installed[name]
    for clause in ", ".join(fields.get(k, "") for k in ("Depends", "Pre-Depends")).split(","):
        for alternative in clause.split("|"):
            alternative = re.sub(r"[:(].*", "", alternative).strip()
            if alternative in installed or alternative in provides:
                queue.append(alternative)
                break

info = os.path.join(root, "var/lib/dpkg/info")
os.makedirs(info)
for link in ("bin", "sbin", "lib", "lib64"):
    os.makedirs(os.path.join(root, "usr", link), exist_ok=True)
    os.symlink("usr/" + link, os.path.join(root, link))
for directory in ("proc", "tmp", "dev", "etc", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"):
    os.makedirs(os.path.join(root, directory), exist_ok=True)
skip = re.compile(r"/usr/share/(doc|man|locale|info|lintian|bash-completion)/|/usr/lib/systemd/(?!system/)")
paths = set()
for name in closure:
    listing = subprocess.run(["dpkg-query", "-L", name], capture_output=True, text=True, check=True).stdout.splitlines()
    files = [path for path in listing if path.startswith("/") and path != "/."]
    paths.update(files)
    with open(os.path.join(info, name + ".list"), "w") as out:
        out.write("/.\n" + "\n".join(files) + "\n")
for path in sorted(paths):
    target = root + path
    if skip.search(path) or not os.path.lexists(path) or os.path.lexists(target):
        continue
    if os.path.isdir(path) and not os.path.islink(path):
        os.makedirs(target, exist_ok=True)
        continue
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy2(path, target, follow_symlinks=False)
for path in ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/alternatives/awk"):
    if os.path.lexists(path):
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        shutil.copy2(path, root + path, follow_symlinks=False)
for name, text in (("passwd", "root:x:0:0:root:/root:/bin/sh\n"), ("group", "root:x:0:\n"), ("shadow", "root:*:1::::::\n"),
                   ("nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\n")):
    with open(os.path.join(root, "etc", name), "w") as out:
        out.write(text)
with open(os.path.join(root, "var/lib/dpkg/status"), "w") as out:
    out.write("\n\n".join(stanza.strip() for stanza in closure.values()) + "\n")
for name in ("available", "diversions", "statoverride"):
    open(os.path.join(root, "var/lib/dpkg", name), "w").close()
