/* SPDX-License-Identifier: MIT */
/* Functions that are run again. */
#include <string.h>

#include "analyzer/facts/origin_replay.h"
#include "analyzer/facts/origin_way.h"

/* What is known at the entry of the function at `place`: what its caller keeps in registers, and what it passed. */
static void enter(struct origin_search *search, size_t place, struct replay_value entry[CORE_REGISTERS])
{
	const struct text *text = origin_text_of(search, place), *caller = origin_text_of(search, place + 1);

	memset(entry, 0, CORE_REGISTERS * sizeof(*entry));
	if (!caller)
		return;
	for (int i = 0; i < CORE_REGISTERS; i++) {
		uint64_t value;

		if (text_survives_call(i) && (caller->known & 1u << i))
			entry[i] = (struct replay_value){.value = caller->registers[i], .known = true};
		else if (origin_is_argument(i) && origin_goes_to(caller, text) &&
			 origin_argument_value(search, place + 1, i, &value))
			entry[i] = (struct replay_value){.value = value, .known = true};
	}
	entry[CORE_RSP].value -= 8; /* the return address */
	entry[CORE_FS_BASE] = (struct replay_value){.value = caller->registers[CORE_FS_BASE],
						    .known = caller->known & 1u << CORE_FS_BASE};
}

static void take_load(const struct replay *replay, uint32_t from, uint64_t address[], uint64_t value[], size_t *count)
{
	*count = 0;
	while (from && !replay->loads[from].is_entry && *count < ORIGIN_WORDS) {
		address[*count] = replay->loads[from].address;
		value[(*count)++] = replay->loads[from].value;
		from = replay->loads[from].through;
	}
}

bool way_run_again(struct way *way, uint64_t target, enum way_progress *ret_progress, struct origin *ret)
{
	struct replay_value entry[CORE_REGISTERS];
	const struct replay_value *value;
	struct replay *replay;
	uint32_t from;
	bool is_known;

	enter(way->search, way->place, entry);
	if (!replay_run(way->text, target, entry, &replay))
		return false;
	value = &replay->registers[way->number];
	is_known = value->known && value->value == way->value;
	from = value->from;
	is_known &= from != REPLAY_MIXED;
	if (is_known && !from) {
		*ret = (struct origin){.end = ORIGIN_CONSTANT, .value = way->value, .is_exact = true};
		*ret_progress = WAY_STOP;
	} else if (is_known && replay->loads[from].is_entry) {
		way->number = replay->loads[from].number;
		way->value = entry[way->number].value;
		way->from = way->text->start;
		*ret_progress = WAY_GO_ON;
	} else if (is_known) {
		*ret = (struct origin){.end = ORIGIN_WORD,
				       .address = replay->loads[from].address,
				       .value = replay->loads[from].value,
				       .is_exact = true,
				       .through = {.place = way->place, .number = -1}};
		take_load(replay, replay->loads[from].through, ret->more_addresses, ret->more_values, &ret->more_count);
		*ret_progress = WAY_STOP;
	}
	replay_destroy(replay);
	return is_known;
}
