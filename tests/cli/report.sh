#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# corelate report: what a ticket, a browser and a service get.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"
fixture db=story.db core=core
report=("$corelate" report --db story.db)

# ---- forms that other verbs print as well ----
accept "$corelate" explain --all --db story.db ./core
cp out explained
accept "${report[@]}" ./core
cmp -s out explained || fail 'report is not explain --all'
accept "${report[@]}" --format=text ./core
cmp -s out explained || fail 'report --format=text is not explain --all'
accept "$corelate" explain --json --db story.db ./core
cp out explained
for how in --format=json --json; do
	accept "${report[@]}" $how ./core
	cmp -s out explained || fail "report $how is not explain --json"
done

# ---- HTML ----
accept "${report[@]}" --format=html ./core
cp out report.html
"$python" "$here/markup.py" report.html >complaints || fail "HTML: $(cat complaints)"
for text in '<h1><span class="class proven">double-munmap</span>' 'id="event-2"' 'href="#event-2"' '<svg role="img"' \
	'<circle class="crash"' 'class="fatal"' 'Thread 42, crashed' 'How it happened' '<li class="act">' '<th>Culprit</th>' 'Ruled out'; do
	expect_text "$text"
done
accept "${report[@]}" --format=html # the record alone
cp out record.html
"$python" "$here/markup.py" record.html >complaints || fail "HTML without a core: $(cat complaints)"

# What a browser shows: it must have drawn something in both themes, and different things.
if command -v chromium >/dev/null; then
	for theme in light dark; do
		timeout 90 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$work/profile" \
			--hide-scrollbars --window-size=1000,1400 --screenshot="$work/$theme.png" \
			--blink-settings=preferredColorScheme=$([ $theme = dark ] && echo 0 || echo 1) \
			"file://$work/report.html" >chromium.log 2>&1 || fail "chromium: $(tail -n 1 chromium.log)"
	done
	"$python" "$here/screenshot.py" light.png dark.png >complaints || fail "screenshots: $(cat complaints)"
	# And no policy was violated on the way.
	timeout 90 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$work/profile" \
		--enable-logging=stderr --dump-dom "file://$work/report.html" >dom 2>chromium.log || true
	grep -q 'Content Security Policy' chromium.log && fail "$(grep -m 1 'Content Security Policy' chromium.log)"
	grep -qF 'double-munmap' dom || fail 'the browser has no verdict'
	checks=$((checks + 4))
else
	echo 'partly skipped: chromium is not installed'
fi

# ---- Markdown ----
accept "${report[@]}" --format=markdown ./core
cp out report.md
for text in '### Crash of depot' '**double-munmap** (proven): ' '#### The page of 0x7ffff7a4f234' '**Why**' '**Next:**'; do
	expect_text "$text"
done
if command -v cmark-gfm >/dev/null; then
	cmark-gfm -e autolink -e table -e strikethrough -e footnotes --unsafe report.md >markdown.html
	"$python" "$here/markup.py" --fragment markdown.html >complaints || fail "Markdown: $(cat complaints)"
	checks=$((checks + 1))
else
	echo 'partly skipped: cmark-gfm is not installed'
fi

# ---- SARIF ----
accept "${report[@]}" --format=sarif ./core
cp out report.sarif
"$python" - report.sarif explained >complaints <<'END' || fail "SARIF: $(cat complaints)"
import json, sys
sarif, report = (json.load(open(path)) for path in sys.argv[1:])
run, = sarif["runs"]
results = run["results"]
assert sarif["version"] == "2.1.0" and run["tool"]["driver"]["name"] == "corelate"
assert [r["ruleId"] for r in results] == [f["class"] for f in report["findings"]], "classes"
assert [r["message"]["text"] for r in results] == [f["summary"] for f in report["findings"]], "summaries"
levels = {"proven": "error", "likely": "warning", "possible": "note", "none": "note"}
assert [r["level"] for r in results] == [levels[f["confidence"]] for f in report["findings"]], "levels"
assert results[0]["partialFingerprints"] == {"corelate/v2": report["crash"]["signature"]}, "fingerprint"
flow, = results[0]["codeFlows"]
steps = flow["threadFlows"][0]["locations"]
assert steps[-1]["importance"] == "essential" and len(steps) >= 2, "the story ends with the crash"
assert [s["executionOrder"] for s in steps] == list(range(1, len(steps) + 1)), "order"
links = report["cause"]["links"]
assert [l["message"]["text"] for l in results[0]["relatedLocations"]] == [l["text"] for l in links], "chain"
assert results[0]["properties"]["culprit"] == report["culprit"]["name"], "culprit"
assert len(results[0]["stacks"][0]["frames"]) == len(report["threads"][0]["frames"]), "stack"
assert sorted({r["ruleId"] for r in results}) == sorted(r["id"] for r in run["tool"]["driver"]["rules"]), "rules"
END

# ---- into a file: the whole or nothing ----
accept "${report[@]}" --format=html -o into.html ./core
cmp -s into.html report.html || fail 'the file is not what is printed'
[ "$(stat -c %a into.html)" = 600 ] || fail 'others may read the report'
echo before >kept
refuse 1 'cannot write' "${report[@]}" -o /dev/full/report ./core
refuse 1 'cannot write' "${report[@]}" -o missing/report ./core
mkdir small
if is_root && mount -t tmpfs -o size=4k,mode=700 none small 2>/dev/null; then
	echo before >small/report
	refuse 1 'cannot write' "${report[@]}" --format=html -o small/report ./core
	[ "$(cat small/report)" = before ] || fail 'a full disk has changed the file that was there'
	[ "$(ls small)" = report ] || fail 'a full disk has left a piece of a report'
	umount small
fi

# ---- what makes no sense ----
refuse 2 "there is no 'pdf'" "${report[@]}" --format=pdf ./core
refuse 2 'exclude each other' "${report[@]}" --format=html --json ./core
refuse 2 'does not take --format' "$corelate" explain --format=html ./core
finish
