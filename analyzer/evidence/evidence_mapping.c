/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/evidence_mapping.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "replay/effect.h"
#include "replay/kernel.h"

const struct life *evidence_life_at_death(const struct crash *crash, const struct biography *biography)
{
	const struct life *life;

	life = timeline_last_life(&biography->timeline, biography->address);
	if (life && life->died != TIMELINE_ALIVE &&
	    (!crash->record.time_ns || biography->events[life->died].exit_ns <= crash->record.time_ns))
		return NULL;
	return life;
}

static bool is_dynamic_linker(const char *module)
{
	const char *name = words_base_name(module);

	return strncmp(name, "ld-linux", 8) == 0 || strncmp(name, "ld-musl", 7) == 0 ||
	       strncmp(name, "ld-2.", 5) == 0 || strncmp(name, "ld.so", 5) == 0 || strncmp(name, "ld64.so", 7) == 0;
}

bool evidence_by_dynamic_linker(const struct biography *biography, size_t index)
{
	const struct event_context *context = &biography->contexts[index];
	const struct symbol *symbol = context->at.module ? &context->at : &context->caller;

	if (symbol->module && is_dynamic_linker(symbol->module))
		return true;
	/* A static program has its own copy. */
	symbol = context->caller.function ? &context->caller : &context->at;
	return symbol->function && strncmp(symbol->function, "_dl_", 4) == 0;
}

static const struct symbol *faulting_symbol(const struct crash *crash)
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;

	return stack && stack->frame_count && stack->frames[0].symbol.module ? &stack->frames[0].symbol : NULL;
}

const char *evidence_faulting_code(struct words *words, const struct crash *crash)
{
	const struct symbol *symbol = faulting_symbol(crash);

	if (symbol)
		return words_symbol(words, symbol);
	if (crash->facts.has_registers)
		snprintf(words->text, sizeof(words->text), "code at 0x%" PRIx64, crash->facts.registers[CORE_RIP]);
	else
		snprintf(words->text, sizeof(words->text), "unknown code");
	return words->text;
}

struct error *evidence_add_faulting_frame(const struct crash *crash, struct finding *finding)
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;
	struct words words;

	if (!stack || !stack->frame_count)
		return NULL;
	return finding_add_evidence(finding, EVIDENCE_FRAME, 0, stack->frames[0].pc, "the faulting code: %s",
				    evidence_faulting_code(&words, crash));
}

const char *evidence_spot(struct words *words, const struct file_spot *spot)
{
	char symbol[200] = "";

	if (!spot->path) {
		snprintf(words->text, sizeof(words->text), "anonymous memory");
		return words->text;
	}
	if (spot->symbol)
		snprintf(symbol, sizeof(symbol), ", in %s+0x%" PRIx64, spot->symbol, spot->symbol_offset);
	snprintf(words->text, sizeof(words->text), "%s, offset 0x%" PRIx64 "%s%s%s", words_base_name(spot->path),
		 spot->offset, spot->section ? ", " : "", spot->section ? spot->section : "", symbol);
	return words->text;
}

static const struct symbol *party_of(const struct biography *biography, size_t index)
{
	const struct event_context *context = &biography->contexts[index];

	if (context->jumper.module || context->caller.module)
		return context->jumper.module ? &context->jumper : &context->caller;
	/* The C library is everybody's. */
	return context->stack.frame_count && event_stack_is_library(&context->stack.frames[0]) ? &context->caller
											       : &context->at;
}

enum evidence_parties evidence_parties(const struct biography *biography, size_t first, size_t second)
{
	const struct symbol *a = party_of(biography, first), *b = party_of(biography, second);

	if (!a->module || !b->module)
		return PARTIES_UNKNOWN;
	if (strcmp(words_base_name(a->module), words_base_name(b->module)) != 0)
		return PARTIES_STRANGERS;
	if (!a->function || !b->function)
		return PARTIES_UNKNOWN;
	return strcmp(a->function, b->function) == 0 ? PARTIES_SAME_FUNCTION : PARTIES_SAME_MODULE;
}

/* From 6.1 on (include/uapi/asm-generic/mman-common.h), which older C libraries do not name. */
#define ADVICE_DONTNEED_LOCKED 24

bool evidence_discards(const struct memory_event *event)
{
	return event->kind == MEMORY_MADVISE &&
	       (event->args[2] == MADV_DONTNEED || event->args[2] == MADV_FREE || event->args[2] == MADV_REMOVE ||
		event->args[2] == ADVICE_DONTNEED_LOCKED);
}

#define MREMAP_FIXED_FLAG 2ULL
#define SHM_REMAP_FLAG 040000ULL

size_t evidence_guard_call(const struct biography *biography, const struct life *life)
{
	for (size_t i = biography->event_count; i-- > life->born + 1;) {
		const struct memory_event *event = &biography->events[i];
		struct memory_effect effect = memory_event_reach(event);

		if (event->kind != MEMORY_MADVISE || biography->address < effect.touched_start ||
		    biography->address >= effect.touched_end)
			continue;
		if (event->args[2] == ADVICE_GUARD_INSTALL)
			return i;
		if (event->args[2] == ADVICE_GUARD_REMOVE)
			return SIZE_MAX;
	}
	return SIZE_MAX;
}

bool evidence_is_placed_over(const struct memory_event *event)
{
	switch (event->kind) {
	case MEMORY_MMAP:
		return (event->args[3] & MAP_FIXED) && (event->args[3] & MAP_FIXED_NOREPLACE) != MAP_FIXED_NOREPLACE;
	case MEMORY_MREMAP:
		return event->args[3] & MREMAP_FIXED_FLAG;
	case MEMORY_SHMAT:
		return event->args[2] & SHM_REMAP_FLAG;
	default:
		return false;
	}
}

const struct life *evidence_life_under(const struct biography *biography, const struct life *over)
{
	const struct life *under = NULL;

	for (size_t i = 0; i < biography->timeline.life_count; i++) {
		const struct life *life = &biography->timeline.lives[i];

		if (life->died == over->born && biography->address >= life->start && biography->address < life->end)
			under = life;
	}
	return under;
}

struct error *evidence_add_view(struct finding *finding, const struct memory_view *view)
{
	if (view->role == VIEW_CODE)
		return finding_add_evidence(finding, EVIDENCE_MEMORY, 0, view->address,
					    "the code that ran is at 0x%" PRIx64 ", in no file%s", view->address,
					    view->page_is_zero ? "; its page is all zero" : "");
	return finding_add_evidence(finding, EVIDENCE_MEMORY, 0, view->address,
				    "%s%sthe pointer was loaded from 0x%" PRIx64 ", which holds 0x%" PRIx64 "%s",
				    view->pointer, view->pointer[0] ? ": " : "", view->address, view->value,
				    view->page_is_zero ? "; its whole page is zero" : "");
}
