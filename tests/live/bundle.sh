#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A bundle gives the same answers on another machine: a root directory with nothing in it but corelate, and impostors
# where the victim and the C library were. A library that is gone at the death, a stripped program with a separate debug
# file, one without a build-id, an exit without a core, a core that nobody recorded.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"
command -v cc >/dev/null || skip "no compiler"
unshare -m true 2>/dev/null || skip "no mount namespaces here"

cd "$TMP"
cat >plugin.c <<'END'
#include <sys/mman.h>
volatile int plugin_done;
void plugin_drop(void *start, unsigned long bytes)
{
	plugin_done = munmap(start, bytes) + 1;
}
END
cat >main.c <<'END'
#include <dlfcn.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
__attribute__((noinline)) static int use(volatile char *block)
{
	return block[12] + 1;
}
int main(int argc, char **argv)
{
	char *range = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *plugin = dlopen(argv[1], RTLD_LAZY);
	void (*drop)(void *, unsigned long) = (void (*)(void *, unsigned long))dlsym(plugin, "plugin_drop");

	memset(range, argc, 65536);
	drop(range, 65536);
	dlclose(plugin);
	if (argc > 2) /* what comes of a fork has its parent's history */
		if (fork())
			return 0;
	return use(range);
}
END
flags=(-g -O2 -fomit-frame-pointer)
must cc "${flags[@]}" -fPIC -shared -o libplugin.so plugin.c
must cc "${flags[@]}" -o victim main.c -ldl
must cc "${flags[@]}" -Wl,--build-id=none -o nameless main.c -ldl
must cp victim stripped
must objcopy --only-keep-debug victim victim.debug
must strip -s stripped
chmod 755 libplugin.so victim nameless stripped

# ---- the other machine ----

other=$TMP/other
mkdir -p "$other"/{proc,dev,tmp,var/tmp,opt/lib,in,usr/lib/x86_64-linux-gnu,lib/x86_64-linux-gnu,lib64} "$other$TMP"
mknod -m 666 "$other/dev/null" c 1 3
must cp "$CORELATE" "$other/opt/corelate"
ldd "$CORELATE" | grep -o '/[^ ]*' | while read -r library; do
	cp -L "$library" "$other/opt/lib/"
done
# Impostors: other builds at the paths that the crash knows.
for path in "$TMP/victim" "$TMP/nameless" "$TMP/stripped" "$TMP/libplugin.so" /usr/lib/x86_64-linux-gnu/libc.so.6 \
	/lib/x86_64-linux-gnu/libc.so.6 /lib64/ld-linux-x86-64.so.2; do
	mkdir -p "$(dirname "$other$path")"
	cp -L /usr/bin/true "$other$path"
done

# elsewhere VERB...: corelate on that machine, in /in.
elsewhere() {
	unshare -m sh -c '
		mount -t proc proc "$1/proc"
		cd "$1" && shift
		exec chroot . /opt/lib/ld-linux-x86-64.so.2 --library-path /opt/lib /opt/corelate "$@"' sh "$other" "$@" 9>&-
}

# here VERB...: corelate where it crashed; with the debug file of the stripped program where that belongs.
build_id=$(readelf -n victim | sed -n 's/.*Build ID: //p')
here() {
	unshare -m sh -c '
		mount -t tmpfs none /usr/lib/debug
		mkdir -p "/usr/lib/debug/.build-id/$1"
		cp "$3" "/usr/lib/debug/.build-id/$1/$2.debug"
		shift 3
		exec "$@"' sh "${build_id:0:2}" "${build_id:2}" "$TMP/victim.debug" "$CORELATE" "$@" 9>&-
}

# same_json WHAT LEFT RIGHT: but for the core's path.
same_json() {
	"$PYTHON" - "$2" "$3" <<-'END' || fail "$1: the reports differ: $(diff "$2" "$3" | head -20)"
		import json, sys
		reports = [json.load(open(path)) for path in sys.argv[1:]]
		for report in reports:
		    report["crash"].pop("core", None)
		sys.exit(reports[0] != reports[1])
	END
}

# compare WHAT VERB...: the verb's output here (for CRASH, with the options in $at) and elsewhere (for the bundle).
compare() {
	local what=$1 status=0
	shift
	here "$@" "${at[@]}" >"$TMP/here" 2>&1 || status=$?
	elsewhere "$@" /in/bundle >"$TMP/elsewhere" 2>&1 || status=$((status + $?))
	equal "$what: status of $*" "$status" 0
	sed -i '/^  core /d; s/ core .*//' "$TMP/here" "$TMP/elsewhere"
	cmp -s "$TMP/here" "$TMP/elsewhere" ||
		fail "$what: $* differs elsewhere: $(diff "$TMP/here" "$TMP/elsewhere" | head -20)"
}

