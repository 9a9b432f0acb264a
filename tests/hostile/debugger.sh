#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# corelate debug starts gdb on files that a stranger may have made. A script is planted in every place where gdb looks for
# one; each must run under a gdb that is left alone (so that the plant is one), and none under corelate's.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
for tool in gdb gcc zstd objcopy; do
	command -v $tool >/dev/null || {
		echo "skipped: $tool is not installed"
		exit 77
	}
done
mkdir "$work/home" "$work/app" "$work/app/lib" "$work/here" "$work/rooms" "$work/ran"
export HOME=$work/home TMPDIR=$work/rooms RAN=$work/ran
unset XDG_CONFIG_HOME XDG_CACHE_HOME
cd "$work/app"

# ---- the program: it crashes, and its debugging data name two scripts: a file of Python's, and a text that is one ----
cat >victim.c <<'END'
void first_step(void) { *(volatile int *)0 = 1; }
int main(void) { first_step(); return 0; }
__asm__(".pushsection \".debug_gdb_scripts\", \"MS\", @progbits, 1\n"
	".byte 1\n.asciz \"section_file.py\"\n"
	".byte 4\n.ascii \"" SIDE "one\\n\"\n.ascii \"pass\\n\"\n.byte 0\n"
	".byte 4\n.ascii \"" SIDE "two\\n\"\n.ascii \"import os\\n\"\n"
	".ascii \"open(os.environ['RAN'] + '/section-text-" SIDE "', 'w')\\n\"\n.byte 0\n.popsection\n");
END
# A C library of its own, so that a libthread_db can lie beside it.
libc=$(ldd /bin/sh | awk '$1 == "libc.so.6" { print $3 }')
cp "$libc" lib/libc.so.6
build_victim() {
	gcc -g -O0 -DSIDE="\"$1\"" -Wl,--build-id -Wl,-rpath,"$work/app/lib" -o "$2" victim.c
}
build_victim program victim
gdb -nx -batch -iex 'set auto-load off' -ex run -ex 'generate-core-file core' ./victim >gdb.out 2>&1 </dev/null || true
[ -s core ] || {
	echo "skipped: gdb makes no core here: $(tail -n 1 gdb.out)"
	exit 77
}

# python_plant NAME FILE, gdb_plant NAME FILE: scripts that leave ran/NAME.
python_plant() {
	printf 'import os\nopen(os.environ["RAN"] + "/%s", "w")\n' "$1" >"$2"
}

gdb_plant() {
	printf 'shell touch "$RAN/%s"\n' "$1" >"$2"
}

# ---- beside the program ----
python_plant beside-py victim-gdb.py
gdb_plant beside-gdb victim-gdb.gdb
python_plant library-py lib/libc.so.6-gdb.py
gdb_plant library-gdb lib/libc.so.6-gdb.gdb
# ---- where the caller is ----
python_plant section-file "$work/here/section_file.py"
gdb_plant init-here "$work/here/.gdbinit"
# ---- beside the C library: loaded into gdb itself ----
cat >thread_db.c <<'END'
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void planted(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/thread-db", getenv("RAN"));
	close(open(path, O_WRONLY | O_CREAT, 0600));
}
END
gcc -w -shared -fPIC -include unistd.h -o lib/libthread_db.so.1 thread_db.c
# ---- what many have at home, which trusts all of it. It is the caller's own, and says that it was read. ----
cat >"$work/home/.gdbinit" <<'END'
set auto-load safe-path /
set libthread-db-search-path $pdir
set index-cache enabled on
shell touch "$RAN/home"
END

ran() {
	(cd "$work/ran" && echo * | tr ' ' '\n' | sort | tr '\n' ' ')
}

# ran_all WHAT NAME...: these ran; the marks are taken away.
ran_all() {
	local what=$1

	shift
	checks=$((checks + 1))
	[ "$(ran)" = "$(printf '%s\n' "$@" | sort | tr '\n' ' ')" ] || fail "$what: ran: $(ran), and not: $*"
	rm -f "$work/ran/"*
}

