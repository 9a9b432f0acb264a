# SPDX-License-Identifier: MIT
"""plant_bundle.py BUNDLE OUT PATH=FILE...: BUNDLE with more files in it, each told as lying at PATH on the host that the
bundle came from. They are stored as files without a build-id, and their looks are copies of another file's."""
import io
import json
import subprocess
import sys
import tarfile
import zlib

source, target = sys.argv[1:3]
packed = subprocess.run(["zstd", "-dcq", source], stdout=subprocess.PIPE, check=True).stdout
archive = tarfile.open(fileobj=io.BytesIO(packed))
members = {member.name: archive.extractfile(member).read() for member in archive.getmembers()}
manifest = json.loads(members.pop("manifest.json"))
pattern = next(look for look in manifest["looks"] if look.get("member"))


def describe(name):
    data = members[name]
    return {"name": name, "bytes": len(data), "stored": len(data), "crc32": "%08x" % zlib.crc32(data)}


for number, pair in enumerate(sys.argv[3:]):
    path, file = pair.split("=", 1)
    data = open(file, "rb").read()
    name = "files/other/%d" % (9000 + number)
    members[name] = data
    manifest["looks"] = [look for look in manifest["looks"] if look["path"] != path]
    manifest["looks"].append(dict(pattern, path=path, inode=900000 + number, bytes=len(data), member=name))
# As packed: the core last, and without holes.
order = sorted(members, key=lambda name: name == "core")
manifest["members"] = [describe(name) for name in order]
out = io.BytesIO()
with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
    for name, data in [("manifest.json", json.dumps(manifest).encode())] + [(name, members[name]) for name in order]:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
subprocess.run(["zstd", "-qfc"], input=out.getvalue(), stdout=open(target, "wb"), check=True)
