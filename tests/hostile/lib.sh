# SPDX-License-Identifier: MIT
# Many attempts on files that are made to harm, on all processors. Sourced after tests/cli/lib.sh, in $work.
# shellcheck shell=bash

# attempt NAME ARGUMENT...: corelate must end by itself, within ten seconds, with one of its own statuses, and say at
# most a few lines on standard error. Appends to results/$worker.failed and results/$worker.answered.
attempt() {
	local name=$1 status=0 problem='' arguments said

	shift
	arguments=$*
	timeout 10 "$corelate" "$@" >"results/$worker.out" 2>"results/$worker.err" </dev/null || status=$?
	mapfile -t said <"results/$worker.err"
	if [ "$status" -eq 124 ]; then
		problem='hung'
	elif [[ ${said[*]} = *Sanitizer* || ${said[*]} = *'runtime error:'* ]]; then
		problem='was stopped by a sanitizer'
	elif [ "$status" -gt 3 ]; then
		problem="ended with status $status"
	elif [ ${#said[@]} -gt 3 ]; then
		problem="said ${#said[@]} lines on standard error"
	elif [ "$status" -ne 0 ] && [ ${#said[@]} -eq 0 ]; then
		problem="failed with status $status and without a word"
	elif [ "$status" -eq 0 ] && [ ! -s "results/$worker.out" ] && [ ${#said[@]} -eq 0 ] && [ "$1" != sql ]; then
		problem='succeeded and said nothing'
	elif ! "$build/tests/check-inert" "results/$worker.out" "results/$worker.err" >"results/$worker.found"; then
		problem="printed $(cat "results/$worker.found")"
	fi
	echo x >>"results/$worker.attempts"
	[ "$status" -ne 0 ] || echo "$name" >>"results/$worker.answered"
	[ -n "$problem" ] || return 0
	{
		printf '%s: corelate %s %s:\n' "$name" "${arguments:0:200}" "$problem"
		head -c 1000 "results/$worker.err" | cat -v
	} >>"results/$worker.failed"
}

# in_parallel FILE...: calls try FILE for each, in as many processes as there are processors.
in_parallel() {
	local workers files=("$@") pids=() pid i

	workers=$(nproc)
	for ((worker = 0; worker < workers; worker++)); do
		(
			trap - EXIT
			for ((i = worker; i < ${#files[@]}; i += workers)); do
				try "${files[i]}"
			done
		) &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || fail 'a worker of this test has failed'
	done
	checks=$((checks + $(cat results/*.attempts | wc -l)))
	for ((worker = 0; worker < workers; worker++)); do
		[ ! -s "results/$worker.failed" ] || {
			fail "attempts of worker $worker:"
			head -n 40 "results/$worker.failed"
		}
	done
}
