/* SPDX-License-Identifier: MIT */
/* What this machine's kernel does about a uretprobe under a seccomp filter. */
#ifndef ANALYZER_PROBE_URETPROBE_H
#define ANALYZER_PROBE_URETPROBE_H

/* What the kernel does about the system call by which a uretprobe's trampoline enters it. */
enum probe_uretprobe_call {
	PROBE_URETPROBE_CALL_ABSENT,   /* the trampoline is a breakpoint: filters do not see it */
	PROBE_URETPROBE_CALL_FILTERED, /* a seccomp filter decides about it as about any other */
	PROBE_URETPROBE_CALL_EXEMPT,   /* seccomp lets it pass */
	PROBE_URETPROBE_CALL_UNKNOWN,
};

/* Finds out by trying, in child processes. */
enum probe_uretprobe_call probe_uretprobe_call_probe(void);

#endif
