/* SPDX-License-Identifier: MIT */
#include "analyzer/detect.h"

#include "analyzer/unknown.h"
#include "common/array.h"

/* The list. The order means nothing: a test shuffles it. */
/* clang-format off */
const struct detector detectors[] = {
	{"assertion-failure", detect_assertion_failure},
	{"bit-flip", detect_bit_flip},
	{"deliberate-abort", detect_deliberate_abort},
	{"divide-by-zero", detect_divide_by_zero},
	{"double-free", detect_double_free},
	{"double-munmap", detect_double_munmap},
	{"forwarded-signal", detect_forwarded_signal},
	{"heap-corruption", detect_heap_corruption},
	{"heap-overflow", detect_heap_overflow},
	{"illegal-instruction", detect_illegal_instruction},
	{"invalid-free", detect_invalid_free},
	{"killed-by-process", detect_killed_by_process},
	{"non-canonical-pointer", detect_non_canonical_pointer},
	{"null-call", detect_null_call},
	{"null-dereference", detect_null_dereference},
	{"nx-execution", detect_nx_execution},
	{"protection-violation", detect_protection_violation},
	{"seccomp-kill", detect_seccomp_kill},
	{"snapshot", detect_snapshot},
	{"smashed-return", detect_smashed_return},
	{"stack-overflow", detect_stack_overflow},
	{"stack-smash", detect_stack_smash},
	{"stray-breakpoint", detect_stray_breakpoint},
	{"discarded-pages", detect_discarded_pages},
	{"map-fixed-clobber", detect_map_fixed_clobber},
	{"truncated-file", detect_truncated_file},
	{"uncaught-exception", detect_uncaught_exception},
	{"unloaded-code", detect_unloaded_code},
	{"unloaded-data", detect_unloaded_data},
	{"uretprobe-seccomp", detect_uretprobe_seccomp},
	{"uretprobe-sigill", detect_uretprobe_sigill},
	{"uretprobe-unwind", detect_uretprobe_unwind},
	{"uretprobe-wrong-return", detect_uretprobe_wrong_return},
	{"use-after-free", detect_use_after_free},
	{"use-after-munmap", detect_use_after_munmap},
	{"wild-jump", detect_wild_jump},
	{"wild-pointer", detect_wild_pointer},
};
/* clang-format on */

const size_t detector_count = array_size(detectors);

struct error *detect_all(const struct crash *crash, struct finding_list *ret_findings)
{
	struct error *err = NULL;

	*ret_findings = (struct finding_list){0};
	for (size_t i = 0; i < detector_count && !err; i++)
		err = detectors[i].run(crash, ret_findings);
	if (!err && !ret_findings->count)
		err = unknown_append(crash, ret_findings);
	if (err) {
		finding_list_deinit(ret_findings);
		return err;
	}
	finding_rank(ret_findings);
	return NULL;
}
