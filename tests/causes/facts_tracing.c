/* SPDX-License-Identifier: MIT */
/* Facts about probes, and about what a return left behind. README.md has the lines. */
#include <stdlib.h>
#include <string.h>

#include "tests/causes/facts_parser.h"

#define GROWN(array, count) grown(array, (count) + 1, sizeof(*(array)))

static void *grown(void *array, size_t count, size_t size)
{
	void *result = reallocarray(array, count, size);

	if (!result)
		abort();
	return result;
}

/* trampoline ADDRESS [recorded]: the kernel's page; after the probes */
static void read_trampoline(struct parser *parser)
{
	struct repair *repair = &facts_crash(parser)->facts.repair;

	repair->trampoline = facts_read_number(parser);
	repair->trampoline_recorded = facts_accept(parser, "recorded");
}

/* probe ADDRESS MODULE FUNCTION [text] [stack] [record] [return|plain] [by COMM PID [left]]... */
static void read_probe(struct parser *parser)
{
	struct repair *repair = &facts_crash(parser)->facts.repair;
	struct probe *probe;

	repair->probes = GROWN(repair->probes, repair->probe_count);
	probe = &repair->probes[repair->probe_count++];
	*probe = (struct probe){.address = facts_read_number(parser)};
	facts_read_caller(parser, &probe->symbol);
	if (facts_accept(parser, "text"))
		probe->sources |= PROBE_IN_TEXT;
	if (facts_accept(parser, "stack"))
		probe->sources |= PROBE_ON_STACK;
	if (facts_accept(parser, "record"))
		probe->sources |= PROBE_RECORDED;
	probe->at_return = facts_accept(parser, "return") || (probe->sources & ~(unsigned)PROBE_IN_TEXT);
	probe->is_plain = facts_accept(parser, "plain");
	while (facts_accept(parser, "by")) {
		struct probe_holder *holder = &probe->holders[probe->holder_count];
		char comm[17] = "";

		if (probe->holder_count == PROBE_HOLDERS)
			facts_bad(parser, "too many holders");
		facts_read_word(parser, comm, sizeof(comm));
		memcpy(holder->comm, comm, sizeof(holder->comm));
		holder->pid = (uint32_t)facts_read_number(parser);
		holder->left = facts_accept(parser, "left");
		probe->holder_count++;
	}
}

/* taken SLOT FUNCTION|0 [inferred|restored|lost] [jumped-from ADDRESS] [died]: a return address that a uretprobe took;
 * died: the crashed thread had returned through it */
static void read_taken(struct parser *parser)
{
	struct repair *repair = &facts_crash(parser)->facts.repair;
	struct repaired_slot *slot;

	repair->slots = GROWN(repair->slots, repair->slot_count);
	slot = &repair->slots[repair->slot_count++];
	*slot = (struct repaired_slot){.trust = FRAME_LOST};
	slot->slot = facts_read_number(parser);
	slot->function = facts_read_number(parser);
	if (facts_accept(parser, "inferred"))
		slot->trust = FRAME_INFERRED;
	else if (facts_accept(parser, "restored"))
		slot->trust = FRAME_RESTORED;
	else
		facts_accept(parser, "lost");
	if (facts_accept(parser, "jumped-from"))
		slot->jumped_from = facts_read_number(parser);
	if (facts_accept(parser, "died"))
		repair->died_slot = slot->slot;
}

/* trampoline-word ADDRESS [chained]: a place in writable memory that holds the trampoline's address */
static void read_trampoline_word(struct parser *parser)
{
	struct repair *repair = &facts_crash(parser)->facts.repair;
	struct trampoline_word *word;

	repair->words = GROWN(repair->words, repair->word_count);
	word = &repair->words[repair->word_count++];
	*word = (struct trampoline_word){.address = facts_read_number(parser), .thread = SIZE_MAX};
	word->in_chain = facts_accept(parser, "chained");
}

/* pending TID STACK FUNCTION RETURN-ADDRESS: a return that the kernel had pending */
static void read_pending(struct parser *parser)
{
	struct crash *crash = facts_crash(parser);
	struct return_instance *instance;

	crash->record.instances = GROWN(crash->record.instances, crash->record.instance_count);
	instance = &crash->record.instances[crash->record.instance_count++];
	*instance = (struct return_instance){.tid = (uint32_t)facts_read_number(parser)};
	instance->stack = facts_read_number(parser);
	instance->function = facts_read_number(parser);
	instance->return_address = facts_read_number(parser);
}

/* last-call WORD RETURN-ADDRESS MODULE FUNCTION+OFFSET: what is left below the stack pointer of the function that
 * returned */
static void read_last_call(struct parser *parser)
{
	struct returned *owner = &facts_crash(parser)->facts.overrun.owner;

	owner->found_at = facts_read_number(parser);
	owner->return_address = facts_read_number(parser);
	facts_read_caller(parser, &owner->symbol);
	owner->function = owner->return_address - owner->symbol.function_offset;
}

/* exception THROWN-AT CAUGHT-AT|none [all|typed|terminate]: frames of the crashed thread */
static void read_exception(struct parser *parser)
{
	struct exception_path *exception = &facts_crash(parser)->facts.exception;

	exception->thrown_at = facts_read_number(parser);
	exception->caught_at = facts_accept(parser, "none") ? SIZE_MAX : facts_read_number(parser);
	if (facts_accept(parser, "all"))
		exception->handler = HANDLER_ALL;
	else if (facts_accept(parser, "typed"))
		exception->handler = HANDLER_TYPED;
	else if (facts_accept(parser, "terminate"))
		exception->handler = HANDLER_TERMINATE;
}

bool facts_read_tracing_line(struct parser *parser, const char *keyword)
{
	static const struct {
		const char *keyword;
		void (*read)(struct parser *parser);
	} lines[] = {
		{"trampoline", read_trampoline}, {"probe", read_probe},
		{"taken", read_taken},		 {"pending", read_pending},
		{"last-call", read_last_call},	 {"trampoline-word", read_trampoline_word},
		{"exception", read_exception},
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (strcmp(keyword, lines[i].keyword) == 0) {
			lines[i].read(parser);
			return true;
		}
	}
	return false;
}
