/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/link_unloaded.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "analyzer/evidence/evidence_culprit.h"
#include "analyzer/evidence/evidence_mapping.h"
#include "analyzer/evidence/link_mapping.h"
#include "analyzer/evidence/link_page.h"

const char *const link_unloaded_alternatives[] = {"other-unmapping", "wild-address", NULL};
const char *const link_remains_alternatives[] = {"mapped-since", "wild-address", NULL};

/* The dynamic linker maps its cache too, and what it was asked to load and could not. A file that is not there any more
 * is judged by its name: libx.so, libx.so.6. */
static bool is_library(const struct file_spot *spot)
{
	const char *suffix = strstr(words_base_name(spot->path), ".so");

	if (spot->is_elf)
		return true;
	return suffix && (!suffix[3] || (suffix[3] == '.' && suffix[4] >= '0' && suffix[4] <= '9') || suffix[3] == ' ');
}

const struct life *link_unloaded_life(const struct crash *crash)
{
	const struct life *life = biography_before_scratch(&crash->facts.biography, evidence_ended_life(crash));
	const struct memory_event *died;

	if (!life || life->died == TIMELINE_ALIVE || !crash->facts.unloaded.path || !is_library(&crash->facts.unloaded))
		return NULL;
	died = &crash->facts.biography.events[life->died];
	if (died->kind != MEMORY_MUNMAP)
		return NULL;
	if (evidence_by_dynamic_linker(&crash->facts.biography, life->died))
		return life;
	/* A loader of the program's own. */
	return life->protection >= 0 && (life->protection & PROT_EXEC) ? life : NULL;
}

/* The library's file has something there that such an access is for: a function, or data. */
static struct error *examine_address(const struct crash *crash, struct finding *finding)
{
	const struct file_spot *spot = &crash->facts.unloaded;
	struct words words;

	if (spot->is_elf && (spot->symbol || spot->section))
		return link_rule_out(finding, "wild-address", EVIDENCE_FILE, 0, spot->offset, "the address was %s",
				     evidence_spot(&words, spot));
	return link_leave_open(finding, "wild-address",
			       "what was at the address in the library is not known: a wild pointer may have hit it");
}

static struct error *examine_unmapping(const struct crash *crash, const struct life *life, struct finding *finding)
{
	const struct biography *biography = &crash->facts.biography;

	if (evidence_by_dynamic_linker(biography, life->died))
		return link_rule_out(finding, "other-unmapping", EVIDENCE_EVENT, biography->events[life->died].id, 0,
				     "the dynamic linker made the call");
	return link_leave_open(finding, "other-unmapping", "it was not the dynamic linker that unmapped the file");
}

/* Whose dlclose it was. */
static struct error *accuse(const struct crash *crash, const struct life *life, struct finding *finding)
{
	struct error *err;

	if (life->has_other_end && life->other_end != TIMELINE_ALIVE)
		return NULL;
	err = evidence_accuse_caller(finding, &crash->facts.biography, life->died);
	if (err || finding->culprit.kind != CULPRIT_NONE)
		return err;
	return finding_add_missing(finding, "who called dlclose: the recorded stack does not show it");
}

struct error *link_append_unloading(const struct crash *crash, struct finding *finding, const struct link_kind *kind,
				    const struct life *life)
{
	const struct biography *biography = &crash->facts.biography;
	const struct memory_event *died = &biography->events[life->died];
	bool is_linker = evidence_by_dynamic_linker(biography, life->died);
	struct words spot;

	return link_append_ended_mapping(crash, finding, life, biography->events[life->born].enter_ns,
					 "another mapping may have come and gone there unseen")
		?: evidence_add_faulting_frame(crash, finding)
		?: link_append(finding, kind, BASIS_OBSERVED, link_call_node(biography, life->died),
			       "thread %" PRIu32 " unloaded %s", died->tid,
			       words_base_name(crash->facts.unloaded.path))
		?: evidence_add_call(crash, biography, finding, life->died, is_linker ? "unloaded (dlclose)" : "unloaded")
		?: finding_add_evidence(finding, EVIDENCE_FILE, 0, crash->facts.unloaded.offset, "0x%" PRIx64 " was %s",
					crash->facts.fault.address, evidence_spot(&spot, &crash->facts.unloaded))
		?: examine_unmapping(crash, life, finding)
		?: examine_address(crash, finding)
		?: accuse(crash, life, finding);
}

const char *words_unloaded(struct words *words, const struct crash *crash)
{
	const struct file_spot *spot = &crash->facts.unloaded;

	if (!spot->path)
		snprintf(words->text, sizeof(words->text), "a library");
	else if (spot->symbol)
		snprintf(words->text, sizeof(words->text), "%s's %s", words_base_name(spot->path), spot->symbol);
	else
		snprintf(words->text, sizeof(words->text), "%s", words_base_name(spot->path));
	return words->text;
}

static struct error *append_remains(const struct crash *crash, struct finding *finding, const struct link_kind *kind)
{
	const struct unload_remains *remains = &crash->facts.remains;
	struct node node = {.kind = NODE_MAPPING, .start = remains->start, .end = remains->end};
	struct words name;
	struct error *err;

	err = link_append(finding, kind, BASIS_COMPUTED, node, "0x%" PRIx64 " lay in %s, which is not mapped any more",
			  crash->facts.fault.address, words_unloaded(&name, crash))
		      ?: link_add_end(crash, finding)
		      ?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, remains->link_map,
					      "the dynamic linker's freed description (link_map) of %s at 0x%" PRIx64
					      " has 0x%" PRIx64 "-0x%" PRIx64 "; nothing is mapped there",
					      crash->facts.unloaded.path ?: "a library", remains->link_map,
					      remains->start, remains->end)
		      ?: examine_address(crash, finding)
		      ?: finding_add_missing(finding, "who unloaded it, and when: nobody recorded it")
		      ?: link_leave_unseen(finding, "mapped-since",
					   "another mapping may have come and gone there: nobody recorded it");
	if (!err && !crash->facts.unloaded.path)
		err = finding_add_missing(finding, "the library's name: its memory was used again");
	return err;
}

struct error *link_tell_remains(const struct crash *crash, struct finding_list *findings, const struct link_kind *kind,
				const char *did, const char *what)
{
	struct finding *finding;
	struct words name;

	return finding_append(findings, kind->class, &finding)
		?: append_remains(crash, finding, kind)
		?: finding_set_summary(finding,
				       "Thread %" PRIu32 " %s 0x%" PRIx64 ", %s of %s, which had been unloaded (offset 0x%" PRIx64
				       " in it).",
				       evidence_dead_thread(crash), did, crash->facts.fault.address, what,
				       words_unloaded(&name, crash), crash->facts.unloaded.offset)
		?: finding_set_next_step(finding,
					 "run it under corelate record: the record shows who called dlclose, and when");
}
