/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "analyzer/evidence/evidence_mapping.h"

/* The dynamic linker maps its cache too, and what it was asked to load and could not. A file that is not there any more
 * is judged by its name: libx.so, libx.so.6. */
static bool is_library(const struct file_spot *spot)
{
	const char *suffix = strstr(words_base_name(spot->path), ".so");

	if (spot->is_elf)
		return true;
	return suffix && (!suffix[3] || (suffix[3] == '.' && suffix[4] >= '0' && suffix[4] <= '9') || suffix[3] == ' ');
}

const struct life *evidence_unloaded_life(const struct crash *crash)
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

struct error *evidence_add_unloading(const struct crash *crash, struct finding *finding, const struct life *life)
{
	struct words spot;

	return evidence_add_call(crash, &crash->facts.biography, finding, life->born, "loaded")
		?: evidence_add_call(crash, &crash->facts.biography, finding, life->died,
				     evidence_by_dynamic_linker(&crash->facts.biography, life->died)
					     ? "unloaded (dlclose)"
					     : "unloaded")
		?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, crash->facts.fault.address, "0x%" PRIx64 " was %s",
					crash->facts.fault.address, evidence_spot(&spot, &crash->facts.unloaded));
}

struct error *evidence_weigh_unloading(const struct crash *crash, struct finding *finding, const struct life *life)
{
	const struct biography *biography = &crash->facts.biography;
	const struct memory_event *born = &biography->events[life->born];
	struct error *err =
		evidence_weigh(crash, finding, born->enter_ns, "something else may have come and gone there unseen");

	if (!err)
		err = evidence_doubt_order(&crash->facts.biography, finding, life);
	if (!err && !evidence_by_dynamic_linker(&crash->facts.biography, life->died))
		err = evidence_doubt(finding, "it was not the dynamic linker that unmapped the file");
	return err;
}

const char *evidence_unloaded_function(struct words *words, const struct crash *crash)
{
	const struct file_spot *spot = &crash->facts.unloaded;

	if (!spot->path)
		snprintf(words->text, sizeof(words->text), "a library");
	else if (spot->symbol)
		snprintf(words->text, sizeof(words->text), "%s %s", words_base_name(spot->path), spot->symbol);
	else
		snprintf(words->text, sizeof(words->text), "%s", words_base_name(spot->path));
	return words->text;
}

static struct error *add_remains(const struct crash *crash, struct finding *finding)
{
	const struct unload_remains *remains = &crash->facts.remains;
	struct error *err;

	finding->confidence = CONFIDENCE_LIKELY;
	err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, remains->link_map,
				   "the dynamic linker's description of a library%s%s, at 0x%" PRIx64
				   ", says that it had 0x%" PRIx64 "-0x%" PRIx64 "; nothing is mapped there",
				   crash->facts.unloaded.path ? ", " : "", crash->facts.unloaded.path ?: "",
				   remains->link_map, remains->start, remains->end)
		      ?: finding_add_missing(finding, "who unloaded it, and when: nobody recorded it");
	if (!err && !crash->facts.unloaded.path)
		err = finding_add_missing(finding, "the library's name: its place was used again");
	return err;
}

struct error *evidence_tell_remains(const struct crash *crash, struct finding_list *findings, enum finding_class class,
				    const char *did, const char *what)
{
	struct finding *finding;
	struct words name;

	return finding_append(findings, class, &finding)
		?: add_remains(crash, finding)
		?: finding_set_summary(finding,
				       "Thread %" PRIu32 " %s 0x%" PRIx64
				       ", %s of %s that had been unloaded (offset 0x%" PRIx64 " of its range).",
				       evidence_dead_thread(crash), did, crash->facts.fault.address, what,
				       evidence_unloaded_function(&name, crash), crash->facts.unloaded.offset)
		?: evidence_add_fault(crash, finding)
		?: evidence_add_faulting_frame(crash, finding)
		?: finding_set_offender(finding, "%s", evidence_unloaded_function(&name, crash))
		?: finding_set_next_step(finding,
					 "run it under corelate record: then the dlclose has a caller and a time");
}
