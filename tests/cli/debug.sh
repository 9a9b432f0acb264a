#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# corelate debug: what the debugger is given, whose status is returned, what is left behind. What gdb makes of a repaired
# core is uretprobe/repair's.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"
fixture db=story.db core=core
mkdir tmp
export TMPDIR=$work/tmp
cat >debugger <<'END'
#!/bin/sh
printf '%s\n' "$@" >given
for last; do :; done
cmp -s "$last" core && echo same >>given
exit 7
END
chmod 755 debugger
debug=("$corelate" debug --db story.db --debugger ./debugger)

refuse 7 'double-munmap: ' "${debug[@]}" ./core
[ "$(tail -n 3 given | tr '\n' ' ')" = '-c ./core same ' ] || fail "given: $(tr '\n' ' ' <given)"
refuse 7 '' "${debug[@]}" -A '-batch  -ex bt' ./core
[ "$(head -n 3 given | tr '\n' ' ')" = '-batch -ex bt ' ] || fail "given: $(tr '\n' ' ' <given)"
run "$corelate" debug --db story.db --debugger ./nothing ./core
[ "$status" -eq 1 ] && grep -q 'cannot run ./nothing: there is no such program' err || fail "no debugger: $status, $(cat err)"
# All statuses are the debugger's, those too that a shell gives for what it cannot run.
for number in 0 126 127 200; do
	printf '#!/bin/sh\nexit %d\n' $number >status
	chmod 755 status
	run "$corelate" debug --db story.db --debugger ./status ./core
	[ "$status" -eq $number ] && ! grep -q 'cannot run' err || fail "a debugger that ends with $number: $status, $(cat err)"
done
run "$corelate" debug --db story.db --debugger ./tmp ./core
[ "$status" -eq 1 ] && grep -q 'cannot run ./tmp: Permission denied' err || fail "a directory: $status, $(cat err)"
refuse 3 'no core' "${debug[@]}" depot
refuse 3 'no recorded crash is called' "${debug[@]}" nobody
refuse 2 'does not take --debugger' "$corelate" explain --debugger ./debugger ./core
[ -z "$(ls tmp)" ] || fail "left behind: $(ls tmp)"
finish
