/* SPDX-License-Identifier: MIT */
/*
 * The verdict: what the ends and the causes say of a crash, walked and ranked in one place.
 *
 * An end (ends/) says what the processor or the kernel did, and claims nothing more. A cause (causes/) appends a chain of
 * links from the end back to the act that made it inevitable. Both are pure functions of the crash: no I/O, no statics,
 * no view of what another appended. To add a cause: write causes/NAME.c with a function of this type and the kinds of its
 * links, name its class in finding.h and finding.c, and add one row to the list in causes.c.
 */
#ifndef ANALYZER_CAUSES_H
#define ANALYZER_CAUSES_H

#include <stddef.h>

#include "analyzer/crash.h"
#include "analyzer/finding.h"
#include "analyzer/link.h"

/* Appends a finding only when its class fits. */
typedef struct error *(*judge_function)(const struct crash *crash, struct finding_list *findings);

/* The most kinds of links of one cause. */
#define CAUSE_KINDS 8

struct cause {
	const char *name;
	judge_function run;
	const struct link_kind *kinds[CAUSE_KINDS]; /* that its chains are made of; none for an end */
};

/* The lists. Their order means nothing: a test shuffles them. */
extern const struct cause causes[];
extern const size_t cause_count;

/* Runs all, settles every chain's confidence, ranks, and puts `unknown` in when nothing stands. findings[0] is the
 * verdict; ret_findings->end says how the process ended. */
struct error *causes_judge(const struct crash *crash, struct finding_list *ret_findings) must_check;

/* Each with the kinds of links that its own file has; those of evidence/link_*.h are shared. */
extern const struct link_kind link_failed_assertion;
struct error *cause_assertion_failure(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_wrong_bit;
struct error *cause_bit_flip(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_called_abort, link_own_process_signal, link_own_timer, link_stop_instruction;
struct error *cause_deliberate_abort(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_absent_page, link_guard_installed, link_guard_inferred, link_page_emptied;
struct error *cause_discarded_pages(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_freed_again, link_freed_first, link_found_free, link_unmapped_by_first_free;
struct error *cause_double_free(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_second_munmap;
struct error *cause_double_munmap(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_error_pointer, link_unchecked_failure;
struct error *cause_failed_call(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_handled_signal, link_resent_signal;
struct error *cause_forwarded_signal(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_past_block, link_past_mapping, link_damaged_header, link_behind_block;
struct error *cause_heap_overflow(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_freed_pointer, link_not_a_block;
struct error *cause_invalid_free(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_sent_by_process, link_reached_limit, link_sent_by_kernel;
struct error *cause_killed_by_process(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_code_in_page, link_mapped_over, link_contents_mapped_over;
struct error *cause_map_fixed_clobber(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_permission_removed, link_forbidden_use;
struct error *cause_protection_violation(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_allocator_interrupted, link_allocator_reentered;
struct error *cause_reentrant_call(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_terminated, link_go_fatal_error;
struct error *cause_runtime_fatal(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_refused_call;
struct error *cause_seccomp_kill(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_overwritten_return, link_overwritten_register, link_overwritten_stack;
struct error *cause_smashed_return(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_ran_off_stack, link_used_up_stack;
struct error *cause_stack_overflow(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_failed_canary, link_stopped_overflow, link_ran_off_the_top;
struct error *cause_stack_smash(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_foreign_breakpoint;
struct error *cause_stray_breakpoint(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_page_behind_end, link_file_truncated, link_short_file;
extern const struct link_kind link_uncaught_bad_alloc, link_refused_memory;
struct error *cause_thrown_for_memory(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_page_behind_end, link_file_truncated, link_short_file;
struct error *cause_truncated_file(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_uncaught_exception, link_unrecovered_panic;
struct error *cause_uncaught_exception(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_code_unloaded, link_code_remains;
struct error *cause_unloaded_code(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_data_unloaded, link_data_remains;
struct error *cause_unloaded_data(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_trampoline_refused, link_taken_seccomp;
struct error *cause_uretprobe_seccomp(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_no_return_instance, link_taken_sigill;
struct error *cause_uretprobe_sigill(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_unwinder_stopped, link_runtime_threw, link_exit_in_probed, link_taken_unwind;
struct error *cause_uretprobe_unwind(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_pending_passed, link_orphaned_trampoline, link_taken_wrong;
struct error *cause_uretprobe_wrong_return(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_in_freed_block, link_loaded_from_block, link_word_in_freed_block, link_freed_before_use,
	link_unmapped_by_free;
struct error *cause_use_after_free(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_unmapped_before_use;
struct error *cause_use_after_munmap(const struct crash *, struct finding_list *) must_check;
extern const struct link_kind link_dead_stack;
struct error *cause_use_after_return(const struct crash *, struct finding_list *) must_check;

struct error *end_divide_by_zero(const struct crash *, struct finding_list *) must_check;
struct error *end_go_nil_pointer(const struct crash *, struct finding_list *) must_check;
struct error *end_heap_corruption(const struct crash *, struct finding_list *) must_check;
struct error *end_illegal_instruction(const struct crash *, struct finding_list *) must_check;
struct error *end_misaligned_object(const struct crash *, struct finding_list *) must_check;
struct error *end_non_canonical_pointer(const struct crash *, struct finding_list *) must_check;
struct error *end_null_call(const struct crash *, struct finding_list *) must_check;
struct error *end_null_dereference(const struct crash *, struct finding_list *) must_check;
struct error *end_nx_execution(const struct crash *, struct finding_list *) must_check;
struct error *end_snapshot(const struct crash *, struct finding_list *) must_check;
struct error *end_wild_jump(const struct crash *, struct finding_list *) must_check;
struct error *end_wild_pointer(const struct crash *, struct finding_list *) must_check;

#endif
