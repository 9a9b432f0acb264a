/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/origin_replay.h"

#include <stdlib.h>

#define STEPS_MAX 40000u

static const struct replay_code *code_at(struct replay *replay, uint64_t address)
{
	uint8_t bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
	struct replay_code *code;
	ZydisDecoder decoder;
	size_t size;

	if (address < replay->start || address >= replay->end)
		return NULL;
	if (replay->code_at[address - replay->start])
		return &replay->codes[replay->code_at[address - replay->start] - 1];
	if (replay->code_count == REPLAY_CODES)
		return NULL;
	code = &replay->codes[replay->code_count];
	size = core_read(replay->core, address, bytes, sizeof(bytes));
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	if (!size || ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, bytes, size, &code->instruction, code->operands)))
		return NULL;
	code->address = address;
	replay->code_at[address - replay->start] = (uint16_t)++replay->code_count;
	return code;
}

static bool is_general(int number)
{
	return number <= CORE_RDI && number != CORE_ORIG_RAX;
}

/* Every register that is known on both sides is the same. A loop comes by the target with others before. */
static bool is_there(const struct replay *replay, const struct text *text)
{
	for (int i = 0; i < CORE_REGISTERS; i++) {
		if ((is_general(i) || i == CORE_RSP) && replay->registers[i].known && (text->known & 1u << i) &&
		    replay->registers[i].value != text->registers[i])
			return false;
	}
	return true;
}

static struct replay *create(const struct text *text, const struct replay_value entry[CORE_REGISTERS])
{
	struct replay *replay = calloc(1, sizeof(*replay));

	if (!replay)
		return NULL;
	replay->core = text->core;
	replay->start = replay->ip = text->start;
	replay->end = text->end - text->start > REPLAY_CODE_BYTES ? text->start + REPLAY_CODE_BYTES : text->end;
	replay->codes = calloc(REPLAY_CODES, sizeof(*replay->codes));
	replay->code_at = calloc(replay->end - replay->start, sizeof(*replay->code_at));
	replay->load_count = 1;
	for (int i = 0; i < CORE_REGISTERS; i++) {
		replay->registers[i] = entry[i];
		if (!is_general(i))
			continue;
		replay->registers[i].from = replay->load_count;
		replay->loads[replay->load_count++] = (struct replay_load){.is_entry = true, .number = i};
	}
	if (replay->codes && replay->code_at)
		return replay;
	replay_destroy(replay);
	return NULL;
}

void replay_destroy(struct replay *replay)
{
	if (!replay)
		return;
	free(replay->codes);
	free(replay->code_at);
	free(replay);
}

bool replay_run(const struct text *text, uint64_t target, const struct replay_value entry[CORE_REGISTERS],
		struct replay **ret)
{
	struct replay *replay = create(text, entry);

	for (unsigned i = 0; replay && i < STEPS_MAX && !replay->stuck; i++) {
		const struct replay_code *code;

		if (replay->ip == target && is_there(replay, text)) {
			*ret = replay;
			return true;
		}
		code = code_at(replay, replay->ip);
		if (!code)
			break;
		replay_step(replay, code);
	}
	replay_destroy(replay);
	return false;
}
