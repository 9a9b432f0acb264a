/* SPDX-License-Identifier: MIT */
#include "analyzer/code/code_rerun.h"

#include <stdlib.h>

#define STEPS_MAX 40000u

static const struct code_instruction *code_at(struct code_rerun *rerun, uint64_t address)
{
	struct code_instruction *code;

	if (address < rerun->start || address >= rerun->end)
		return NULL;
	if (rerun->code_at[address - rerun->start])
		return &rerun->codes[rerun->code_at[address - rerun->start] - 1];
	if (rerun->code_count == CODE_RERUN_CODES)
		return NULL;
	code = &rerun->codes[rerun->code_count];
	if (!code_decode_at(rerun->core, address, CODE_WHOLE, code))
		return NULL;
	rerun->code_at[address - rerun->start] = (uint16_t)++rerun->code_count;
	return code;
}

static bool is_general(int number)
{
	return number <= CORE_RDI && number != CORE_ORIG_RAX;
}

/* Every register that is known on both sides is the same. A loop comes by the target with others before. */
static bool is_there(const struct code_rerun *rerun, const struct code_text *text)
{
	for (int i = 0; i < CORE_REGISTERS; i++) {
		if ((is_general(i) || i == CORE_RSP) && rerun->registers[i].known && (text->known & 1u << i) &&
		    rerun->registers[i].value != text->registers[i])
			return false;
	}
	return true;
}

static struct code_rerun *create(const struct code_text *text, const struct code_rerun_value entry[CORE_REGISTERS])
{
	struct code_rerun *rerun = calloc(1, sizeof(*rerun));

	if (!rerun)
		return NULL;
	rerun->core = text->core;
	rerun->machine = text->machine;
	rerun->start = rerun->ip = text->start;
	rerun->end = text->end - text->start > CODE_RERUN_CODE_BYTES ? text->start + CODE_RERUN_CODE_BYTES : text->end;
	rerun->codes = calloc(CODE_RERUN_CODES, sizeof(*rerun->codes));
	rerun->code_at = calloc(rerun->end - rerun->start, sizeof(*rerun->code_at));
	rerun->load_count = 1;
	for (int i = 0; i < CORE_REGISTERS; i++) {
		rerun->registers[i] = entry[i];
		if (!is_general(i))
			continue;
		rerun->registers[i].from = rerun->load_count;
		rerun->loads[rerun->load_count++] = (struct code_rerun_load){.is_entry = true, .number = i};
	}
	if (rerun->codes && rerun->code_at)
		return rerun;
	code_rerun_destroy(rerun);
	return NULL;
}

void code_rerun_destroy(struct code_rerun *rerun)
{
	if (!rerun)
		return;
	free(rerun->codes);
	free(rerun->code_at);
	free(rerun);
}

bool code_rerun_run(const struct code_text *text, uint64_t target, const struct code_rerun_value entry[CORE_REGISTERS],
		    struct code_rerun **ret)
{
	struct code_rerun *rerun = create(text, entry);

	for (unsigned i = 0; rerun && i < STEPS_MAX && !rerun->stuck; i++) {
		const struct code_instruction *code;

		if (rerun->ip == target && is_there(rerun, text)) {
			*ret = rerun;
			return true;
		}
		code = code_at(rerun, rerun->ip);
		if (!code)
			break;
		code_rerun_step(rerun, code);
	}
	code_rerun_destroy(rerun);
	return false;
}
