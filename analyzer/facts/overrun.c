/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/overrun.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "analyzer/crash.h"
#include "analyzer/facts/stack_corruption.h"
#include "analyzer/code/code_call_site.h"
#include "analyzer/words.h"
#include "common/array.h"

#define RUN_BYTES_MAX 65536
/* How much of a run must lie below the word that was taken. */
#define TEXT_BYTES_MIN 8
#define UNITS_MIN 4
#define REPEATS_MIN 2

static bool read_unit(const struct core *core, uint64_t address, uint32_t *ret)
{
	return core_read(core, address, ret, sizeof(*ret)) == sizeof(*ret);
}

static bool is_text_at(const struct core *core, uint64_t address)
{
	uint8_t byte;

	return core_read(core, address, &byte, 1) == 1 &&
	       (isprint(byte) || byte == '\n' || byte == '\t' || byte == '\r');
}

static bool is_wide_at(const struct core *core, uint64_t address)
{
	uint32_t unit;

	return read_unit(core, address, &unit) && unit < 0x80 && isprint((int)unit);
}

static bool is_same_at(const struct core *core, uint64_t address, uint64_t value)
{
	uint64_t word;

	return core_read_word(core, address, &word) && word == value;
}

static bool is_step_at(const struct core *core, uint64_t address, uint32_t step)
{
	uint32_t unit, next;

	return read_unit(core, address, &unit) && read_unit(core, address + 4, &next) && next - unit == step;
}

/* A text may end in the word: then zero bytes are behind it, and it is the upper end of the run. */
static struct stack_run text_run(const struct core *core, uint64_t slot, uint64_t word)
{
	struct stack_run run = {.start = slot, .end = slot};
	unsigned spelled = 0;

	while (spelled < 8 && isprint((int)(word >> 8 * spelled & 0xff)))
		spelled++;
	if (!spelled || (spelled < 8 && word >> 8 * spelled))
		return run;
	while (slot - run.start < RUN_BYTES_MAX && is_text_at(core, run.start - 1))
		run.start--;
	for (run.end = slot + spelled; run.end - slot < RUN_BYTES_MAX && is_text_at(core, run.end);)
		run.end++;
	run.make = slot - run.start >= TEXT_BYTES_MIN ? RUN_TEXT : RUN_NONE;
	return run;
}

static struct stack_run wide_run(const struct core *core, uint64_t slot, uint64_t word)
{
	struct stack_run run = {.start = slot, .end = slot + 4};

	if (!is_wide_at(core, slot) || (word >> 32 && !is_wide_at(core, slot + 4)))
		return run;
	while (slot - run.start < RUN_BYTES_MAX && is_wide_at(core, run.start - 4))
		run.start -= 4;
	while (run.end - slot < RUN_BYTES_MAX && is_wide_at(core, run.end))
		run.end += 4;
	run.make = slot - run.start >= UNITS_MIN * 4 ? RUN_WIDE : RUN_NONE;
	return run;
}

static struct stack_run repeated_run(const struct core *core, uint64_t slot, uint64_t word)
{
	struct stack_run run = {.start = slot, .end = slot + 8};

	while (word && slot - run.start < RUN_BYTES_MAX && is_same_at(core, run.start - 8, word))
		run.start -= 8;
	while (run.end - slot < RUN_BYTES_MAX && is_same_at(core, run.end, word))
		run.end += 8;
	run.make = word && slot - run.start >= REPEATS_MIN * 8 ? RUN_REPEATED : RUN_NONE;
	return run;
}

static struct stack_run series_run(const struct core *core, uint64_t slot, uint64_t word)
{
	uint32_t step = (uint32_t)(word >> 32) - (uint32_t)word;
	struct stack_run run = {.start = slot, .end = slot + 8};

	/* The upper half of an address is never one more than the lower by accident; zero is no series. */
	while (step && slot - run.start < RUN_BYTES_MAX && is_step_at(core, run.start - 4, step))
		run.start -= 4;
	while (run.end - slot < RUN_BYTES_MAX && is_step_at(core, run.end - 4, step))
		run.end += 4;
	run.make = step && slot - run.start >= UNITS_MIN * 4 ? RUN_SERIES : RUN_NONE;
	return run;
}

