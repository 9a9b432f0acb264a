#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A crash that was recorded and captured is one row of the list, under each of its names; the same crash imported from a
# core beside it is that crash again.
# shellcheck source=tests/live/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

live_cleanup_more() {
	if [ -n "${LIMIT_BEFORE:-}" ]; then
		printf '%s\n' "$LIMIT_BEFORE" >/proc/sys/kernel/core_pipe_limit
	fi
}

live_begin_alone "$@"
LIMIT_BEFORE=$(cat /proc/sys/kernel/core_pipe_limit)
export CORELATE_VAULT=$TMP/v
printf 'Vault=%s\nDatabase=%s\nHooks=%s\n' "$CORELATE_VAULT" "$DB" "$TMP/none" >"$TMP/c.conf"

must "$CORELATE" install --config "$TMP/c.conf" >"$TMP/out"
record "$BUILD/examples/double-munmap" >"$TMP/out" 2>&1 || true
has_report() {
	compgen -G "$CORELATE_VAULT/2*/report.json" >/dev/null
}
within 30 has_report || fail "nothing was captured and explained: $(dmesg | grep -F 'corelate[' | tail -3)"
must "$CORELATE" uninstall --config "$TMP/c.conf" >"$TMP/out"

"$CORELATE" list --db "$DB" --json >"$TMP/list.json" || fail "list (status $?)"
equal 'rows' "$(json "$TMP/list.json" 'len(d)')" 1
entry=$(basename "$CORELATE_VAULT"/2*)
equal 'the row' "$(json "$TMP/list.json" 'd[0]["corefile"], d[0]["entry"], d[0]["signal"], d[0]["gid"], d[0]["comm"], d[0]["class"], d[0]["size"] > 0')" \
	"('present', '$entry', 'SIGSEGV', 0, 'double-munmap', 'double-munmap', True)"
pid=$(json "$TMP/list.json" 'd[0]["pid"]')
id=$(json "$TMP/list.json" 'd[0]["id"]')
equal 'the process' "$(json "$CORELATE_VAULT/$entry/crash.json" 'd["pid"]')" "$pid"
equal 'the id' "$(json "$CORELATE_VAULT/$entry/report.json" 'd["crash"]["id"]')" "$id"
equal 'the captured report has the record' "$(json "$CORELATE_VAULT/$entry/report.json" 'd["coverage"]["recorded"]')" True
"$CORELATE" list --db "$DB" | cat >&2

# Each name, with the record and without it, leads to the core in the vault.
for name in "$pid" "$id" "$entry" double-munmap "$BUILD/examples/double-munmap"; do
	"$CORELATE" explain --db "$DB" --json "$name" >"$TMP/explained.json" || fail "explain $name (status $?)"
	equal "explain $name" "$(json "$TMP/explained.json" 'd["crash"]["id"], d["findings"][0]["class"], d["findings"][0]["confidence"], len(d["threads"]) > 1, d["crash"]["core"].startswith("'"$CORELATE_VAULT"'")')" \
		"('$id', 'double-munmap', 'proven', True, True)"
	CORELATE_DB= "$CORELATE" explain --json "$name" >"$TMP/alone.json" || fail "explain $name without a record (status $?)"
	equal "explain $name without a record" "$(json "$TMP/alone.json" 'd["crash"]["id"], d["coverage"]["recorded"]')" "('$id', False)"
done

# The same core by another way: it is there already.
zstd -dq "$CORELATE_VAULT/$entry/core.zst" -o "$TMP/core"
must "$CORELATE" import --db "$DB" "$TMP/core" >"$TMP/out"
contains 'an import of what was captured' "$(cat "$TMP/out")" "present as $entry"
equal 'entries' "$(find "$CORELATE_VAULT" -mindepth 1 -maxdepth 1 -name '2*' | wc -l)" 1

# A core that is damaged leaves the record; one that is gone is missing.
printf 'x' | dd of="$CORELATE_VAULT/$entry/core.zst" bs=1 seek=5 conv=notrunc status=none
truncate -s 2000 "$CORELATE_VAULT/$entry/core.zst"
"$CORELATE" explain --db "$DB" "$pid" >"$TMP/out" || fail "explain with a damaged core (status $?)"
contains 'a damaged core is told' "$(cat "$TMP/out")" 'the core that was kept cannot be used'
rm "$CORELATE_VAULT/$entry/core.zst"
contains 'a core that is gone' "$("$CORELATE" list --db "$DB" --no-legend)" ' missing '
"$CORELATE" explain --db "$DB" "$pid" >"$TMP/out" || fail "explain of a crash whose core is gone (status $?)"
live_end
