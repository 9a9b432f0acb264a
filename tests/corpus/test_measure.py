#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The measure itself: labels, what can be reached, right and wrong, less evidence and more, on answers made up for it; and that
evidence that is taken from a file is gone from it."""
import os
import struct
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import elfnotes  # noqa: E402
import evidence  # noqa: E402
import judge  # noqa: E402
import monotony  # noqa: E402
import reach  # noqa: E402
import so_far  # noqa: E402
import table  # noqa: E402

USE = {"kind": "code", "name": "made-up use", "module": "/built/made-up", "function": "use", "process": None}
DYNAMIC = frozenset("heap record symbols debug executable libc libraries siginfo files".split())
STATIC = DYNAMIC - {"heap", "libc", "libraries"}


def case(label, act="", **more):
    return table.Case(name="made-up", bug="made-up", program="made-up.c", build=["O0"], rungs=reach.parse_label(label),
                      acts=reach.parse_acts(act), **more)


def found(of, state, present=DYNAMIC):
    return reach.available(of, present, evidence.STATES[state])


def document(name, confidence, recorded=True, text="made-up", sender=None, frames=(), links=(), **more):
    """A report; the cause's class, or none with `end` alone; `links`: (class, confidence) of those on the way."""
    more.setdefault("end", {"class": None, "confidence": "certain"})
    more["end"] = {"before_handler": False, **more["end"]}
    more.setdefault("culprit", None)
    more["cause"] = None if confidence == "none" else {
        "class": name, "confidence": confidence, "links": [{"class": one, "confidence": sure} for one, sure in links]}
    return {"findings": [{"class": name, "confidence": confidence, "summary": text, "evidence": []}],
            "coverage": {"recorded": recorded}, "signal": {"sender_pid": sender},
            "threads": [{"crashed": True, "frames": [{"pc": pc, "function": function, "module": "/built/made-up"}
                                                     for pc, function in frames]}], **more}


class Labels(unittest.TestCase):
    def test_all_are_read(self):
        cases = table.load([os.path.join(HERE, name) for name in os.listdir(HERE) if name.startswith("cases")])
        self.assertGreater(len(cases), 500)
        for one in cases:
            self.assertTrue(one.acts or one.bug == "bystanders-parent", one.name)

    def test_what_is_refused(self):
        for label in ("", "no-class", "double-free<=surely", "double-free if luck", "buffer-overflow"):
            self.assertRaises(reach.LabelError, reach.parse_label, label)
        for act in ("free", "eat by main", "kill by process ?main", "free by main if luck"):
            self.assertRaises(reach.LabelError, reach.parse_acts, act)

    def test_what_can_be_reached(self):
        of = case("double-munmap | wild-pointer", "munmap by release | read by use")
        self.assertEqual([reach.missing(rung, found(of, "everything")) for rung in of.rungs], ["", ""])
        self.assertEqual([reach.missing(rung, found(of, "no-record")) for rung in of.rungs], ["record", ""])
        self.assertEqual(reach.missing(of.rungs[1], found(of, "bare-core")), "address")
        self.assertEqual(reach.culprits(of, found(of, "everything"))[0], {"release", "use"})
        self.assertEqual(reach.culprits(of, found(of, "no-record"))[0], {"use"})
        self.assertEqual(reach.culprits(of, found(of, "no-executable"))[0], set())

    def test_a_static_program_has_its_library_in_it(self):
        of = case("double-free | deliberate-abort")
        self.assertIn("message", found(of, "no-libc", STATIC))
        self.assertNotIn("message", found(of, "no-executable", STATIC))
        self.assertNotIn("message", found(of, "no-libc"))

    def test_states(self):
        self.assertEqual(len(evidence.STATES), 14)
        self.assertIn(("core-alone", "bare-core"), evidence.edges())
        self.assertNotIn(("no-record", "core-alone"), evidence.edges())


