/* SPDX-License-Identifier: MIT */
/* Functions that are run again. */
#include <string.h>

#include "analyzer/code/code_rerun.h"
#include "analyzer/code/code_origin_way.h"

/* What is known at the entry of the function at `place`: what its caller keeps in registers, and what it passed. */
static void enter(struct code_origin_search *search, size_t place, struct code_rerun_value entry[CORE_REGISTERS])
{
	const struct code_text *text = code_origin_text_of(search, place),
			       *caller = code_origin_text_of(search, place + 1);

	memset(entry, 0, CORE_REGISTERS * sizeof(*entry));
	if (!caller)
		return;
	for (int i = 0; i < CORE_REGISTERS; i++) {
		uint64_t value;

		if (code_is_kept(caller->machine, i) && (caller->known & 1u << i))
			entry[i] = (struct code_rerun_value){.value = caller->registers[i], .known = true};
		else if (code_is_argument(caller->machine, i) && code_origin_goes_to(caller, text) &&
			 code_origin_argument_value(search, place + 1, i, &value))
			entry[i] = (struct code_rerun_value){.value = value, .known = true};
	}
	entry[CORE_RSP].value -= 8; /* the return address */
	entry[CORE_FS_BASE] = (struct code_rerun_value){.value = caller->registers[CORE_FS_BASE],
							.known = caller->known & 1u << CORE_FS_BASE};
}

static void take_load(const struct code_rerun *rerun, uint32_t from, uint64_t address[], uint64_t value[],
		      size_t *count)
{
	*count = 0;
	while (from && !rerun->loads[from].is_entry && *count < CODE_ORIGIN_WORDS) {
		address[*count] = rerun->loads[from].address;
		value[(*count)++] = rerun->loads[from].value;
		from = rerun->loads[from].through;
	}
}

bool code_way_run_again(struct code_way *way, uint64_t target, enum code_way_progress *ret_progress,
			struct code_origin *ret)
{
	struct code_rerun_value entry[CORE_REGISTERS];
	const struct code_rerun_value *value;
	struct code_rerun *rerun;
	uint32_t from;
	bool is_known;

	enter(way->search, way->place, entry);
	if (!code_rerun_run(way->text, target, entry, &rerun))
		return false;
	value = &rerun->registers[way->number];
	is_known = value->known && value->value == way->value;
	from = value->from;
	is_known &= from != CODE_RERUN_MIXED;
	if (is_known && !from) {
		*ret = (struct code_origin){.end = CODE_ORIGIN_CONSTANT, .value = way->value, .is_exact = true};
		*ret_progress = CODE_WAY_STOP;
	} else if (is_known && rerun->loads[from].is_entry) {
		way->number = rerun->loads[from].number;
		way->value = entry[way->number].value;
		way->from = way->text->start;
		*ret_progress = CODE_WAY_GO_ON;
	} else if (is_known) {
		*ret = (struct code_origin){.end = CODE_ORIGIN_WORD,
					    .address = rerun->loads[from].address,
					    .value = rerun->loads[from].value,
					    .is_exact = true,
					    .through = {.place = way->place, .number = -1}};
		take_load(rerun, rerun->loads[from].through, ret->more_addresses, ret->more_values, &ret->more_count);
		*ret_progress = CODE_WAY_STOP;
	}
	code_rerun_destroy(rerun);
	return is_known;
}
