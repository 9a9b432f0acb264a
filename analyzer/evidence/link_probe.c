/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/link_probe.h"

#include <inttypes.h>
#include <stdio.h>

#include "analyzer/evidence/evidence_culprit.h"
#include "analyzer/evidence/evidence_probe.h"
#include "analyzer/words.h"
#include "common/array.h"

const char *const link_taken_alternatives[] = {"other-probe", NULL};

static const char *words_probe_sources(struct words *words, const struct probe *probe)
{
	static const struct {
		enum probe_source source;
		const char *text;
	} rows[] = {
		{PROBE_RECORDED, "its return was pending in the kernel at the crash"},
		{PROBE_IN_TEXT, "its breakpoint is in the dumped text"},
		{PROBE_ON_STACK, "its trampoline replaced the function's return address"},
	};
	size_t used = 0;

	words->text[0] = 0;
	for (size_t i = 0; i < array_size(rows); i++) {
		if (probe->sources & rows[i].source)
			used += (size_t)snprintf(words->text + used, sizeof(words->text) - used, "%s%s",
						 used ? ", " : "", rows[i].text);
	}
	return words->text;
}

static struct error *add_probe(struct finding *finding, const struct probe *probe)
{
	struct words words, known, holders;

	return finding_add_evidence(finding, EVIDENCE_MEMORY, 0, probe->address, "%s: %s%s", words_probe(&words, probe),
				    words_probe_sources(&known, probe), words_possible_holders(&holders, probe));
}

static const struct return_instance *instance_of(const struct crash *crash, uint64_t slot, const struct probe *probe)
{
	for (size_t i = 0; i < crash->record.instance_count; i++) {
		const struct return_instance *instance = &crash->record.instances[i];

		if (instance->stack == slot && instance->function == probe->address)
			return instance;
	}
	return NULL;
}

static struct error *append_probe(const struct crash *crash, struct finding *finding, const struct link_kind *kind,
				  uint64_t slot, const struct probe *probe)
{
	const struct return_instance *instance = instance_of(crash, slot, probe);
	enum evidence_kind cited = instance ? EVIDENCE_INSTANCE : EVIDENCE_MEMORY;
	int64_t id = instance ? instance->id : 0;
	struct node node = {.kind = NODE_PROBE, .start = probe->address};
	struct words words;
	struct error *err;

	err = link_append(finding, kind, instance ? BASIS_OBSERVED : BASIS_COMPUTED, node,
			  "%s replaced the return address at 0x%" PRIx64, words_probe(&words, probe), slot);
	if (!err && instance)
		err = finding_add_evidence(
			finding, cited, id, slot,
			"the kernel had the return of this function pending, with its slot at 0x%" PRIx64
			" and the return address 0x%" PRIx64,
			slot, instance->return_address);
	else if (!err)
		err = finding_add_evidence(finding, cited, id, slot,
					   "the return address at 0x%" PRIx64 " was this function's", slot);
	return err
		?: add_probe(finding, probe)
		?: link_rule_out(finding, "other-probe", cited, id, slot,
				 "the return address was that of this function, and of no other that is probed")
		?: evidence_accuse_probe(finding, probe, cited, id, slot);
}

/* It may be the one, and nothing shows it. */
static struct error *add_candidate(struct finding *finding, const struct probe *probe)
{
	struct words words, holders;

	if (probe->at_return)
		return finding_add_missing(finding, "whether it was %s%s", words_probe(&words, probe),
					   words_possible_holders(&holders, probe));
	return finding_add_missing(
		finding,
		"whether %s is a uretprobe: a plain uprobe has the same breakpoint. corelate record, "
		"or corelate probes while it is attached, tells them apart",
		words_probe(&words, probe));
}

/* The others: those that are uretprobes for certain as background, and where none is accused what may be the one. */
static struct error *add_others(const struct crash *crash, struct finding *finding, const struct probe *accused)
{
	const struct repair *repair = &crash->facts.repair;
	struct error *err = NULL;
	bool has_candidate = false;

	link_begin_background(finding);
	for (size_t i = 0; i < repair->probe_count && !err; i++) {
		const struct probe *probe = &repair->probes[i];

		if (probe == accused || probe->is_plain || evidence_is_own_probe(probe))
			continue;
		if (probe->at_return)
			err = add_probe(finding, probe);
		if (!err && !accused) {
			err = add_candidate(finding, probe);
			has_candidate = true;
		}
	}
	if (!err && !accused && !has_candidate)
		err = finding_add_missing(finding,
					  "which function was probed: no breakpoint is left in the dumped text");
	return err;
}

struct error *link_append_probes(const struct crash *crash, struct finding *finding, const struct link_kind *kind,
				 uint64_t slot, const struct probe *probe)
{
	const struct repair *repair = &crash->facts.repair;
	struct error *err = NULL;

	if (repair->trampoline)
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, repair->trampoline,
					   "the kernel's trampoline page for uretprobes is at 0x%" PRIx64 "%s",
					   repair->trampoline,
					   repair->trampoline_recorded ? ", as recorded" : ", found by its shape");
	if (!err && probe)
		err = append_probe(crash, finding, kind, slot, probe);
	if (!err && probe && probe->holder_count > 1)
		err = finding_add_missing(finding, "which of those who had attached a uretprobe there");
	return err ?: add_others(crash, finding, probe) ?: evidence_set_advice(finding, probe);
}