class Judging(unittest.TestCase):
    def outcome(self, of, state, *answer, **more):
        return judge.judge(of, found(of, state), document(*answer, recorded="record" in found(of, state), **more))[0]

    def test_classes(self):
        of = case("double-munmap | use-after-munmap<=likely | wild-pointer")
        for state, name, confidence, wanted in (
                ("everything", "double-munmap", "proven", "right"),
                ("everything", "double-munmap", "likely", "right"),
                ("everything", "double-munmap", "possible", "shallower"),
                ("everything", "use-after-munmap", "likely", "shallower"),
                ("everything", "use-after-munmap", "proven", "wrong"),
                ("everything", "unknown", "none", "shallower"),
                ("everything", "null-dereference", "possible", "wrong"),
                ("no-record", "double-munmap", "likely", "beyond"),
                ("no-record", "wild-pointer", "likely", "right"),
                ("bare-core", "unknown", "none", "right"),
                ("bare-core", "wild-pointer", "possible", "beyond")):
            self.assertEqual(self.outcome(of, state, name, confidence), wanted, (state, name, confidence))

    def test_as_sure_as_it_may_be(self):
        of = case("unloaded-code | wild-jump")
        self.assertEqual(self.outcome(of, "everything", "unloaded-code", "proven"), "right")
        self.assertEqual(self.outcome(of, "no-record", "unloaded-code", "likely"), "right")
        self.assertEqual(self.outcome(of, "no-record", "unloaded-code", "proven"), "wrong")
        of = case("uninitialized-pointer<=possible if heap | wild-pointer")
        self.assertEqual(self.outcome(of, "everything", "uninitialized-pointer", "possible"), "right")

    def test_accusations(self):
        of = case("double-munmap | wild-pointer", "munmap by release")
        for state, culprit, wanted in (("everything", {"function": "release"}, "right"),
                                       ("everything", {"function": "scene::release"}, "right"),
                                       ("everything", {"function": "bystander"}, "wrong"),
                                       ("everything", {"process": "bpftrace"}, "wrong")):
            self.assertEqual(self.outcome(of, state, "double-munmap", "likely", culprit=culprit), wanted, culprit)
        self.assertEqual(self.outcome(of, "no-record", "wild-pointer", "likely", culprit={"function": "release"}), "wrong")
        of = case("wild-pointer", "write by ?main")
        self.assertEqual(self.outcome(of, "everything", "wild-pointer", "likely", culprit={"function": "main"}), "wrong")

    def test_words(self):
        of = case("wild-pointer", contains=["service.log"], lacks=["bit"])
        for text, recorded, wanted in (("service.log", True, "right"), ("nothing", True, "words"), ("nothing", None, "right"),
                                       ("service.log, one bit", True, "words")):
            self.assertEqual(judge.judge(of, found(of, "everything"), document("wild-pointer", "likely", text=text),
                                         recorded)[0], wanted, text)

    def test_an_end_without_a_cause(self):
        of = case("double-munmap | wild-pointer")
        for end, wanted in (({"class": "wild-pointer", "confidence": "certain"}, "right"), ({"class": None, "confidence": "certain"}, "shallower")):
            self.assertEqual(self.outcome(of, "no-record", "wild-pointer", "none", end=end), wanted)

    def test_the_record_is_used(self):
        of = case("wild-pointer")
        self.assertEqual(judge.judge(of, found(of, "everything"), document("wild-pointer", "likely", recorded=False))[0], "broken")


