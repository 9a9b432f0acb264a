#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What looks like the double munmap and is not, and the double munmap of which too little was seen.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"

program=$BUILD/examples/double-munmap

record "$program" own
equal "status of own" "$STATUS" 139
explain
equal "verdict of own" "$(verdict)" "use-after-munmap proven"
contains "summary of own" "$(json "$EXPLAINED" 'd["findings"][0]["summary"]')" "libdepot.so depot_close"
equal "double munmap in own" "$(json "$EXPLAINED" '[f for f in d["findings"] if f["class"] == "double-munmap"]')" "[]"

record "$program" ordinary >"$TMP/output"
equal "status of ordinary" "$STATUS" 139
lacks "what ordinary says" "$(cat "$TMP/output")" "proves nothing"
explain
equal "double munmap in ordinary" "$(json "$EXPLAINED" '[f for f in d["findings"] if f["class"] == "double-munmap"]')" "[]"
equal "class of ordinary" "$(json "$EXPLAINED" 'd["findings"][0]["class"]')" use-after-munmap

# A ring of one page loses most of the noise: no verdict may be proven over that.
DB=$TMP/burst.db
STATUS=0
"$CORELATE" record --db "$DB" --ring 4K -- "$program" burst 2>"$TMP/log" || STATUS=$?
equal "status of burst" "$STATUS" 139
check_books
holds "lost events" "$(query 'SELECT lost FROM recording')" -gt 0
holds "gaps of a full ring" "$(query "SELECT count(*) FROM v_gap WHERE cause = 'ring buffer full' AND lost > 0")" -gt 0
contains "what the recorder said" "$(cat "$TMP/log")" "$(query 'SELECT lost FROM recording') lost"
explain
lacks "verdict over a gap" "$(verdict)" proven
holds "gaps in the report" "$(json "$EXPLAINED" 'len(d["coverage"]["gaps"])')" -gt 0
holds "losses in the report" "$(json "$EXPLAINED" 'd["coverage"]["lost"]')" -gt 0

# With the ordinary ring the same noise changes nothing.
DB=$TMP/whole.db
record "$program" burst
check_books
equal "lost with the ordinary ring" "$(query 'SELECT lost FROM recording')" 0
explain
equal "verdict of burst" "$(verdict)" "double-munmap proven"
live_end
