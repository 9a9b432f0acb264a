/* SPDX-License-Identifier: MIT */
/* Lines about the core: its mappings, their contents, registers and frames; and what the analyzer makes of them. */
#include <elf.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/assemble/assemble_parts.h"
#include "analyzer/facts/fault.h"
#include "analyzer/facts/fault_twin.h"
#include "tests/causes/facts_core.h"
#include "tests/causes/facts_parser.h"

/* map ADDRESS, LENGTH, rwx [PATH [OFFSET]] */
static void read_map(struct parser *parser)
{
	struct facts_map *map = &parser->core.maps[parser->core.map_count];
	char flags[8];

	if (parser->core.map_count++ == FACTS_MAX_MAPS)
		facts_fail(parser, "too many mappings");
	map->start = facts_read_number(parser);
	facts_expect(parser, ",");
	map->end = map->start + facts_read_number(parser);
	facts_expect(parser, ",");
	facts_read_word(parser, flags, sizeof(flags));
	if (strspn(flags, "rwx-") != 3 || strlen(flags) != 3 || map->end <= map->start)
		facts_fail(parser, "not a mapping");
	map->flags = (flags[0] == 'r' ? PF_R : 0) | (flags[1] == 'w' ? PF_W : 0) | (flags[2] == 'x' ? PF_X : 0);
	if (facts_at_end(parser))
		return;
	facts_read_word(parser, map->path, sizeof(map->path));
	if (!facts_at_end(parser))
		map->offset = facts_read_number(parser);
}

static void fill(struct parser *parser, uint64_t address, const void *bytes, size_t size)
{
	if (!facts_core_fill(&parser->core, address, bytes, size))
		facts_fail(parser, "no mapping holds 0x%" PRIx64, address);
}

/* words ADDRESS, WORD... */
static void read_words(struct parser *parser)
{
	uint64_t address = facts_read_number(parser);

	facts_expect(parser, ",");
	while (!facts_at_end(parser)) {
		uint64_t word = facts_read_number(parser);

		fill(parser, address, &word, sizeof(word));
		address += sizeof(word);
	}
}

/* bytes ADDRESS, 8b 7b 0c */
static void read_bytes(struct parser *parser)
{
	uint64_t address = facts_read_number(parser);

	facts_expect(parser, ",");
	while (!facts_at_end(parser)) {
		char word[8], *end;
		uint8_t byte;

		facts_read_word(parser, word, sizeof(word));
		byte = (uint8_t)strtoul(word, &end, 16);
		if (*end || end != word + 2)
			facts_fail(parser, "not a byte: \"%s\"", word);
		fill(parser, address++, &byte, 1);
	}
}

static void set_register(struct parser *parser, struct core_thread *thread)
{
	char name[16];

	facts_read_word(parser, name, sizeof(name));
	for (int i = 0; i < CORE_REGISTERS; i++) {
		if (strcmp(name, fault_register_name(i)) != 0)
			continue;
		facts_expect(parser, "=");
		thread->registers[i] = facts_read_number(parser);
		return;
	}
	facts_fail(parser, "unknown register: \"%s\"", name);
}

/* registers rax = 1, rbx = 2: of the thread that died */
static void read_registers(struct parser *parser)
{
	do
		set_register(parser, &parser->core.threads[0]);
	while (facts_accept(parser, ","));
}

/* thread 33, rsp = ADDRESS, fs_base = ADDRESS: another one */
static void read_thread(struct parser *parser)
{
	struct core_thread *thread;

	parser->core.thread_count = parser->core.thread_count ?: 1;
	if (parser->core.thread_count == FACTS_MAX_THREADS)
		facts_fail(parser, "too many threads");
	thread = &parser->core.threads[parser->core.thread_count++];
	thread->tid = (uint32_t)facts_read_number(parser);
	while (facts_accept(parser, ","))
		set_register(parser, thread);
}

/* auxv random = ADDRESS; also entry, sysinfo_ehdr */
static void read_auxv(struct parser *parser)
{
	static const struct named_value types[] = {
		{"random", AT_RANDOM}, {"entry", AT_ENTRY}, {"sysinfo_ehdr", AT_SYSINFO_EHDR}};
	uint64_t *entry = parser->core.auxv[parser->core.auxv_count];
	char name[16];

	facts_read_word(parser, name, sizeof(name));
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(name, types[i].name) == 0)
			entry[0] = types[i].value;
	}
	if (!entry[0] || parser->core.auxv_count++ == 4)
		facts_fail(parser, "unknown entry of the auxiliary vector: \"%s\"", name);
	facts_expect(parser, "=");
	entry[1] = facts_read_number(parser);
}

