# SPDX-License-Identifier: MIT
"""make_bundles.py UNPACKED DIRECTORY: bundles that mean harm, made from the members of a good one. Each file is named
after what is wrong with it."""
import io
import json
import os
import subprocess
import sys
import tarfile
import zlib

source, directory = sys.argv[1:]
MEMBERS = ["report.json", "report.html", "record.db", "core"]
content = {name: open(os.path.join(source, name), "rb").read() for name in MEMBERS}
good = json.load(open(os.path.join(source, "manifest.json")))


def manifest(**changes):
    return {**json.loads(json.dumps(good)), **changes}


def entry(name, data=b"", kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.type = kind
    info.linkname = link
    return info, data


def pack(name, entries, tail=b""):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    write(name, subprocess.run(["zstd", "-q", "-c"], input=stream.getvalue() + tail, stdout=subprocess.PIPE,
                               check=True).stdout)


def write(name, data):
    with open(os.path.join(directory, name + ".corelate"), "wb") as file:
        file.write(data)


def bundle(name, described=None, extra=(), text=None, members=None):
    """A good bundle but for the manifest and what comes after the members."""
    text = json.dumps(described or good).encode() if text is None else text
    members = content if members is None else members
    pack(name, [entry("manifest.json", text)] + [entry(key, members[key]) for key in members] + list(extra))


def listed(*names, data=b"evil"):
    described = manifest()
    for name in names:
        described["members"].append({"name": name, "bytes": len(data), "stored": len(data),
                                     "crc32": "%08x" % zlib.crc32(data)})
    return described


def resized(name, **changes):
    described = manifest()
    for member in described["members"]:
        if member["name"] == name:
            member.update(changes)
    return described


# ---- names and kinds ----
for number, name in enumerate(["../evil", "/evil", "files/../../evil", "files/.build-id/../../../evil", "files/other/../1",
                               "files/.build-id/aa/../../../evil", "./core", "core/", "core\n", "files", "evil",
                               "files/.build-id/aa/" + "b" * 4000, "CORE", "files/other/1/2", "record.db-wal"]):
    bundle("unlisted-name-%d" % number, extra=[entry(name, b"evil")])
    bundle("listed-name-%d" % number, listed(name), extra=[entry(name, b"evil")])
for kind, link in [(tarfile.SYMTYPE, "/etc/passwd"), (tarfile.LNKTYPE, "manifest.json"), (tarfile.LNKTYPE, "core"),
                   (tarfile.FIFOTYPE, ""), (tarfile.CHRTYPE, ""), (tarfile.BLKTYPE, ""), (tarfile.DIRTYPE, "")]:
    label = "%d-%s" % (ord(kind), link.strip("/").replace("/", "-"))
    empty = listed("files/other/1", data=b"")
    bundle("kind-" + label, empty, extra=[entry("files/other/1", kind=kind, link=link)])
    rest = {key: content[key] for key in MEMBERS if key != "core"}
    bundle("core-kind-" + label, resized("core", bytes=0, stored=0, crc32="00000000"), members=rest,
           extra=[entry("core", kind=kind, link=link)])
bundle("twice", extra=[entry("core", content["core"])])
bundle("listed-twice", listed("core"), extra=[entry("core", b"evil")])
bundle("link-then-file", listed("files/other"), extra=[entry("files/other", kind=tarfile.SYMTYPE, link="/tmp"),
                                                       entry("files/other/1", b"evil")])
bundle("missing", members={key: content[key] for key in MEMBERS if key != "record.db"})

# ---- sizes ----
for size in [1 << 40, (1 << 45), (1 << 62), (1 << 63) - 1]:
    bundle("huge-%d" % size, resized("core", bytes=size, stored=size))
    bundle("huge-hole-%d" % size, resized("core", bytes=size))
bundle("small", resized("core", bytes=10, stored=10))
bundle("stored-less", resized("core", stored=10))
bundle("wrong-sum", resized("core", crc32="00000000"))
bundle("many", manifest(members=[{"name": "files/other/%d" % i, "bytes": 0, "stored": 0, "crc32": "00000000"}
                                 for i in range(70000)]))
grown = dict(content, core=content["core"] + b"x" * (64 << 20))
bundle("more-than-told", members=grown)
zeros = dict(content, core=bytes(512 << 20))
bundle("half-a-gigabyte-of-nothing",
       resized("core", bytes=512 << 20, stored=512 << 20, crc32="%08x" % zlib.crc32(zeros["core"])), members=zeros)

# ---- manifests ----
for name, text in {"empty": b"", "words": b"hello", "array": b"[]", "deep": b"[" * 100000, "null": b"null", "nul": b"\0" * 100,
                   "twice-a-key": b'{"format": "corelate-bundle", "format": "corelate-bundle"}',
                   "no-version": b'{"format": "corelate-bundle"}'}.items():
    bundle("manifest-" + name, text=text)
pack("manifest-large", [entry("manifest.json", b" " * (65 << 20))])
pack("manifest-link", [entry("manifest.json", kind=tarfile.SYMTYPE, link="core")])
bundle("newer", manifest(version=99))
bundle("version-0", manifest(version=0))
bundle("version-word", manifest(version="1"))
for key in ["crash_id", "host", "core", "signal_id", "members", "looks"]:
    for value in [None, 7, -1, "x", [], {}, [None], [{}], True, 1.5]:
        bundle("%s-%s" % (key, "".join(c if c.isalnum() else "_" for c in json.dumps(value))), manifest(**{key: value}))
LOOK = {"path": "/x", "regular": True, "device": [1, 2], "inode": 3, "bytes": 4, "modified_ns": 5, "changed_ns": 6,
        "member": None}
for number, look in enumerate([{"path": "/x", "error": 0}, {"path": "/x", "error": 1 << 40}, {"path": "%00", "error": 2},
                               {"path": "%zz", "error": 2}, {"path": "%4", "error": 2}, {"path": "", "error": 2},
                               dict(LOOK, member="../../etc/passwd"), dict(LOOK, member="core"),
                               dict(LOOK, member="files/other/77"), dict(LOOK, device=[]), dict(LOOK, bytes=-1),
                               dict(LOOK, path="/opt/story/bin/depot", member="files/other/1")]):
    bundle("look-%d" % number, manifest(looks=[look]))
bundle("look-twice", manifest(looks=[LOOK, LOOK]))

# ---- contents ----
for member in ["core", "record.db"]:
    for name, data in {"empty": b"", "words": b"hello", "zeros": bytes(100000)}.items():
        bundle("%s-%s" % (member, name), resized(member, bytes=len(data), stored=len(data), crc32="%08x" % zlib.crc32(data)),
               members=dict(content, **{member: data}))
bundle("another-death", manifest(signal_id=777))
bundle("nobody", manifest(signal_id=0, core=None, members=[]), members={})

# ---- archives ----
pack("no-manifest", [entry("core", content["core"])])
pack("nothing", [])
write("empty", b"")
write("words", b"hello")
write("not-packed", open(os.path.join(source, "core"), "rb").read())
write("no-tar", subprocess.run(["zstd", "-q", "-c"], input=content["core"], stdout=subprocess.PIPE, check=True).stdout)
pack("trailing", [entry("manifest.json", json.dumps(good).encode())], tail=b"\xff" * 100000)
