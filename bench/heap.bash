# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # variables of bench/run, which sources this
# What recording calls of the heap costs, and what copies of stacks do.

# ---- malloc and free ----

heap_pairs=20000

# The file and the offsets of malloc and free that --heap would probe, found as corelate finds them.
find_heap_sites() {
	"$corelate" record --heap --print-plan -- "$bin/bench-loop" 100 heap >"$directory/plan" 2>"$directory/plan.err" ||
		die "$(cat "$directory/plan.err")"
	heap_file=$(awk -F '\t' '$1 == "file" && $2 == 0 { print $3 }' "$directory/plan")
	heap_sites=$(awk -F '\t' '$1 == "function" && $3 == 0 && ($6 == "malloc" || $6 == "free") { wanted[$2] = 1 }
		$1 == "site" && wanted[$2] { print $4 }' "$directory/plan" | sort -u | paste -sd,)
	[ -n "$heap_sites" ] || die "no malloc and free to probe"
}

# under COMMAND...: the median of a loop of heap pairs that COMMAND runs, in ns.
under() {
	"$@" 2>/dev/null | awk '/^[0-9]+\.[0-9] [0-9]+\.[0-9]$/ { print $1 }'
}

record_heap() {
	rm -f "$directory"/heap.db*
	"$corelate" record --user root --heap "$@" --db "$directory/heap.db" -- "$bin/bench-loop" $heap_pairs heap \
		2>"$directory/heap.err"
}

# bpftrace prints what corelate stores: size, block, and what is given back. It probes every process that maps the file:
# the loop gets a C library of its own.
print_heap() {
	cp "$heap_file" "$directory/libc.so.6"
	timeout -s INT -k 5 60 bpftrace -B full -c "/usr/bin/env LD_LIBRARY_PATH=$directory $bin/bench-loop $heap_pairs heap" -e "
		uprobe:$directory/libc.so.6:malloc { @size[tid] = arg0; }
		uretprobe:$directory/libc.so.6:malloc { printf(\"%d malloc %lu %lx\n\", tid, @size[tid], retval); }
		uprobe:$directory/libc.so.6:free { printf(\"%d free %lx\n\", tid, arg0); }" >"$directory/heap.out" 2>"$directory/heap.lost" || true
	cat "$directory/heap.out"
}

# other TOOL COMMAND...: into the list of that tool, when it is there.
other() {
	local -n figures=$1

	command -v "$1" >/dev/null || return 0
	shift
	figures+=("$(under "$@" "$bin/bench-loop" 2000 heap)")
}

measure_heap() {
	local round ratio line

	find_heap_sites
	bare=() empty=() heap=() heap_0=() bpftrace=() heaptrack=() ltrace=() valgrind=()
	for ((round = 0; round < rounds; round++)); do
		bare+=("$(under "$bin/bench-loop" $heap_pairs heap)")
		empty+=("$(under "$bin/bench-probe" "$bin/empty.bpf.o" "$heap_file" "$heap_sites" "$bin/bench-loop" $heap_pairs heap)")
		heap+=("$(under record_heap)")
		heap_0+=("$(under record_heap --stack-bytes 0)")
		if ((round < 2)); then
			if command -v bpftrace >/dev/null; then bpftrace+=("$(under print_heap)"); fi
			other heaptrack heaptrack -o "$directory/heaptrack"
			other ltrace ltrace -f -e malloc+free -o /dev/null
			other valgrind valgrind -q
		fi
	done
	ratio=$(median_ratio "${heap_0[*]}" "${empty[*]}")
	row "recording malloc+free" "us a pair: bare $(microseconds "${bare[@]}"), empty uprobes $(
		microseconds "${empty[@]}"), corelate $(microseconds "${heap_0[@]}"), with stacks $(microseconds "${heap[@]}")" \
		"$(calculate "$ratio" %.2f) x" "<= 1.15 x empty" "$ratio <= 1.15"
	note "with stacks of free: $(calculate "$(median_ratio "${heap[*]}" "${empty[*]}")" %.2f) x empty uprobes"
	note "us a pair: bpftrace $(microseconds ${bpftrace[@]+"${bpftrace[@]}"}), heaptrack $(
		microseconds ${heaptrack[@]+"${heaptrack[@]}"}), ltrace $(microseconds ${ltrace[@]+"${ltrace[@]}"}), valgrind $(
		microseconds ${valgrind[@]+"${valgrind[@]}"})"
	line=$(sed -n 's/^Lost \([0-9]*\) events.*/\1/p' "$directory/heap.lost" 2>/dev/null | awk '{ n += $1 } END { print n + 0 }')
	note "of 40,000 lines bpftrace lost ${line:--}"
	measure_heap_loss
}

measure_heap_loss() {
	local emitted stored lost gaps pairs_stored

	"$corelate" record --user root --heap --db "$directory/heap-loss.db" -- "$bin/bench-loop" 1000000 heap \
		>"$directory/loss.out" 2>"$directory/loss.err" || die "$(cat "$directory/loss.err")"
	read -r emitted stored lost < <(ask "$directory/heap-loss.db" 'SELECT emitted, stored, lost FROM recording')
	read -r gaps < <(ask "$directory/heap-loss.db" 'SELECT count(*) FROM v_gap')
	read -r pairs_stored < <(ask "$directory/heap-loss.db" 'SELECT count(*) FROM heap WHERE role IN (1, 7)')
	row "1,000,000 malloc+free" "emitted $emitted, stored $stored, lost $lost, gaps $gaps; $pairs_stored calls, $(
		calculate "$(stat -c %s "$directory/heap-loss.db") / $pairs_stored" %.0f) bytes each" "$lost" "nothing lost" \
		"$lost == 0 && $gaps == 0 && $emitted == $stored + $lost && $pairs_stored >= 2000000"
	rm -f "$directory"/heap-loss.db*
}

# ---- stacks ----

readonly STACK_SIZES='0 1K 2K 4K 8K 16K'

# What some programs that everybody has need: from the stack pointer of a call to where the first frame of main thread
# began, which is just below the words that AT_RANDOM points behind.
measure_cover() {
	local command

	: >"$directory/needs"
	for command in "python3 -c 'import json, sqlite3, ssl, decimal, asyncio'" "gdb -nx -batch -ex 'info line main' $corelate" \
		"sqlite3 :memory: 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT count(*) FROM (SELECT i FROM n ORDER BY -i)'" \
		"bash -c 'for i in {1..3000}; do x+=\$i; done; ls -R /usr/share/doc >/dev/null'" "cc --version" "git --version"; do
		rm -f "$directory"/cover.db*
		"$corelate" record --user root --stack-events mmap --db "$directory/cover.db" -- bash -c "$command" \
			>/dev/null 2>&1 || true
		ask "$directory/cover.db" "SELECT auxv_random - sp FROM event JOIN space ON space.id = event.space_id
			JOIN process ON process.id = space.process_id WHERE event.stack_id > 0 AND event.tid = process.pid
			AND auxv_random > sp AND auxv_random - sp < 8388608" >>"$directory/needs" || true
	done
}

covered_by() {
	awk -v size="$1" '{ n++; if ($1 <= size) ok++ } END { printf "%.0f", n ? 100 * ok / n : 0 }' "$directory/needs"
}

measure_stacks() {
	local size round figures='' words
	local -A costs=()

	measure_cover
	for ((round = 0; round < rounds; round++)); do
		for size in $STACK_SIZES; do
			words=$("$corelate" record --user root --stack-bytes "$size" --db "$directory/stack.db" -- \
				"$bin/bench-loop" 20000 2>/dev/null) || die "cannot record with --stack-bytes $size"
			costs[$size]+="${words% *} "
			rm -f "$directory"/stack.db*
		done
	done
	for size in $STACK_SIZES; do
		# shellcheck disable=SC2086 # lists of numbers
		figures+="$size $(microseconds ${costs[$size]})"
		[ "$size" = 0 ] || figures+=" ($(covered_by $((${size%K} * 1024)))%)"
		figures+=', '
	done
	row "stacks at munmap" "us a pair (covers so much of $(wc -l <"$directory/needs") real stacks): ${figures%, }" '' '' ''
}
