#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Lives of mappings where the order of records, a loss elsewhere or a call that failed could mislead.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"

# live WAY [OPTION...]: records the victim into a database of its own and explains its death.
live() {
	local way=$1

	shift
	DB=$TMP/$way.db
	STATUS=0
	"$CORELATE" record --db "$DB" "$@" -- "$VICTIMS/lives" "$way" 2>"$TMP/log" 9>&- || STATUS=$?
	check_books
	[ "$STATUS" = 3 ] || explain
}

summary() {
	json "$EXPLAINED" 'd["findings"][0]["summary"]'
}

# ---- losses follow the lineage ----

live inherited --ring 1M
holds "events that the parent lost" "$(query 'SELECT lost FROM recording')" -gt 0
equal "verdict over the parent's loss" "$(verdict)" "use-after-munmap likely"
holds "gaps in the report of the child" "$(json "$EXPLAINED" 'len(d["coverage"]["gaps"])')" -gt 0

live shared --ring 1M
holds "events that the sharer lost" "$(query 'SELECT lost FROM recording')" -gt 0
equal "sharers" "$(query 'SELECT count(*) FROM space_sharer')" 1
equal "verdict over the sharer's loss" "$(verdict)" "use-after-munmap likely"

live sibling --ring 1M
holds "events that the parent lost later" "$(query 'SELECT lost FROM recording')" -gt 0
equal "verdict of a child that was there before" "$(verdict)" "use-after-munmap proven"

# ---- calls that failed and acted ----

live emptied
equal "class of emptied" "$(json "$EXPLAINED" 'd["findings"][0]["class"]')" discarded-pages
contains "summary of emptied" "$(summary)" trim_range
equal "what v_effect says of it" "$(query "SELECT touched_start IS NOT NULL FROM v_effect JOIN event USING (id)
	WHERE event.kind = 7 AND event.result = -12")" 1

live sealed
equal "verdict of sealed" "$(verdict)" "protection-violation proven"
contains "summary of sealed" "$(summary)" seal_range
equal "protection of what was sealed" "$(query "SELECT protection(life.protection), life.is_open FROM mapping_life AS life
	JOIN event ON event.id = life.made_event
	WHERE gone_event IS NULL AND \"end\" - start = 8192 AND event.a1 = 12288")" "r--|0"

live unseated
equal "verdict of unseated" "$(verdict)" "use-after-munmap likely"
contains "summary of unseated" "$(summary)" map_socket

# ---- one replay ----

live moved
lacks "text of moved" "$("$CORELATE" explain --db "$DB")" '???'
equal "class of moved" "$(json "$EXPLAINED" 'd["findings"][0]["class"]')" protection-violation
equal "protection of what was moved" "$(query "SELECT DISTINCT protection(life.protection) FROM mapping_life AS life
	JOIN event ON event.id = life.made_event WHERE event.kind = 4")" "r--"
# The record alone.
mv "$CORES"/core.* "$TMP/"
explain
lacks "text of moved without its core" "$("$CORELATE" explain --db "$DB")" '???'
contains "the same" "$("$CORELATE" explain --db "$DB")" 'r--'

# ---- an munmap that returns late ----

live late
if [ "$STATUS" = 3 ]; then
	printf 'no munmap came late this time\n'
else
	# The address had other owners before, so that it is not proven.
	equal "verdict of late" "$(verdict)" "use-after-munmap likely"
	contains "summary of late" "$(summary)" owner_close
	lacks "summary of late" "$(summary)" stranger_close
	equal "who ended the last life, in SQL" "$(query "SELECT gone_event = (SELECT max(id) FROM event WHERE kind = 3
		AND a1 = 262144) FROM mapping_life JOIN event AS made ON made.id = made_event
		WHERE made.a1 = 262144 AND made.kind = 2 ORDER BY made_event DESC LIMIT 1")" 1
fi
live_end
