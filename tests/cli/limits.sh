#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# --time-limit and --memory-limit: each ends in one sentence, and leaves nothing behind; one crash of several that runs out does
# not take the others with it; what is no work on a core does not count.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"

library=$(ldd "$BASH" | awk '$1 ~ /^libc\.so/ { print $3 }')
[ -n "$library" ] || {
	echo 'skipped: bash is not linked with libc.so'
	exit 77
}
mkdir cores files rooms
chmod 1777 rooms # what has no rights unpacks there, too
export TMPDIR=$work/rooms
"$python" "$here/../hostile/make_cores.py" cores "$library" good threads-many stack-is-a-hole
sanitized=false
! grep -q 'CORELATE_SANITIZE:BOOL=ON' "$build/CMakeCache.txt" || sanitized=true

# 100,000 threads take a second or more; a thousandth of that is not enough for any of this.
slow=./cores/threads-many

# ---- the sentences ----
time_sentence='threads-many took more than 0.01 s; --time-limit raises the limit'
memory_sentence='took more than 1 MiB of memory; --memory-limit raises the limit'
for verb in explain stack info report; do
	refuse 1 "$time_sentence" "$corelate" $verb --time-limit=0.01 "$slow"
	$sanitized || refuse 1 "$memory_sentence" "$corelate" $verb --memory-limit=1M ./cores/good
done
refuse 1 "$time_sentence" "$corelate" why --time-limit=0.01 0x1000 "$slow"
refuse 1 "$time_sentence" "$corelate" debug --time-limit 0.01 --debugger=true "$slow"
refuse 1 "$time_sentence" "$corelate" repair --time-limit=0.01 --dry-run "$slow"
$sanitized || refuse 1 "$memory_sentence" "$corelate" why --memory-limit=1M 0x1000 ./cores/good
$sanitized || refuse 1 "$memory_sentence" "$corelate" debug --memory-limit 1M --debugger=true ./cores/good

# The caller's own limits are not ours.
shortage='took more memory than the system gives this process (ulimit -d, ulimit -v)'
for limit in '-d 10000' '-v 150000'; do
	# shellcheck disable=SC2016,SC2086
	$sanitized || refuse 1 "$shortage" bash -c 'ulimit '"$limit"' && exec "$@"' bash "$corelate" explain "$slow"
done

# ---- nothing half-written ----
for verb in 'repair' 'bundle' 'report --format=html'; do
	# shellcheck disable=SC2086 # words on purpose
	refuse 1 "$time_sentence" "$corelate" $verb --time-limit=0.01 -o files/file.corelate "$slow"
	# shellcheck disable=SC2086
	$sanitized || refuse 1 "$memory_sentence" "$corelate" $verb --memory-limit=1M -o files/file.corelate ./cores/good
done
[ -z "$(ls -A files)" ] || fail "left behind: $(ls -A files)"
# The room of a bundle is swept by a process that outlives us for a moment.
for ((i = 0; i < 100; i++)); do
	[ -n "$(ls -A rooms)" ] || break
	sleep 0.05
done
[ -z "$(ls -A rooms)" ] || fail "left behind in \$TMPDIR: $(ls -A rooms)"
for pid in $(pgrep -x corelate || true); do
	! grep -qsaF "$work" "/proc/$pid/cmdline" || fail "process $pid has stayed"
done

# ---- what they take ----
for value in '' 0 -1 x 1s 1e400 nan inf 0x; do
	refuse 2 '--time-limit takes seconds' "$corelate" explain "--time-limit=$value" ./cores/good
done
for value in '' 0 -1 x 1X; do
	refuse 2 '--memory-limit takes a size' "$corelate" explain "--memory-limit=$value" ./cores/good
done
refuse 2 'does not take --time-limit' "$corelate" check --time-limit=1 "$library"

# ---- what does not count ----
# The core's own size: a file of 256 GiB, in 100 MiB.
accept "$corelate" explain --memory-limit=100M ./cores/stack-is-a-hole
accept "$corelate" explain ./cores/stack-is-a-hole
# A debugger's time and memory.
cat >debugger <<'END'
#!/bin/sh
sleep 1.5
echo "data $(ulimit -d)"
END
chmod +x debugger
run "$corelate" debug --time-limit=1 --memory-limit=200M --debugger="$work/debugger" ./cores/good
[ "$status" -eq 0 ] || fail "debug ended with $status"
expect_text "data $(ulimit -d)"
# A reader's time.
checks=$((checks + 1))
"$corelate" stack --all --time-limit=1 ./cores/good 2>err | { sleep 1.5; cat >files/read; }
[ -s files/read ] && [ ! -s err ] || { fail 'a slow reader was taken for slow work'; show err; }

# ---- one of several ----
accept "$corelate" import --quiet ./cores/good
run "$corelate" import --time-limit=0.3 "$slow"
[ "$status" -eq 0 ] || fail "import ended with $status"
expect_text 'threads-many: imported as'
grep -q 'took more than 0.3 s; --time-limit' err || { fail 'import does not tell why it has no verdict'; show err; }
run "$corelate" list --json
"$python" -c 'import json; assert len(json.load(open("out"))) == 2' || fail 'list does not show both'
run "$corelate" list --group --json --time-limit=0.3
[ "$status" -eq 0 ] || fail "list --group ended with $status"
"$python" - <<'END' || fail 'list --group does not have the one that was explained'
import json
grouped = json.load(open("out"))
assert grouped["explained"] == 1 and grouped["failed"] == 1, grouped
assert grouped["groups"][0]["class"] == "wild-pointer", grouped
END
grep -q 'took more than 0.3 s; --time-limit raises the limit' err || { fail 'list --group does not say why one failed'; show err; }
run "$corelate" list --group --json
"$python" -c 'import json; assert json.load(open("out"))["explained"] == 2' || fail 'list --group fails without a limit'

# ---- capture.conf ----
printf 'Vault=%s\nDatabase=%s\nExplainTime=1\nExplainMemory=1M\n' "$work/vault2" "$work/none.db" >capture.conf
if ! $sanitized; then
	run "$corelate" import --config capture.conf ./cores/good
	expect_text 'imported as'
	grep -q 'took more than 1 MiB of memory; --memory-limit (or ExplainMemory in ' err || { fail 'ExplainMemory is not heeded'; show err; }
fi
printf 'ExplainTime=soon\n' >capture.conf
refuse 1 "'soon' is no value for ExplainTime" "$corelate" import --config capture.conf ./cores/good
finish
