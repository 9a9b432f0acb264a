/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/evidence_culprit.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/facts/ending.h"
#include "analyzer/facts/event_stack.h"
#include "analyzer/words.h"

static struct error *copy_text(const char *text, char **ret)
{
	*ret = text ? strdup(text) : NULL;
	return text && !*ret ? &error_no_memory : NULL;
}

static void forget(struct culprit *culprit)
{
	free(culprit->name);
	free(culprit->module);
	free(culprit->function);
	free(culprit->file);
	free(culprit->comm);
	*culprit = (struct culprit){0};
}

/* Standard libraries, allocators and runtimes do what their callers want; names with two underscores are the compiler's
 * and the library's own, in a static program, too. */
static bool is_implementation(const struct symbol *symbol)
{
	const struct frame frame = {.symbol = *symbol};

	return event_stack_is_standard(&frame) || ending_is_runtime(&frame) ||
	       (symbol->function && strncmp(symbol->function, "__", 2) == 0);
}

static struct error *name_code(struct culprit *culprit, const struct symbol *symbol, enum evidence_kind kind,
			       int64_t id, uint64_t address)
{
	struct words name;

	if (!symbol->module || is_implementation(symbol))
		return NULL;
	forget(culprit);
	culprit->kind = CULPRIT_CODE;
	culprit->line = symbol->line;
	culprit->act = kind;
	culprit->act_id = id;
	culprit->act_address = address;
	return copy_text(words_code(&name, symbol), &culprit->name)
		?: copy_text(symbol->module, &culprit->module)
		?: copy_text(symbol->inlined ?: symbol->function, &culprit->function)
		?: copy_text(symbol->file, &culprit->file);
}

struct error *evidence_accuse_code(struct finding *finding, const struct symbol *symbol, enum evidence_kind kind,
				   int64_t id, uint64_t address)
{
	return name_code(&finding->culprit, symbol, kind, id, address);
}

struct error *evidence_suspect_code(struct finding *finding, const struct symbol *symbol, enum evidence_kind kind,
				    int64_t id, uint64_t address)
{
	return name_code(&finding->suspect, symbol, kind, id, address);
}

/* Every step of the recorded stack up to the caller is by call frame information: a guess may skip a frame. */
static bool is_certain(const struct event_context *context)
{
	for (size_t i = 0; context->caller_address && i < context->stack.frame_count; i++) {
		const struct frame *frame = &context->stack.frames[i];

		if (frame->trust == FRAME_SCAN || frame->trust == FRAME_POINTER || frame->trust == FRAME_INFERRED)
			return false;
		if (frame->pc == context->caller_address)
			return true;
	}
	return true;
}

struct error *evidence_accuse_caller(struct finding *finding, const struct biography *biography, size_t index)
{
	const struct event_context *context = &biography->contexts[index];
	const struct symbol *symbol = context->jumper.module   ? &context->jumper
				      : context->caller.module ? &context->caller
							       : &context->at;
	const struct event_stack *stack = &context->stack;

	/* Where the caller is not known, whoever is above it on the stack is not the one. */
	for (size_t i = stack->caller; context->caller.module && is_implementation(symbol) && i < stack->frame_count;
	     i++) {
		if (stack->frames[i].symbol.module)
			symbol = &stack->frames[i].symbol;
	}
	return name_code(is_certain(context) ? &finding->culprit : &finding->suspect, symbol, EVIDENCE_EVENT,
			 biography->events[index].id, 0);
}

static struct error *name_holder(struct culprit *culprit, uint32_t pid, const char *comm)
{
	culprit->pid = pid;
	culprit->comm = comm[0] ? strndup(comm, 16) : NULL;
	return comm[0] && !culprit->comm ? &error_no_memory : NULL;
}

struct error *evidence_accuse_process(struct finding *finding, uint32_t pid, const char *comm, enum evidence_kind kind,
				      int64_t id)
{
	struct culprit *culprit = &finding->culprit;
	struct error *err;

	if (!pid && !comm[0])
		return NULL;
	forget(culprit);
	culprit->kind = CULPRIT_PROCESS;
	culprit->act = kind;
	culprit->act_id = id;
	err = name_holder(culprit, pid, comm);
	return err ?: copy_text(culprit->comm ?: "a process", &culprit->name);
}

struct error *evidence_accuse_limit(struct finding *finding, const char *name, enum evidence_kind kind, int64_t id)
{
	forget(&finding->culprit);
	finding->culprit = (struct culprit){.kind = CULPRIT_LIMIT, .act = kind, .act_id = id};
	return copy_text(name, &finding->culprit.name);
}

struct error *evidence_accuse_probe(struct finding *finding, const struct probe *probe, enum evidence_kind kind,
				    int64_t id, uint64_t address)
{
	struct culprit *culprit = &finding->culprit;
	struct error *err = name_code(culprit, &probe->symbol, kind, id, address);

	if (err || culprit->kind == CULPRIT_NONE)
		return err;
	culprit->kind = CULPRIT_PROBE;
	return probe->holder_count == 1 && probe->holders[0].pid
		       ? name_holder(culprit, (uint32_t)probe->holders[0].pid, probe->holders[0].comm)
		       : NULL;
}
