#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Is an HTML report what a browser can be given? markup.py [--fragment] FILE...

Only the elements and attributes that a report has may come out of it, whatever names are in it; nothing may be loaded or
run; each link leads to a place of the same file; and the content security policy allows the one style element by its hash.
--fragment: HTML that came of Markdown; no links and no images at all.
"""
import base64
import hashlib
import html.parser
import pathlib
import sys

DOCUMENT = {
    "html": {"lang"}, "head": set(), "meta": {"charset", "http-equiv", "content", "name"}, "title": set(),
    "style": set(), "body": set(), "h1": set(), "h2": set(), "p": {"class"}, "span": {"class"}, "table": set(),
    "tr": {"id", "class"}, "th": set(), "td": {"class"}, "br": set(), "code": set(), "ul": set(), "li": {"class"},
    "a": {"href"}, "details": {"open"}, "summary": set(), "div": {"class"},
    "ol": {"class", "start"}, "time": set(), "i": set(), "b": set(),
    "svg": {"role", "aria-label", "viewbox", "width"}, "rect": {"class", "x", "y", "width", "height", "rx"},
    "line": {"class", "x1", "x2", "y1", "y2"}, "text": {"class", "x", "y", "transform", "text-anchor"},
    "circle": {"class", "cx", "cy", "r"},
}
FRAGMENT = {name: set() for name in ("h3", "h4", "p", "strong", "ul", "ol", "li", "pre", "code")}
VOID = {"meta", "br"}


class Reader(html.parser.HTMLParser):
    def __init__(self, allowed):
        super().__init__()
        self.allowed = allowed
        self.open, self.problems, self.ids, self.links, self.style, self.policy = [], [], set(), set(), "", ""

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag not in self.allowed:
            self.problems.append(f"<{tag}>")
        for name, value in attrs:
            if name not in self.allowed.get(tag, ()):
                self.problems.append(f"<{tag} {name}>")
            elif name == "id":
                if value in self.ids:
                    self.problems.append(f"id {value} twice")
                self.ids.add(value)
            elif name == "href":
                self.links.add(value)
        if attributes.get("http-equiv") == "Content-Security-Policy":
            self.policy = attributes["content"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in VOID or not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> out of place")

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.style += data

    def handle_comment(self, data):
        # An empty one divides what would be a mention or an address.
        if self.allowed is DOCUMENT or data != " ":
            self.problems.append("a comment")


def check(path, fragment):
    reader = Reader(FRAGMENT if fragment else DOCUMENT)
    reader.feed(pathlib.Path(path).read_text(encoding="utf-8"))
    reader.close()
    if reader.open:
        reader.problems.append("not closed: " + " ".join(reader.open))
    for link in reader.links:
        if not link.startswith("#") or link[1:] not in reader.ids:
            reader.problems.append(f"link to {link}")
    if not fragment:
        digest = base64.b64encode(hashlib.sha256(reader.style.encode()).digest()).decode()
        wanted = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        if reader.policy != wanted:
            reader.problems.append(f"policy {reader.policy!r}, not {wanted!r}")
    return reader.problems


def main():
    arguments = sys.argv[1:]
    fragment = arguments[:1] == ["--fragment"]
    bad = 0
    for path in arguments[fragment:]:
        for problem in check(path, fragment):
            print(f"{path}: {problem!r}")
            bad = 1
    sys.exit(bad)


main()
