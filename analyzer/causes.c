/* SPDX-License-Identifier: MIT */
#include "analyzer/causes.h"

#include "analyzer/ends/end.h"
#include "analyzer/ends/suspect.h"
#include "analyzer/ends/unknown.h"
#include "analyzer/evidence/link_mapping.h"
#include "analyzer/evidence/link_page.h"
#include "analyzer/evidence/link_process.h"
#include "common/array.h"

/* clang-format off */
const struct cause causes[] = {
	{"assertion-failure", cause_assertion_failure, {&link_own_signal, &link_failed_assertion}},
	{"bit-flip", cause_bit_flip, {&link_wrong_bit}},
	{"deliberate-abort", cause_deliberate_abort,
	 {&link_own_signal, &link_called_abort, &link_own_process_signal, &link_own_timer, &link_stop_instruction}},
	{"discarded-pages", cause_discarded_pages,
	 {&link_absent_page, &link_pointer_from_page, &link_guard_installed, &link_guard_inferred, &link_page_emptied}},
	{"double-free", cause_double_free,
	 {&link_freed_again, &link_freed_first, &link_found_free, &link_ended_mapping, &link_unmapped_by_first_free}},
	{"double-munmap", cause_double_munmap, {&link_ended_mapping, &link_second_munmap}},
	{"failed-call", cause_failed_call, {&link_error_pointer, &link_unchecked_failure}},
	{"forwarded-signal", cause_forwarded_signal,
	 {&link_own_signal, &link_sent_in_handler, &link_handled_signal, &link_resent_signal}},
	{"heap-overflow", cause_heap_overflow,
	 {&link_past_block, &link_past_mapping, &link_damaged_header, &link_behind_block}},
	{"invalid-free", cause_invalid_free, {&link_freed_pointer, &link_not_a_block}},
	{"killed-by-process", cause_killed_by_process, {&link_sent_by_process, &link_reached_limit, &link_sent_by_kernel}},
	{"map-fixed-clobber", cause_map_fixed_clobber,
	 {&link_refused_access, &link_pointer_from_page, &link_code_in_page, &link_mapped_over,
	  &link_contents_mapped_over}},
	{"protection-violation", cause_protection_violation,
	 {&link_refused_access, &link_permission_removed, &link_forbidden_use}},
	{"reentrant-call", cause_reentrant_call, {&link_allocator_interrupted, &link_allocator_reentered}},
	{"runtime-fatal", cause_runtime_fatal, {&link_own_signal, &link_terminated, &link_go_fatal_error}},
	{"seccomp-kill", cause_seccomp_kill, {&link_sent_in_handler, &link_refused_call}},
	{"smashed-return", cause_smashed_return,
	 {&link_overwritten_return, &link_overwritten_register, &link_overwritten_stack}},
	{"stack-overflow", cause_stack_overflow, {&link_ran_off_stack, &link_used_up_stack}},
	{"stack-smash", cause_stack_smash,
	 {&link_own_signal, &link_failed_canary, &link_stopped_overflow, &link_ran_off_the_top}},
	{"allocation-failure", cause_thrown_for_memory, {&link_uncaught_bad_alloc, &link_refused_memory}},
	{"stray-breakpoint", cause_stray_breakpoint, {&link_foreign_breakpoint}},
	{"truncated-file", cause_truncated_file,
	 {&link_page_behind_end, &link_file_truncated, &link_short_file}},
	{"uncaught-exception", cause_uncaught_exception,
	 {&link_own_signal, &link_uncaught_exception, &link_unrecovered_panic}},
	{"unloaded-code", cause_unloaded_code, {&link_ended_mapping, &link_code_unloaded, &link_code_remains}},
	{"unloaded-data", cause_unloaded_data, {&link_ended_mapping, &link_data_unloaded, &link_data_remains}},
	{"uretprobe-seccomp", cause_uretprobe_seccomp,
	 {&link_trampoline_refused, &link_taken_seccomp}},
	{"uretprobe-sigill", cause_uretprobe_sigill,
	 {&link_no_return_instance, &link_taken_sigill}},
	{"uretprobe-unwind", cause_uretprobe_unwind,
	 {&link_unwinder_stopped, &link_runtime_threw, &link_exit_in_probed, &link_taken_unwind}},
	{"uretprobe-wrong-return", cause_uretprobe_wrong_return,
	 {&link_pending_passed, &link_orphaned_trampoline, &link_taken_wrong}},
	{"use-after-free", cause_use_after_free,
	 {&link_in_freed_block, &link_loaded_from_block, &link_word_in_freed_block, &link_freed_before_use,
	  &link_ended_mapping, &link_unmapped_by_free}},
	{"use-after-munmap", cause_use_after_munmap, {&link_ended_mapping, &link_unmapped_before_use}},
	{"use-after-return", cause_use_after_return, {&link_ended_mapping, &link_dead_stack}},
	{"divide-by-zero", end_divide_by_zero, {NULL}},
	{"null-dereference", end_go_nil_pointer, {NULL}},
	{"heap-corruption", end_heap_corruption, {NULL}},
	{"illegal-instruction", end_illegal_instruction, {NULL}},
	{"misaligned-object", end_misaligned_object, {NULL}},
	{"non-canonical-pointer", end_non_canonical_pointer, {NULL}},
	{"null-call", end_null_call, {NULL}},
	{"null-dereference", end_null_dereference, {NULL}},
	{"nx-execution", end_nx_execution, {NULL}},
	{"snapshot", end_snapshot, {NULL}},
	{"wild-jump", end_wild_jump, {NULL}},
	{"wild-pointer", end_wild_pointer, {NULL}},
};
/* clang-format on */

const size_t cause_count = array_size(causes);

struct error *causes_judge(const struct crash *crash, struct finding_list *ret_findings)
{
	struct error *err = NULL;

	*ret_findings = (struct finding_list){0};
	for (size_t i = 0; i < cause_count && !err; i++)
		err = causes[i].run(crash, ret_findings);
	if (!err && !ret_findings->count)
		err = unknown_append(crash, ret_findings);
	if (!err) {
		finding_rank(ret_findings);
		err = end_describe(crash, ret_findings) ?: suspect_add(crash, ret_findings);
	}
	if (err)
		finding_list_deinit(ret_findings);
	return err;
}