# check WHAT [--db DB] CRASH: bundles it and compares all verbs.
check() {
	local what=$1 address fault
	shift
	at=("$@")
	here bundle "$@" -o "$other/in/bundle" >"$TMP/told" || {
		fail "$what: bundle: status $?"
		return 0
	}
	equal "$what: mode" "$(stat -c %a "$other/in/bundle")" 600
	here explain --json "$@" >"$TMP/here.json" || fail "$what: explain here"
	elsewhere explain --json /in/bundle >"$TMP/elsewhere.json" || fail "$what: explain elsewhere"
	same_json "$what" "$TMP/here.json" "$TMP/elsewhere.json"
	tar --zstd -xOf "$other/in/bundle" report.json >"$TMP/inside.json"
	same_json "$what, the report inside" "$TMP/here.json" "$TMP/inside.json"
	fault=$(json "$TMP/here.json" 'd["fault"]["address"]')
	compare "$what" explain --all
	compare "$what" info
	compare "$what" report --format=markdown
	for address in "$fault" "$(json "$TMP/here.json" '(d["registers"] or {}).get("rsp", "0x1000") if isinstance(d["registers"], dict) else "0x1000"')"; do
		[ "$address" = null ] || compare "$what" why "$address"
	done
	equal "$what: left behind" "$(cd "$other" && echo var/tmp/* tmp/corelate-*)" "var/tmp/* tmp/corelate-*"
}

# ---- recorded, with a core ----

for program in victim stripped nameless; do
	rm -f "$DB"* "$CORES"/*
	record "$TMP/$program" "$TMP/libplugin.so"
	equal "status of $program" "$STATUS" 139
	core=$(echo "$CORES"/core.*)
	check "$program" --db "$DB" "$core"
	contains "the plugin that was gone, in $program" "$(cat "$TMP/elsewhere.json")" plugin_drop
	contains "the line of the fault in $program" "$(cat "$TMP/elsewhere.json")" main.c
	equal "class of $program" "$(json "$TMP/elsewhere.json" 'd["findings"][0]["class"]')" use-after-munmap
	lacks "nothing is missing in $program" "$(json "$TMP/elsewhere.json" 'd["coverage"]["notes"]')" "not there"
	compare "$program" stack
	compare "$program" repair --dry-run
	# A debugger gets the bundle's files, and not those of the same names.
	if command -v gdb >/dev/null; then
		must mv "$TMP/$program" "$TMP/hidden"
		must cp /usr/bin/true "$TMP/$program"
		stack=$("$CORELATE" debug -A '-nx -batch -ex bt' "$other/in/bundle" 2>&1 9>&-) || true
		must mv "$TMP/hidden" "$TMP/$program"
		contains "gdb on the bundle of $program" "$stack" "main.c:"
		contains "gdb on the bundle of $program" "$stack" " use ("
	fi
	tar --zstd -tf "$other/in/bundle" | sed 's|^files/.build-id/.*|ELF|' | sort | uniq -c >"$TMP/members"
	contains "members of $program" "$(cat "$TMP/members")" ELF
done
contains "the file without a build-id" "$(cat "$TMP/members")" files/other/0

# Where the plugin was replaced since, here and elsewhere agree that it is not to be used.
must cp -p libplugin.so kept.so
must cp /usr/bin/true libplugin.so
check "a replaced plugin" --db "$DB" "$core"
must cp -p kept.so libplugin.so # with its old time: else it is taken for another again

# Named by pid, with --no-core, and without a core.
pid=$(query "SELECT pid FROM v_crash")
check "by pid" --db "$DB" "$pid"
must here bundle --db "$DB" --no-core -o "$other/in/bundle" "$pid" >/dev/null
lacks "members without the core" "$(tar --zstd -tf "$other/in/bundle")" core
must mv "$core" "$TMP/moved"
here explain --json --db "$DB" "$pid" >"$TMP/here.json"
elsewhere explain --json /in/bundle >"$TMP/elsewhere.json" || fail "a bundle without the core"
same_json "without the core" "$TMP/here.json" "$TMP/elsewhere.json"
# Recorded, and no core to be found.
check "no core" --db "$DB" "$pid"
contains "who unmapped, without a core" "$(cat "$TMP/elsewhere.json")" plugin_drop

# ---- a core that nobody recorded ----

rm -f "$CORES"/*
(cd "$CORES" && "$TMP/stripped" "$TMP/libplugin.so") 2>/dev/null 9>&- || true
core=$(echo "$CORES"/core.*)
must [ -s "$core" ]
check "a core of another process" --db "$DB" "$core"
contains "the note" "$(cat "$TMP/elsewhere.json")" "was not recorded"

check "a core without a database" "$core"

# ---- a child of a fork, whose history is in part its parent's ----

rm -f "$DB"* "$CORES"/*
record "$TMP/victim" "$TMP/libplugin.so" fork
has_core() {
	compgen -G "$CORES/core.*" >/dev/null
}
within 20 has_core || fail "the child left no core"
core=$(echo "$CORES"/core.*)
check "a forked child" --db "$DB" "$core"
contains "what its parent unmapped" "$(cat "$TMP/elsewhere.json")" plugin_drop
live_end
