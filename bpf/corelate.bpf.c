/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* The kernel side of the recorder: raw facts only. Read event.h first, then these from top to bottom. */
#include "state.bpf.h"   /* maps, books, the ring */
#include "file.bpf.h"    /* files and their paths */
#include "process.bpf.h" /* who is recorded */
#include "stack.bpf.h"   /* copies of user stacks */
#include "memory.bpf.h"  /* memory calls and prctl */
#include "result.bpf.h"  /* calls that failed, and those of descriptors */
#include "call.bpf.h"    /* calls of probed functions */
#include "life.bpf.h"    /* fork, exec, exit, snapshot */
#include "choice.bpf.h"  /* whom the filter takes in mid-life */
#include "sender.bpf.h"  /* who sends signals, and in which handler */
#include "signal.bpf.h"  /* signals and pending uretprobes */
#include "ledger.bpf.h"  /* who attaches and holds uprobes */
#include "truncation.bpf.h" /* files that lose contents, by any process */

char program_license[] SEC("license") = "Dual MIT/GPL";
