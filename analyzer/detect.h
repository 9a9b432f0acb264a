/* SPDX-License-Identifier: MIT */
/*
 * The detectors. To add one: write analyzer/detect/NAME.c with a function of this type, name its class in finding.h and
 * finding.c, and add one row to the list in detect.c.
 *
 * A detector is a pure function of the crash: no I/O, no statics, no view of what another found. It appends a finding
 * only when its class fits, with the confidence that its evidence carries.
 */
#ifndef ANALYZER_DETECT_H
#define ANALYZER_DETECT_H

#include <stddef.h>

#include "analyzer/crash.h"
#include "analyzer/finding.h"

typedef struct error *(*detector_function)(const struct crash *crash, struct finding_list *findings);

struct detector {
	const char *name;
	detector_function run;
};

extern const struct detector detectors[];
extern const size_t detector_count;

/* Runs all, ranks, and puts `unknown` in when nothing stands. findings[0] is the verdict. */
struct error *detect_all(const struct crash *crash, struct finding_list *ret_findings) must_check;

struct error *detect_assertion_failure(const struct crash *, struct finding_list *) must_check;
struct error *detect_deliberate_abort(const struct crash *, struct finding_list *) must_check;
struct error *detect_forwarded_signal(const struct crash *, struct finding_list *) must_check;
struct error *detect_killed_by_process(const struct crash *, struct finding_list *) must_check;
struct error *detect_seccomp_kill(const struct crash *, struct finding_list *) must_check;
struct error *detect_smashed_return(const struct crash *, struct finding_list *) must_check;
struct error *detect_snapshot(const struct crash *, struct finding_list *) must_check;
struct error *detect_stack_smash(const struct crash *, struct finding_list *) must_check;
struct error *detect_uncaught_exception(const struct crash *, struct finding_list *) must_check;
struct error *detect_stack_overflow(const struct crash *, struct finding_list *) must_check;
struct error *detect_stray_breakpoint(const struct crash *, struct finding_list *) must_check;
struct error *detect_uretprobe_seccomp(const struct crash *, struct finding_list *) must_check;
struct error *detect_uretprobe_sigill(const struct crash *, struct finding_list *) must_check;
struct error *detect_uretprobe_unwind(const struct crash *, struct finding_list *) must_check;
struct error *detect_uretprobe_wrong_return(const struct crash *, struct finding_list *) must_check;
struct error *detect_double_munmap(const struct crash *, struct finding_list *) must_check;
struct error *detect_protection_violation(const struct crash *, struct finding_list *) must_check;
struct error *detect_discarded_pages(const struct crash *, struct finding_list *) must_check;
struct error *detect_map_fixed_clobber(const struct crash *, struct finding_list *) must_check;
struct error *detect_truncated_file(const struct crash *, struct finding_list *) must_check;
struct error *detect_unloaded_code(const struct crash *, struct finding_list *) must_check;
struct error *detect_unloaded_data(const struct crash *, struct finding_list *) must_check;
struct error *detect_double_free(const struct crash *, struct finding_list *) must_check;
struct error *detect_use_after_free(const struct crash *, struct finding_list *) must_check;
struct error *detect_invalid_free(const struct crash *, struct finding_list *) must_check;
struct error *detect_heap_overflow(const struct crash *, struct finding_list *) must_check;
struct error *detect_heap_corruption(const struct crash *, struct finding_list *) must_check;
struct error *detect_use_after_munmap(const struct crash *, struct finding_list *) must_check;
struct error *detect_null_dereference(const struct crash *, struct finding_list *) must_check;
struct error *detect_non_canonical_pointer(const struct crash *, struct finding_list *) must_check;
struct error *detect_wild_pointer(const struct crash *, struct finding_list *) must_check;
struct error *detect_bit_flip(const struct crash *, struct finding_list *) must_check;
struct error *detect_null_call(const struct crash *, struct finding_list *) must_check;
struct error *detect_wild_jump(const struct crash *, struct finding_list *) must_check;
struct error *detect_nx_execution(const struct crash *, struct finding_list *) must_check;
struct error *detect_divide_by_zero(const struct crash *, struct finding_list *) must_check;
struct error *detect_illegal_instruction(const struct crash *, struct finding_list *) must_check;

#endif