class Monotony(unittest.TestCase):
    def kinds(self, of, more, less):
        def result(state, given):
            answer, confidence = judge.told(given)
            return {"case": of.name, "state": state, "outcome": "right", "answer": answer, "confidence": confidence, "facts": monotony.facts(given, "/built")}

        found = monotony.violations([of], [result("everything", more), result("no-record", less)])
        return [kind for _, kind, _, _ in found]

    def test_kinds(self):
        of = case("double-munmap | use-after-munmap | wild-pointer")
        wild = {"class": "wild-pointer", "confidence": "likely"}
        more = document("double-munmap", "likely", frames=[("0x10", "use")], links=[("use-after-munmap", "likely")], end=wild)
        shallow, accused = document("use-after-munmap", "likely"), document("use-after-munmap", "likely", culprit=USE)
        for one, other, wanted in (
                (more, more, []),
                (more, document("unknown", "none"), []),
                (more, document("wild-pointer", "none", end=wild), []),
                (more, document("wild-pointer", "none", end={**wild, "confidence": "certain"}), ["surer-end"]),
                (more, document("double-munmap", "proven"), ["surer"]),
                (more, document("use-after-munmap", "likely"), []),
                (more, document("use-after-munmap", "proven"), ["surer"]),
                (more, document("bit-flip", "possible"), ["class"]),
                (shallow, document("double-munmap", "possible"), ["deeper"]),
                (document("unknown", "none"), document("bit-flip", "possible"), ["class"]),
                (more, document("unknown", "none", sender=7), ["sender"]),
                (more, document("unknown", "none", culprit=USE), ["culprit"]),
                (accused, document("unknown", "none", culprit=USE), []),
                (accused, document("unknown", "none", culprit={**USE, "function": None, "name": "made-up+0x10"}), []),
                (accused, document("unknown", "none", culprit={**USE, "function": "outer"}), []),
                (accused, document("unknown", "none", culprit={**USE, "function": "main", "name": "made-up main"}), ["culprit"]),
                (more, document("unknown", "none", frames=[("0x10", "use"), ("0x20", "main")]), []),
                (more, document("unknown", "none", frames=[("0x10", "other")]), ["frame"])):
            self.assertEqual(self.kinds(of, one, other), wanted, (one["findings"], other["findings"]))


class Limits(unittest.TestCase):
    def test_one_worse_is_too_many(self):
        results = [{"outcome": "right", "confidence": "likely"}] * 3 + [{"outcome": "shallower", "confidence": "possible"}]
        limits = so_far.Limits({"everything": (1, 0, 0)}, 1)
        self.assertEqual(list(limits.complaints("everything", judge.Score(results))), [])
        results[0] = {"outcome": "wrong", "confidence": "likely"}
        self.assertEqual(len(list(limits.complaints("everything", judge.Score(results)))), 3)
        self.assertEqual(len(list(limits.monotony_complaints([1, 2]))), 1)
        self.assertEqual(list(limits.monotony_complaints([1])), [])


class Files(unittest.TestCase):
    def test_notes(self):
        def note(kind, data):
            return struct.pack("<III", 5, len(data), kind) + b"CORE\0\0\0\0" + data.ljust(-(-len(data) // 4) * 4, b"\0")

        names = b"/bin/one\0/bin/two\0"
        files = struct.pack("<QQ", 2, 4096) + bytes(48) + names
        content = note(1, b"registers") + note(elfnotes.NT_SIGINFO, b"s" * 128) + note(elfnotes.NT_FILE, files)
        header = b"\x7fELF\x02\x01\x01".ljust(32, b"\0") + struct.pack("<QQIHHH", 64, 0, 0, 64, 56, 1).ljust(32, b"\0")
        segment = elfnotes.SEGMENT.pack(elfnotes.PT_NOTE, 4, 120, 0, 0, len(content), 0, 4)
        with tempfile.NamedTemporaryFile() as file:
            file.write(header + segment + content)
            file.flush()
            self.assertEqual(elfnotes.core_files(file.name), ["/bin/one", "/bin/two"])
            elfnotes.remove_core_notes(file.name, {elfnotes.NT_SIGINFO})
            self.assertEqual([(kind, data) for _, kind, data, _ in elfnotes.core_notes(file.name)],
                             [(1, b"registers"), (elfnotes.NT_FILE, files)])
            elfnotes.remove_core_notes(file.name, {elfnotes.NT_FILE})
            self.assertEqual(elfnotes.core_files(file.name), [])
            with open(file.name, "rb") as again:
                self.assertNotIn(b"/bin/one", again.read())

    def test_sections(self):
        with open(sys.executable, "rb") as file:
            data = file.read()
        changed = elfnotes.without_sections(data, lambda name: name == ".dynsym")
        names = [name for _, name, _ in elfnotes.section_headers(data)]
        left = [name for _, name, _ in elfnotes.section_headers(changed)]
        self.assertIn(".dynsym", names)
        self.assertEqual([name for name in left if name], [name for name in names if name and name != ".dynsym"])
        self.assertEqual(len(changed), len(data))


if __name__ == "__main__":
    unittest.main()