/* frame PC SP MODULE [FUNCTION+OFFSET]: of the thread that died, innermost first */
static void read_frame(struct parser *parser)
{
	struct frame *frame = &parser->frames[parser->frame_count];

	if (parser->frame_count == sizeof(parser->frames) / sizeof(parser->frames[0]))
		facts_fail(parser, "too many frames");
	*frame = (struct frame){.trust = parser->frame_count ? FRAME_CFI : FRAME_REGISTERS};
	parser->frame_count++;
	frame->pc = facts_read_number(parser);
	facts_expect(parser, ",");
	frame->sp = facts_read_number(parser);
	if (facts_accept(parser, ","))
		facts_read_caller(parser, &frame->symbol);
}

static void build_stack(struct parser *parser)
{
	struct unwind_result *stacks = &parser->crash->facts.stacks;

	if (!parser->frame_count)
		return;
	stacks->threads = calloc(1, sizeof(*stacks->threads));
	if (!stacks->threads)
		abort();
	stacks->thread_count = 1;
	stacks->threads[0] = (struct thread_stack){.tid = parser->crash->facts.tid, .crashed = true};
	stacks->threads[0].frames = calloc(parser->frame_count, sizeof(struct frame));
	if (!stacks->threads[0].frames)
		abort();
	memcpy(stacks->threads[0].frames, parser->frames, parser->frame_count * sizeof(struct frame));
	stacks->threads[0].frame_count = parser->frame_count;
}

static void find_overrun(struct crash *crash)
{
	struct returned owner = crash->facts.overrun.owner;

	overrun_find(crash, &crash->facts.overrun);
	owner.slot = crash->facts.overrun.slot;
	owner.function = owner.function ?: crash->facts.overrun.owner.function;
	crash->facts.overrun.owner = owner;
}

/* What the case says of the member and the twin is kept. */
static void examine_fault(struct crash *crash)
{
	const struct fault_scene scene = {
		.core = &crash->core,
		.pid = crash->facts.pid,
		.registers = crash->facts.registers,
		.signal = &crash->facts.signal,
	};
	const struct fault told = crash->facts.fault;

	signal_frame_find(crash->core.image, &crash->facts.interruption);
	fault_examine(&scene, &crash->facts.interruption, &crash->facts.fault);
	fault_find_twin(&crash->core, &crash->facts.fault);
	crash->facts.fault.member = told.member;
	if (told.twin.found)
		crash->facts.fault.twin = told.twin;
	assemble_find_places(crash, crash->facts.fault.is_fault, &crash->facts);
}

/* With mappings there is a core, and the analyzer's own code says what the fault is. */
void facts_build_core(struct parser *parser)
{
	struct facts_core *facts = &parser->core;
	struct crash *crash = parser->crash;

	if (facts->map_count) {
		facts->thread_count = facts->thread_count ?: 1;
		facts->threads[0].tid = crash->facts.tid;
		facts->pid = crash->facts.pid;
		facts->signal_number = crash->facts.signal.number;
		facts->signal_code = crash->facts.signal.code;
		facts->signal_address = crash->facts.signal.address;
		facts->sender_pid = crash->facts.signal.sender_pid;
		crash->core.image = facts_core_build(facts);
		crash->facts.has_registers = true;
		memcpy(crash->facts.registers, facts->threads[0].registers, sizeof(crash->facts.registers));
		examine_fault(crash);
		find_overrun(crash);
	} else {
		if (!crash->facts.fault.in_handler)
			crash->facts.fault.signal = crash->facts.signal;
		crash->facts.fault.operand = SIZE_MAX;
		if (crash->facts.signal.number == SIGSEGV && crash->facts.signal.code == SEGV_MAPERR)
			crash->facts.fault.cause = FAULT_UNMAPPED;
		if (crash->facts.fault.source != ADDRESS_UNKNOWN)
			place_of(crash, crash->facts.fault.address, &crash->facts.fault_place);
	}
	for (size_t i = 0; i < facts->map_count; i++)
		free(facts->maps[i].bytes);
	build_stack(parser);
}

bool facts_read_picture_line(struct parser *parser, const char *keyword)
{
	static const struct facts_line lines[] = {
		{"map", read_map},	 {"words", read_words}, {"bytes", read_bytes}, {"registers", read_registers},
		{"thread", read_thread}, {"auxv", read_auxv},	{"frame", read_frame},
	};

	return facts_read_by(lines, sizeof(lines) / sizeof(lines[0]), parser, keyword);
}