# none_ran WHAT [NAME...]: nothing ran but these.
none_ran() {
	local what=$1

	shift
	[ $# -gt 0 ] || set -- '*'
	ran_all "$what" "$@"
}

saw_crash() {
	checks=$((checks + 1))
	grep -q 'first_step' "$work/out" && grep -q ' main ' "$work/out" || {
		fail "$1: gdb shows no backtrace:"
		show "$work/out"
		show "$work/err"
	}
}

cd "$work/here"
everything=(beside-gdb beside-py home init-here library-gdb library-py section-file section-text-program thread-db)
# ---- a crash of this host ----
run gdb -batch -ex bt "$work/app/victim" -c "$work/app/core"
saw_crash 'gdb alone'
ran_all 'gdb alone' "${everything[@]}"
run "$corelate" debug -A '-batch -ex bt' "$work/app/core"
saw_crash 'corelate debug'
none_ran 'corelate debug' home
for debugger in gdb "$(command -v gdb)"; do
	run "$corelate" debug --debugger "$debugger" -A '-batch -ex bt' "$work/app/core"
	saw_crash "corelate debug --debugger $debugger"
	none_ran "corelate debug --debugger $debugger" home
done
# By another name it gets the options as well.
ln -s "$(command -v gdb)" "$work/some-gdb"
run "$corelate" debug --debugger "$work/some-gdb" -A '-batch -ex bt' "$work/app/core"
saw_crash 'corelate debug --debugger some-gdb'
none_ran 'corelate debug --debugger some-gdb' home
# Run again from within the debugger: libthread_db is this host's.
rm -rf "$work/home/.cache"
run gdb -batch -ex run "$work/app/victim"
ran_all 'gdb alone, running' "${everything[@]}"
run "$corelate" debug -A '-batch -ex run' "$work/app/core"
none_ran 'corelate debug, running' home
# The indexes that gdb makes go by build-ids, which a file only claims to have.
run gdb -batch -ex bt "$work/app/victim" -c "$work/app/core"
checks=$((checks + 1))
[ -n "$(find "$work/home" -name '*.gdb-index')" ] || fail 'gdb alone has kept no index'
rm -rf "$work/home/.cache" "$work/ran/"*
run "$corelate" debug -A '-batch -ex bt' "$work/app/core"
[ -z "$(find "$work/home" -name '*.gdb-index')" ] || fail 'corelate debug has let gdb keep an index of a stranger'
rm -f "$work/ran/"*
# A script of one's own is run.
gdb_plant own "$work/own.gdb"
run "$corelate" debug -A "-batch -x $work/own.gdb" "$work/app/core"
ran_all 'a script of the caller' home own

# ---- a bundle: all its files are the sender's, and so are the paths that it gives them ----
"$corelate" bundle -o "$work/good.corelate" "$work/app/core" >/dev/null
cd "$work/app"
# Debug files with scripts of their own: by the build-id, where gdb's debug-file-directory has it.
build_victim debug-file other
objcopy --only-keep-debug other other.debug 2>/dev/null
build_id=$(readelf -n victim 2>/dev/null | awk '/Build ID/ { print $3 }')
# With the program's build-id, so that it is taken for the program's.
"$python" - victim other.debug <<'END'
import re, subprocess, sys
def note(path):
    return bytes.fromhex(re.search(r"Build ID: ([0-9a-f]+)", subprocess.run(["readelf", "-n", path], stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True).stdout)[1])
data = open(sys.argv[2], "rb").read().replace(note(sys.argv[2]), note(sys.argv[1]))
open(sys.argv[2], "wb").write(data)
END
objcopy --strip-debug -R .debug_gdb_scripts victim stripped
python_plant sent-py sent.py
gdb_plant sent-gdb sent.gdb
gdb_plant sent-init sent.gdbinit
cd "$work/here"
"$python" "$here/plant_bundle.py" "$work/good.corelate" "$work/evil.corelate" "$work/app/victim=$work/app/stripped" \
	"/usr/lib/debug/.build-id/${build_id:0:2}/${build_id:2}.debug=$work/app/other.debug" \
	"$work/app/victim-gdb.py=$work/app/sent.py" "$work/app/victim-gdb.gdb=$work/app/sent.gdb" \
	"/solib/libc.so.6-gdb.py=$work/app/sent.py" "$work/app/lib/libthread_db.so.1=$work/app/lib/libthread_db.so.1" \
	"$work/here/.gdbinit=$work/app/sent.gdbinit"
# alone: gdb as it would be started without a thought: on the bundle's files, with the places that they need.
cat >"$work/alone" <<'END'
#!/bin/sh
for word; do
	case $word in */root/*victim) root=${word%%/root/*}/root ;; esac
done
exec gdb -iex "set sysroot $root" -iex "set debug-file-directory $root/usr/lib/debug" -iex "set solib-search-path $root/solib" "$@"
END
chmod 755 "$work/alone"
run "$corelate" debug --debugger "$work/alone" -A '-batch -ex bt' "$work/evil.corelate"
saw_crash 'gdb alone on a bundle'
ran_all 'gdb alone on a bundle' home init-here section-file section-text-debug-file sent-gdb sent-py thread-db
# Even without anything at home gdb trusts its debug-file-directory.
mv "$work/home/.gdbinit" "$work/home/away"
run "$corelate" debug --debugger "$work/alone" -A '-batch -ex bt' "$work/evil.corelate"
grep -q section-text-debug-file <<<"$(ran)" || fail "gdb alone, with nothing at home, ran: $(ran)"
rm -f "$work/ran/"*
rm -rf "$work/home/.cache"
printf 'bt\nlist\ninfo sharedlibrary\nsharedlibrary\n' >"$work/look.gdb"
for state in nothing-at-home trusting-home; do
	[ $state = nothing-at-home ] || mv "$work/home/away" "$work/home/.gdbinit"
	for debugger in '' gdb "$work/some-gdb"; do
		for words in '-batch -ex bt' "-batch -x $work/look.gdb"; do
			run "$corelate" debug ${debugger:+--debugger "$debugger"} -A "$words" "$work/evil.corelate"
			saw_crash "${debugger:-corelate debug} on a bundle, $state"
			none_ran "${debugger:-corelate debug} on a bundle, $state"
		done
	done
done
# No server is asked for what it names.
cat >"$work/some-other-gdb" <<'END'
#!/bin/sh
echo "asks ${DEBUGINFOD_URLS-nobody}"
END
chmod 755 "$work/some-other-gdb"
export DEBUGINFOD_URLS=http://127.0.0.1:1/
run "$corelate" debug --debugger "$work/some-other-gdb" "$work/evil.corelate"
expect_text 'asks nobody'
[ -z "$(find "$work/home" -name '*.gdb-index')" ] || fail 'an index of a file of a bundle was kept'
finish
