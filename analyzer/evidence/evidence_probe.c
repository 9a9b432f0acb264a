/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/evidence_probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"

static size_t known_holders(const struct probe *probe)
{
	return probe->holder_count < PROBE_HOLDERS ? probe->holder_count : PROBE_HOLDERS;
}

static bool is_recorder(const struct probe_holder *holder)
{
	return strncmp(holder->comm, "corelated", sizeof(holder->comm)) == 0;
}

bool evidence_is_own_probe(const struct probe *probe)
{
	for (size_t i = 0; i < known_holders(probe); i++) {
		if (!is_recorder(&probe->holders[i]))
			return false;
	}
	return !probe->at_return && probe->holder_count && probe->holder_count <= PROBE_HOLDERS;
}

const char *words_own_probes(struct words *words, const struct repair *repair)
{
	uint32_t pid = 0;
	size_t count = 0;

	for (size_t i = 0; i < repair->probe_count; i++) {
		if (evidence_is_own_probe(&repair->probes[i])) {
			count++;
			pid = repair->probes[i].holders[0].pid;
		}
	}
	if (!count)
		return NULL;
	snprintf(words->text, sizeof(words->text),
		 "corelated (pid %" PRIu32 ") watched %zu place%s in this process by plain uprobes", pid, count,
		 count == 1 ? "" : "s");
	return words->text;
}

const struct repaired_slot *evidence_slot_at(const struct crash *crash, uint64_t slot)
{
	for (size_t i = 0; slot && i < crash->facts.repair.slot_count; i++) {
		if (crash->facts.repair.slots[i].slot == slot)
			return &crash->facts.repair.slots[i];
	}
	return NULL;
}

const struct repaired_slot *evidence_slot_of_frame(const struct crash *crash, size_t frame)
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;

	return stack && frame < stack->frame_count ? evidence_slot_at(crash, stack->frames[frame].sp - 8) : NULL;
}

bool evidence_return_taken(const struct crash *crash, size_t frame)
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;

	if (!stack || frame >= stack->frame_count || !crash->facts.repair.trampoline)
		return false;
	return stack->frames[frame].pc == crash->facts.repair.trampoline || evidence_slot_of_frame(crash, frame);
}

const struct probe *evidence_return_probe_at(const struct crash *crash, uint64_t function)
{
	for (size_t i = 0; function && i < crash->facts.repair.probe_count; i++) {
		if (crash->facts.repair.probes[i].address == function && crash->facts.repair.probes[i].at_return)
			return &crash->facts.repair.probes[i];
	}
	return NULL;
}

/* A function that jumps to another shares its slot: with uretprobes on both, both have taken the return address. */
static bool is_shared(const struct crash *crash, uint64_t slot)
{
	const struct return_instance *first = NULL;

	for (size_t i = 0; i < crash->record.instance_count; i++) {
		const struct return_instance *instance = &crash->record.instances[i];

		if (instance->stack == slot && first && first->function != instance->function)
			return true;
		if (instance->stack == slot)
			first = instance;
	}
	return false;
}

const struct probe *evidence_probe_of_slot(const struct crash *crash, const struct repaired_slot *slot)
{
	const struct probe *probe = slot ? evidence_return_probe_at(crash, slot->function) : NULL;

	if (slot && is_shared(crash, slot->slot))
		return NULL;
	return slot && !probe ? evidence_return_probe_at(crash, slot->jumped_from) : probe;
}

uint64_t evidence_function_of_word(const struct crash *crash, uint64_t address)
{
	const struct repaired_slot *slot = evidence_slot_at(crash, address);

	for (size_t i = 0; !slot && i < crash->facts.repair.word_count; i++) {
		if (crash->facts.repair.words[i].address == address)
			return crash->facts.repair.words[i].function;
	}
	return slot ? slot->function : 0;
}

bool evidence_return_probes_seen(const struct crash *crash)
{
	for (size_t i = 0; i < crash->facts.repair.probe_count; i++) {
		if (crash->facts.repair.probes[i].at_return)
			return true;
	}
	return crash->facts.repair.word_count || crash->facts.repair.slot_count || crash->record.instance_count;
}

const char *words_probed_function(struct words *words, const struct probe *probe)
{
	words->text[0] = 0;
	if (!probe)
		return words->text;
	if (!probe->symbol.module)
		snprintf(words->text, sizeof(words->text), "0x%" PRIx64, probe->address);
	else if (probe->symbol.function && !probe->symbol.function_offset)
		snprintf(words->text, sizeof(words->text), "%s %s", words_base_name(probe->symbol.module),
			 probe->symbol.function);
	else if (probe->symbol.function)
		snprintf(words->text, sizeof(words->text), "%s %s+0x%" PRIx64, words_base_name(probe->symbol.module),
			 probe->symbol.function, probe->symbol.function_offset);
	else
		snprintf(words->text, sizeof(words->text), "%s+0x%" PRIx64, words_base_name(probe->symbol.module),
			 probe->symbol.module_offset);
	return words->text;
}

const char *words_probe(struct words *words, const struct probe *probe)
{
	struct words function;
	char holder[96] = "";

	if (!probe) {
		snprintf(words->text, sizeof(words->text), "a uretprobe");
		return words->text;
	}
	if (probe->holder_count == 1 && probe->holders[0].pid)
		snprintf(holder, sizeof(holder), ", attached by %.16s (pid %" PRIu32 ")%s", probe->holders[0].comm,
			 probe->holders[0].pid, probe->holders[0].left ? ", detached since" : "");
	snprintf(words->text, sizeof(words->text), "a %s on %s%s",
		 probe->at_return  ? "uretprobe"
		 : probe->is_plain ? "plain uprobe"
				   : "probe",
		 words_probed_function(&function, probe), holder);
	return words->text;
}

const char *words_possible_holders(struct words *words, const struct probe *probe)
{
	size_t used = 0;

	words->text[0] = 0;
	if (!probe || probe->holder_count < 2)
		return words->text;
	for (size_t i = 0; i < known_holders(probe); i++) {
		const struct probe_holder *holder = &probe->holders[i];
		const char *before = i ? ", " : "; attached by one of ";

		if (holder->pid)
			used += (size_t)snprintf(words->text + used, sizeof(words->text) - used,
						 "%s%.16s (pid %" PRIu32 ")", before, holder->comm, holder->pid);
		else
			used += (size_t)snprintf(words->text + used, sizeof(words->text) - used,
						 "%stracefs (no process is known)", before);
	}
	if (probe->holder_count > PROBE_HOLDERS)
		snprintf(words->text + used, sizeof(words->text) - used, " and others");
	return words->text;
}

struct error *evidence_set_advice(struct finding *finding, const struct probe *probe)
{
	struct words function;

	if (!probe || !probe->at_return || !probe->symbol.module || !probe->symbol.function)
		return finding_set_next_step(
			finding,
			"detach uretprobes from this program; plain uprobes at a function's RET instructions are "
			"safe (corelate check names them)");
	return finding_set_next_step(
		finding,
		"detach the uretprobe from %s; plain uprobes at its RET instructions are safe: corelate check %s %s",
		words_probed_function(&function, probe), probe->symbol.module, probe->symbol.function);
}
