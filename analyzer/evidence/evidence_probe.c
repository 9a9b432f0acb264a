/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/evidence_probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool evidence_is_own_probe(const struct probe *probe)
{
	return !probe->at_return && strncmp(probe->attached_comm, "corelated", sizeof(probe->attached_comm)) == 0;
}

const char *words_own_probes(struct words *words, const struct repair *repair)
{
	uint32_t pid = 0;
	size_t count = 0;

	for (size_t i = 0; i < repair->probe_count; i++) {
		if (evidence_is_own_probe(&repair->probes[i])) {
			count++;
			pid = repair->probes[i].attached_pid;
		}
	}
	if (!count)
		return NULL;
	snprintf(words->text, sizeof(words->text),
		 "corelated (pid %" PRIu32 ") watched %zu place%s in this process by plain uprobes", pid, count,
		 count == 1 ? "" : "s");
	return words->text;
}

const struct probe *evidence_probe_of_frame(const struct crash *crash, size_t frame)
{
	const struct thread_stack *stack = crash->stacks.thread_count ? &crash->stacks.threads[0] : NULL;
	const struct probe *only = NULL;
	size_t returns = 0;

	if (!stack || frame >= stack->frame_count)
		return NULL;
	for (size_t i = 0; i < crash->repair.slot_count; i++) {
		const struct repaired_slot *slot = &crash->repair.slots[i];

		if (slot->slot != stack->frames[frame].sp - 8)
			continue;
		for (size_t j = 0; j < crash->repair.probe_count; j++) {
			if (crash->repair.probes[j].address == slot->function)
				return &crash->repair.probes[j];
		}
	}
	/* The probed function jumped to the one on the stack: if only one probe is at a return, it is that one. */
	for (size_t j = 0; j < crash->repair.probe_count; j++) {
		if (crash->repair.probes[j].at_return || crash->repair.probe_count == 1) {
			only = &crash->repair.probes[j];
			returns++;
		}
	}
	return returns == 1 ? only : NULL;
}

const struct probe *evidence_likely_probe(const struct crash *crash)
{
	const struct repair *repair = &crash->repair;
	const struct probe *pending = NULL, *other = NULL;
	size_t count = 0, others = 0;

	for (size_t i = 0; i < repair->probe_count; i++) {
		if (repair->probes[i].at_return) {
			pending = &repair->probes[i];
			count++;
		} else if (!evidence_is_own_probe(&repair->probes[i])) {
			other = &repair->probes[i];
			others++;
		}
	}
	if (count == 1)
		return pending;
	return !count && others == 1 ? other : NULL;
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
	char holder[64] = "";

	if (!probe) {
		snprintf(words->text, sizeof(words->text), "a uretprobe");
		return words->text;
	}
	if (probe->attached_pid)
		snprintf(holder, sizeof(holder), ", attached by %.16s (pid %" PRIu32 ")", probe->attached_comm,
			 probe->attached_pid);
	snprintf(words->text, sizeof(words->text), "a %s on %s%s", probe->at_return ? "uretprobe" : "probe",
		 words_probed_function(&function, probe), holder);
	return words->text;
}

static const char *words_probe_sources(struct words *words, const struct probe *probe)
{
	static const struct {
		enum probe_source source;
		const char *text;
	} rows[] = {
		{PROBE_RECORDED, "pending in the kernel when the process died"},
		{PROBE_IN_TEXT, "its breakpoint is in the dumped text"},
		{PROBE_ON_STACK, "its trampoline is a return address on a stack"},
	};
	size_t used = 0;

	words->text[0] = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (probe->sources & rows[i].source)
			used += (size_t)snprintf(words->text + used, sizeof(words->text) - used, "%s%s",
						 used ? ", " : "", rows[i].text);
	}
	return words->text;
}

struct error *evidence_add_probes(const struct crash *crash, struct finding *finding)
{
	const struct repair *repair = &crash->repair;
	struct error *err = NULL;

	if (repair->trampoline)
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, repair->trampoline,
					   "the kernel's trampoline page for uretprobes is at 0x%" PRIx64 "%s",
					   repair->trampoline,
					   repair->trampoline_recorded ? ", as recorded" : ", told by its shape");
	for (size_t i = 0; i < repair->probe_count && !err; i++) {
		const struct probe *probe = &repair->probes[i];
		struct words words, known;

		if (evidence_is_own_probe(probe))
			continue;
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, probe->address, "%s: %s",
					   words_probe(&words, probe), words_probe_sources(&known, probe));
	}
	if (!err && !repair->probe_count)
		err = finding_add_missing(finding,
					  "which function was probed: no breakpoint is left in the dumped text");
	return err;
}

struct error *evidence_set_advice(struct finding *finding, const struct probe *probe)
{
	struct words function;

	if (!probe || !probe->symbol.module || !probe->symbol.function)
		return finding_set_next_step(
			finding, "detach uretprobes from this program; plain uprobes at the RET instructions of a "
				 "function do no harm (corelate check names them)");
	return finding_set_next_step(
		finding,
		"detach the uretprobe from %s; plain uprobes at its RET instructions do no harm: corelate check %s %s",
		words_probed_function(&function, probe), probe->symbol.module, probe->symbol.function);
}
