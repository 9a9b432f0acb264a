#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Stacks of recorded events: optimised code without frame pointers, a wrapper between, a library that is gone by the
# time of the crash, a slice that is too short, and no core.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"
command -v cc >/dev/null || skip "no compiler"

cd "$TMP"
# Lines count: the checks name them.
cat >wrapper.c <<'END'
#include <sys/mman.h>
int wrapper_calls;
int wrapper_release(void *start, unsigned long bytes)
{
	int result = munmap(start, bytes);
	return result + wrapper_calls++;
}
END
cat >first.c <<'END'
int wrapper_release(void *start, unsigned long bytes);
volatile int first_done;
void first_drop(void *start, unsigned long bytes)
{
	first_done = wrapper_release(start, bytes);
}
END
cat >second.c <<'END'
int wrapper_release(void *start, unsigned long bytes);
volatile int second_done;
__attribute__((noinline)) static int second_deeper(void *start, unsigned long bytes, int depth)
{
	volatile char room[200];

	room[depth] = (char)depth;
	if (depth == 0)
		return wrapper_release(start, bytes) + room[0];
	return second_deeper(start, bytes, depth - 1) + room[depth];
}
void second_drop(void *start, unsigned long bytes, int depth)
{
	second_done = second_deeper(start, bytes, depth);
}
END
cat >main.c <<'END'
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
void first_drop(void *start, unsigned long bytes);
int main(int argc, char **argv)
{
	char *range = mmap(0, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *block;
	void *plugin = dlopen(argv[1], RTLD_LAZY);
	void (*drop)(void *, unsigned long, int) = (void (*)(void *, unsigned long, int))dlsym(plugin, "second_drop");

	first_drop(range, 65536);
	block = mmap(range + 16384, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	memset(block, 1, 16384);
	drop(range, 65536, argc > 2 ? atoi(argv[2]) : 3);
	dlclose(plugin);
	return block[12];
}
END
flags=(-g -O2 -fomit-frame-pointer)
must cc "${flags[@]}" -fPIC -shared -o libwrapper.so wrapper.c
must cc "${flags[@]}" -fPIC -shared -o libfirst.so first.c -L. -lwrapper -Wl,-rpath,"$TMP"
must cc "${flags[@]}" -fPIC -shared -o libsecond.so second.c -L. -lwrapper -Wl,-rpath,"$TMP"
must cc "${flags[@]}" -o victim main.c -L. -lfirst -lwrapper -ldl -Wl,-rpath,"$TMP"
chmod 755 "$TMP"/*.so "$TMP/victim"

# try OPTION... -- COMMAND...: records it anew.
try() {
	rm -f "$DB"* "$CORES"/*
	STATUS=0
	(cd "$CORES" && exec "$CORELATE" record --db "$DB" "$@" 2>"$TMP/recorder.err" 9>&-) || STATUS=$?
	equal "status of the victim" "$STATUS" 139
	explain
}

# chain N: the functions of the verdict's Nth unmap, with their lines, from the wrapper on.
chain() {
	"$PYTHON" - "$EXPLAINED" "$1" <<'END'
import json, sys
evidence = json.load(open(sys.argv[1]))["findings"][0]["evidence"]
unmaps = [e for e in evidence if "unmap" in e["text"] and "munmap(" in e["text"]]
item = unmaps[int(sys.argv[2])]
frames = item["stack"] or []
print(" ".join("%s:%s" % (f["function"], f["line"] or "-") for f in frames if f["module"] and "/libc.so" not in f["module"] and f["function"] != "_start"),
      "|", item["stack_end"])
END
}

first_chain='wrapper_release:5 first_drop:5 main:12 | None'
second_chain='wrapper_release:5 second_deeper:9 second_deeper:10 second_deeper:10 second_deeper:10 second_drop:14 main:15 | None'

try -- "$TMP/victim" "$TMP/libsecond.so"
equal "verdict" "$(verdict)" "double-munmap proven"
equal "stack of the first unmap" "$(chain 0)" "$first_chain"
equal "stack of the second unmap" "$(chain 1)" "$second_chain"
equal "trust" "$(json "$EXPLAINED" 'sorted({f["trust"] for e in d["findings"][0]["evidence"] for f in e["stack"] or []})')" \
	"['cfi', 'registers']"
contains "evidence" "$(json "$EXPLAINED" '[e["text"] for e in d["findings"][0]["evidence"]]')" "libwrapper.so wrapper_release"
text=$("$CORELATE" explain --db "$DB")
timeline=$("$CORELATE" explain --all --db "$DB")
contains "text of --all" "$timeline" "libfirst.so first_drop+"
contains "text of --all" "$timeline" "(first.c:5)"
contains "text of --all" "$timeline" "libsecond.so second_deeper+"
lacks "notes" "$text" "no symbols from it"

page=$("$CORELATE" report --db "$DB" --format=html)
contains "stacks in a browser" "$page" "<summary>stack, "
contains "stacks in a browser" "$page" "<li><code>libsecond.so second_deeper+"

# The library of the second unmap is not in the core any more.
core=$(echo "$CORES"/core.*)
must [ -s "$core" ]
equal "libsecond.so in the core" "$(eu-readelf -n "$core" | grep -cE '^ *[0-9a-f]+-[0-9a-f]+ .*libsecond[.]so' || true)" 0

# why tells the same.
address=$(json "$EXPLAINED" 'd["fault"]["address"]')
"$CORELATE" why --json --db "$DB" "$address" >"$TMP/why.json"
equal "functions in why" "$(json "$TMP/why.json" '[l["stack"][1]["function"] for l in d["lines"] if "munmap(" in l["text"]]')" \
	"['wrapper_release', 'wrapper_release']"

# Without the core, from the record and the files.
must rm "$core"
explain
equal "class without a core" "$(json "$EXPLAINED" 'd["findings"][0]["class"]')" double-munmap
equal "stack of the first unmap without a core" "$(chain 0)" "$first_chain"
equal "stack of the second unmap without a core" "$(chain 1)" "$second_chain"
"$CORELATE" why --json --db "$DB" "$address" >"$TMP/why.json"
equal "functions in why without a core" "$(json "$TMP/why.json" '[l["stack"][2]["function"] for l in d["lines"] if "munmap(" in l["text"]]')" \
	"['first_drop', 'second_deeper']"

# The file is another by now: no names are better than wrong ones.
must cp libsecond.so other.so
must mv other.so libsecond.so
explain
contains "notes of a replaced file" "$(json "$EXPLAINED" 'd["coverage"]["notes"]')" "another file has its path now"
lacks "stack through a replaced file" "$(chain 1)" second_deeper
equal "stack beside a replaced file" "$(chain 0)" "$first_chain"

# Deep, and a slice that does not hold it.
try --stack-bytes 1024 -- "$TMP/victim" "$TMP/libsecond.so" 40
contains "a short slice" "$(chain 1)" "| the recorded slice of 1024 bytes ends here"
contains "a short slice" "$(chain 1)" "wrapper_release:5 second_deeper:9 second_deeper:10"
lacks "a short slice" "$(chain 1)" second_drop
try --stack-bytes 16384 -- "$TMP/victim" "$TMP/libsecond.so" 40
contains "a long slice" "$(chain 1)" "second_deeper:10 second_drop:14 main:15 | None"
try --stack-bytes 0 -- "$TMP/victim" "$TMP/libsecond.so"
contains "no slice" "$(chain 1)" "wrapper_release:5"
contains "no slice" "$(chain 1)" "| no stack was recorded here"
live_end
