#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Programs whose heap is recorded behave as they do alone: over fork, vfork, exec, threads and signals; when they are
# killed, and when the recorder is.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"

# ---- the same output and status ----

cat >"$TMP/life.py" <<'END'
import os, signal, subprocess, sys, threading
hits = []
signal.signal(signal.SIGUSR1, lambda *a: hits.append(bytearray(1000)))
signal.signal(signal.SIGALRM, lambda *a: hits.append([0] * 1000))
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
def work(n):
    kept = []
    for i in range(3000):
        kept.append(bytes(i % 700))
        if i % 3:
            kept.pop(0)
    return sum(len(k) for k in kept)
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for t in threads: t.start()
for i in range(10):
    os.kill(os.getpid(), signal.SIGUSR1)
    print(subprocess.run(["/bin/sh", "-c", "echo child | rev; exit 3"], capture_output=True))
pid = os.fork()
if pid == 0:
    os._exit(work(1) % 7)
print("fork", os.waitpid(pid, 0)[1])
for t in threads: t.join()
signal.setitimer(signal.ITIMER_REAL, 0)
print("work", work(0), len(hits) > 10)
sys.stdout.flush()
os.execv("/bin/sh", ["sh", "-c", "seq 20000 | sort -R --random-source=/bin/true | md5sum; exit 5"])
END
STATUS=0
"$PYTHON" "$TMP/life.py" >"$TMP/bare" 2>&1 9>&- || STATUS=$?
equal "status alone" "$STATUS" 5
STATUS=0
"$CORELATE" record --user root --heap --stack-events malloc --db "$DB" -- "$PYTHON" "$TMP/life.py" \
	>"$TMP/recorded" 2>"$TMP/log" 9>&- || STATUS=$?
equal "status recorded" "$STATUS" 5
diff "$TMP/bare" "$TMP/recorded" >&2 || fail "another life (< alone, > recorded)"
check_books
holds "calls" "$(query "SELECT count(*) FROM heap")" -gt 10000
holds "processes" "$(query "SELECT count(DISTINCT space_id) FROM heap")" -ge 3

# ---- one that is killed, and a recorder that is ----

DB=$TMP/killed.db
STATUS=0
"$CORELATE" record --heap --db "$DB" -- "$VICTIMS/heap_calls" fork 6000 >"$TMP/out" 2>"$TMP/log" 9>&- &
RECORDER=$!
LIVE_PIDS+=("$RECORDER")
calls_of_victim() { [ "$(query "SELECT count(*) FROM v_heap WHERE size = 777" 2>/dev/null)" -gt 5 ] 2>/dev/null; }
within 60 calls_of_victim || fail "no calls of the child"
victim=$(pgrep -P "$RECORDER")
child=$(pgrep -P "$victim")
kill -KILL "$victim" "$child"
wait "$RECORDER" || STATUS=$?
forget "$RECORDER"
equal "status of a command that was killed" "$STATUS" 137
check_books

"$VICTIMS/heap_calls" fork 6000 >"$TMP/out" 9>&- &
VICTIM=$!
LIVE_PIDS+=("$VICTIM")
child_lives() { CHILD=$(pgrep -P "$VICTIM"); }
within 20 child_lives || fail "no child"
DB=$TMP/gone.db
recorder_start --pid "$CHILD" --heap
within 60 calls_of_victim || fail "no calls of the attached child"
kill -KILL "$RECORDER"
wait "$RECORDER" 2>/dev/null || true
forget "$RECORDER"
sleep 1 # a hundred calls of its heap, with the recorder gone
kill -0 "$CHILD" || fail "the victim did not survive its recorder"
kill -TERM "$CHILD"
wait "$VICTIM" || fail "the victim's parent did not end well (status $?)"
forget "$VICTIM"
live_end