struct stack_run overrun_around(const struct core *core, uint64_t slot)
{
	static struct stack_run (*const makes[])(const struct core *, uint64_t, uint64_t) = {text_run, repeated_run,
											     wide_run, series_run};
	uint64_t word;

	if (!core_read_word(core, slot, &word))
		return (struct stack_run){0};
	for (size_t i = 0; i < array_size(makes); i++) {
		struct stack_run run = makes[i](core, slot, word);

		if (run.make)
			return run;
	}
	return (struct stack_run){0};
}

static size_t count_saved(const struct core *core, uint64_t callee, uint64_t return_slot, const struct stack_run *run)
{
	size_t count = 0;

	for (int i = 0; i < CORE_REGISTERS; i++) {
		uint64_t at = returned_saved_at(core, callee, (enum core_register)i, return_slot);

		count += at && at >= run->start && at < run->end;
	}
	return count;
}

/* The function that was called last has saved the register, and gave back what it found there. */
static bool find_register(const struct crash *crash, int number, struct overrun *ret)
{
	const uint64_t *registers = crash->facts.fault.registers;
	uint64_t slot = registers[CORE_RSP] - 8, back, callee, saved, word;

	if (number < 0 || !core_read_word(crash->core.image, slot, &back) || !core_find_file(crash->core.image, back))
		return false;
	callee = code_call_site_target(crash->core.image, back);
	saved = callee ? returned_saved_at(crash->core.image, callee, (enum core_register)number, slot) : 0;
	if (!saved || !core_read_word(crash->core.image, saved, &word) || word != registers[number])
		return false;
	*ret = (struct overrun){
		.by = TAKEN_REGISTER, .number = (enum core_register)number, .slot = saved, .value = word};
	ret->run = overrun_around(crash->core.image, saved);
	ret->saved_count = count_saved(crash->core.image, callee, slot, &ret->run);
	ret->owner.slot = slot;
	ret->owner.function = callee;
	return ret->run.make != RUN_NONE;
}

/* The word that the pointer was read from lies on the stack that the thread stands on. */
static bool find_local(const struct crash *crash, struct overrun *ret)
{
	const struct pointer_path *path = &crash->facts.path;
	uint64_t sp = crash->facts.fault.registers[CORE_RSP];
	const struct core_segment *segment = core_find_segment(crash->core.image, sp);

	if (path->end != PATH_WORD || !path->count || !path->is_exact || !segment || path->words[0].address < sp ||
	    path->words[0].address >= segment->end)
		return false;
	*ret = (struct overrun){.by = TAKEN_LOCAL, .slot = path->words[0].address, .value = path->words[0].value};
	ret->run = overrun_around(crash->core.image, ret->slot);
	return ret->run.make != RUN_NONE;
}

void overrun_find(const struct crash *crash, struct overrun *ret)
{
	const struct fault *fault = &crash->facts.fault;
	const struct fault_operand *operand =
		fault->operand < fault->operand_count ? &fault->operands[fault->operand] : NULL;
	struct smashed smashed;

	*ret = (struct overrun){0};
	if (!crash->core.image || !fault->is_fault || !fault->has_registers)
		return;
	if (corruption_find_return(crash, &smashed)) {
		*ret = (struct overrun){.by = TAKEN_RETURN, .slot = smashed.slot, .value = smashed.target};
		ret->run = overrun_around(crash->core.image, smashed.slot);
		return;
	}
	if (operand && (find_register(crash, operand->base, ret) || find_register(crash, operand->index, ret) ||
			find_local(crash, ret)))
		return;
	*ret = (struct overrun){0};
}

bool overrun_is_of_registers(const struct overrun *overrun)
{
	return overrun->by == TAKEN_REGISTER && overrun->saved_count > 1;
}

bool overrun_gave(const struct crash *crash, uint64_t value)
{
	const struct overrun *overrun = &crash->facts.overrun;

	return (overrun->by == TAKEN_RETURN || overrun_is_of_registers(overrun)) && overrun->value == value;
}

const char *words_run(struct words *words, const struct stack_run *run)
{
	static const char *const makes[] = {"", "text", "wide text", "one value again and again", "numbers in a row"};

	snprintf(words->text, sizeof(words->text),
		 "%" PRIu64 " bytes from 0x%" PRIx64 " to 0x%" PRIx64 " on the stack are %s", run->end - run->start,
		 run->start, run->end, makes[run->make]);
	return words->text;
}
