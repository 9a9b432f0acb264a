#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The runner of documents must fail where a document is wrong, and only there.

Usage: self_test.py BUILD_DIRECTORY
"""
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def console(text, before=""):
    return "# A document\n\n%s\n```console\n%s\n```\n" % (before, text)


# name, document, status of the runner, a part of what it prints
CASES = [
    ("as shown", console("$ echo one; echo two\none\ntwo"), 0, "1 commands run, 0 not as shown, 0 not run"),
    ("another word", console("$ echo one\ntwo"), 1, "not as shown: echo one"),
    ("a line too few", console("$ printf 'one\\ntwo\\n'\none"), 1, "not as shown"),
    ("a line too many", console("$ echo one\none\ntwo"), 1, "not as shown"),
    ("nothing shown", console("$ echo one"), 1, "not as shown"),
    ("nothing printed", console("$ true\none"), 1, "not as shown"),
    ("the second command", console("$ echo one\none\n$ echo two\nthree"), 1, ":7: not as shown: echo two"),
    ("numbers by shape", console("$ echo 'pid 12, 0x7f00, 3.4 ms, 14.2M, 00000000000012ab'\n"
                                 "pid 4711, 0xffffab, 1.20 s, 3K, c0ffee12c0ffee12"), 0, "1 commands run"),
    ("a number is no word", console("$ echo 'pid 12'\npid many"), 1, "not as shown"),
    ("a missing number", console("$ echo 'pid'\npid 12"), 1, "not as shown"),
    ("a time is no size", console("$ echo '12 ms'\n12 bytes"), 1, "not as shown"),
    ("anything in a line", console("$ echo one two three\none ... three"), 0, "1 commands run"),
    ("anything, but not this", console("$ echo one two three\none ... four"), 1, "not as shown"),
    ("another month", console("$ echo 'root 742 Dec  1 00:02 core; Nov was cold'\nroot 731 Nov 22 06:29 core; Nov was cold"), 0,
     "1 commands run"),
    ("a month's name alone", console("$ echo 'Dec was cold'\nNov was cold"), 1, "not as shown"),
    ("any lines", console("$ seq 100; echo end\n...\n99\n...\nend"), 0, "1 commands run"),
    ("any lines, wrong end", console("$ seq 3; echo end\n...\nfinish"), 1, "not as shown"),
    ("dots that stand for nothing", console("$ echo one; echo two\none\n...\ntwo"), 0, "1 commands run"),
    ("the status is exact", console("$ (exit 4)\n$ echo $?\n4"), 0, "2 commands run"),
    ("another status", console("$ (exit 3)\n$ echo $?\n4"), 1, "not as shown"),
    ("a value of this run", console("$ echo 'at' 0x7f0000$((RANDOM % 10))000, by $$\nat 0x7f0000abc000, by 4711\n"
                                    "$ echo 0x7f0000abc000 | tr 0-9 n\nnxnfnnnnnnnn\n$ [ 4711 = $$ ] && echo same\nsame"),
     0, "3 commands run"),
    ("a value behind dots", console("$ echo one two $$ end\none ... 4711 end\n$ [ 4711 = $$ ] && echo same\nsame"), 0,
     "2 commands run"),
    ("a value of no run", console("$ echo $$\n4711\n$ [ 4712 = $$ ] || echo other\nother"), 0, "2 commands run"),
    ("errors are shown too", console("$ ls nothing/of/that/name\nls: cannot access 'nothing/of/that/name': No such file or directory"),
     0, "1 commands run"),
    ("a death", console("$ sh -c 'kill -SEGV $$'\nSegmentation fault..."), 0, "1 commands run"),
    ("one shell", console("$ word=kept\n$ echo $word\nkept") + console("# echo $word\nkept"), 0, "3 commands run"),
    ("lines that go on", console("$ cat <<END\n> one\n> END\none"), 0, "1 commands run"),
    ("the examples", console("$ ls examples/compile; pwd\nexamples/compile\n/src/corelate"), 0, "1 commands run"),
    ("a copy of the tree", console("$ ls README.md; echo >>README.md\nREADME.md", "<!-- test needs: tree -->"), 0,
     "1 commands run"),
    ("corelate of the build", console("$ corelate nonsense 2>/dev/null\n$ echo $?\n2"), 0, "2 commands run"),
    ("not run", console("$ rm -rf /nothing", "<!-- not run: it is dangerous -->"), 0, "not run: rm -rf /nothing"),
    ("not run counts", console("$ false\nx", "<!-- not run: it is slow -->"), 0, "0 commands run, 0 not as shown, 1 not run"),
    ("another block", "```c\nint main;\n```\n", 0, "0 commands run"),
    ("a file", "```c file=new/one.txt\nhello\n```\n" + console("$ cat new/one.txt\nhello"), 0, "1 commands run"),
    ("a patch", "```c file=a.txt\none\ntwo\n```\n```diff apply\n--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n```\n"
     + console("$ cat a.txt\none\nthree"), 0, "1 commands run"),
    ("a patch that does not apply", "<!-- test needs: tree -->\n```diff apply\n--- a/LICENSE\n+++ b/LICENSE\n@@ -1,2 +1,2 @@\n nothing\n-of\n+that\n```\n",
     1, "does not apply"),
    ("no command", console("words"), 2, "begins with a command"),
    ("no end", "```console\n$ true\n", 2, "does not end"),
    ("a need that is missing", "<!-- test needs: no-such-program-here -->\n" + console("$ true"), 77, "not installed"),
    ("the shell ends", console("$ exit 3"), 1, "the shell ended"),
]


def main(build):
    wrong = 0
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory, "document.md")
        for name, text, status, part in CASES:
            path.write_text(text)
            done = subprocess.run([sys.executable, HERE / "run.py", build, path], capture_output=True, text=True, timeout=120)
            said = done.stdout + done.stderr
            if done.returncode != status or part not in said:
                wrong += 1
                print("FAILED: %s: status %d, not %d with '%s':\n%s" % (name, done.returncode, status, part, said))
    print("%d cases, %d wrong" % (len(CASES), wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
