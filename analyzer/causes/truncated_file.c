/* SPDX-License-Identifier: MIT */
/*
 * truncated-file: a page of a mapped file was accessed that lies behind the file's end, because somebody truncated the
 * file (or mapped more than there was).
 *
 * What is seen: SIGBUS with BUS_ADRERR in a file's mapping. A page exists as long as the file's size reaches into it
 * (Linux mm/filemap.c, filemap_fault). With a record: the call, by any process of the host, that left the file too
 * short. Without: the size that the file has now.
 *
 * What it could be mistaken for: an error of the disk (io-error) or a full tmpfs (no-space), where the file still
 * reaches over the page (then this cause is silent, unless the file was written to since); huge pages that ran out
 * (MAP_HUGETLB); a misaligned access and broken memory, which have other codes. A file that grew again after it was
 * truncated looks whole: only the record tells. A file that was too short when it was mapped (mapped-too-much): then
 * the mapper is to blame, and nobody is accused. truncate(2) names a path, and a record of it tells the file by its
 * name alone (other-file): a relative one of another process may name any file, and accuses nobody.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_culprit.h"
#include "analyzer/evidence/evidence_mapping.h"
#include "analyzer/evidence/link_mapping.h"
#include "analyzer/evidence/link_page.h"
#include "common/array.h"
#include "replay/effect.h"

#define MAP_HUGETLB_FLAG 0x40000ULL

static const char *const page_alternatives[] = {"io-error", "no-space", NULL};

/* The access hit a page of a file's mapping that is behind the file's end. */
const struct link_kind link_page_behind_end = {"page-behind-file-end", FINDING_UNKNOWN, page_alternatives};

static const char *const truncated_alternatives[] = {"other-file", "mapped-too-much", "call-unfinished",
						     "unseen-change", NULL};

/* A recorded call made the file too short. */
const struct link_kind link_file_truncated = {"file-truncated", FINDING_TRUNCATED_FILE, truncated_alternatives};

static const char *const short_alternatives[] = {"mapped-too-much", NULL};

/* None was recorded. */
const struct link_kind link_short_file = {"short-file", FINDING_TRUNCATED_FILE, short_alternatives};

struct story {
	const char *path;
	uint64_t offset;	      /* in the file, of the page */
	const struct life *life;      /* the recorded mapping; NULL for none */
	const struct file_loss *loss; /* the call that did it; NULL: none was recorded */
};

/* A path that was given tells the file when it is the mapped one's, or when the process that died gave it: of another
 * process nobody knows the directory that it stood in. Before the mapping was made the name may have been another
 * file's. */
static bool may_be_it(const struct crash *crash, const struct story *story, const struct truncation *call)
{
	size_t length = strlen(call->path ?: "");

	if (call->file_id)
		return true;
	if (story->life && call->exit_ns < crash->facts.biography.events[story->life->born].enter_ns)
		return false;
	if (call->path && call->path[0] == '/')
		return strncmp(story->path, call->path, length) == 0 &&
		       (!story->path[length] || strcmp(story->path + length, " (deleted)") == 0);
	return call->pid == (crash->record.known ? crash->record.process.pid : crash->facts.pid);
}

/* The last call that left the file too short for the page. */
static const struct file_loss *find_loss(const struct crash *crash, const struct story *story)
{
	const struct life *life = story->life;
	uint64_t offset = story->offset;
	const struct file_loss *fallback = NULL;

	for (size_t i = crash->facts.file_loss_count; i-- > 0;) {
		const struct truncation *call = &crash->facts.file_losses[i].call;

		if (call->how == TRUNCATION_PUNCH || call->new_bytes > offset || !may_be_it(crash, story, call))
			continue;
		/* Who opens a file anew before anybody maps it means to write it: how long it was and became is not
		 * told. */
		if (call->how == TRUNCATION_OPEN && life &&
		    call->exit_ns < crash->facts.biography.events[life->born].enter_ns)
			continue;
		/* One that took the page away is the one; one that found the file too short already is not. */
		if (call->old_bytes == TRUNCATION_SIZE_UNKNOWN || call->old_bytes > offset)
			return &crash->facts.file_losses[i];
		if (!fallback)
			fallback = &crash->facts.file_losses[i];
	}
	return fallback;
}

static bool is_huge(const struct crash *crash, const struct story *story)
{
	const struct memory_event *born = story->life ? &crash->facts.biography.events[story->life->born] : NULL;

	return (born && born->kind == MEMORY_MMAP && (born->args[3] & MAP_HUGETLB_FLAG)) ||
	       strncmp(story->path, "/anon_hugepage", 14) == 0 || strncmp(story->path, "/dev/hugepages", 14) == 0;
}

static bool find_story(const struct crash *crash, struct story *ret)
{
	const struct crash_signal *signal =
		crash->facts.fault.in_handler ? &crash->facts.fault.signal : &crash->facts.signal;
	const struct biography *biography = &crash->facts.biography;
	const struct memory_event *born;

	if (signal->number != SIGBUS || signal->code != BUS_ADRERR || crash->facts.fault.source == ADDRESS_UNKNOWN)
		return false;
	*ret = (struct story){.path = crash->facts.mapping.file.path, .offset = crash->facts.mapping.file.offset};
	ret->life = evidence_life_at_death(crash, &crash->facts.biography);
	if (ret->life && biography->events[ret->life->born].file_id) {
		born = &biography->events[ret->life->born];
		if (biography->contexts[ret->life->born].file)
			ret->path = biography->contexts[ret->life->born].file;
		if (born->kind == MEMORY_MMAP || born->kind == MEMORY_SEEN)
			ret->offset = biography->address - memory_event_effect(born).added_start + born->args[5];
	} else {
		ret->life = NULL;
	}
	if (!ret->path || is_huge(crash, ret))
		return false;
	ret->offset &= ~(RECORD_PAGE_BYTES - 1);
	ret->loss = find_loss(crash, ret);
	/* The file reaches over the page, and nobody was seen to make it shorter: something else went wrong. */
	return ret->loss || !crash->facts.mapping.file_size_known || crash->facts.mapping.file_changed_since ||
	       crash->facts.mapping.file_bytes <= ret->offset;
}

/* ---- the links ---- */

/* Memory with a name of a file has no disk to fail; one of huge pages can run out of them. */
static bool is_memfd(const struct crash *crash, const struct story *story)
{
	const uint64_t huge = 2 << 20;

	return strncmp(story->path, "/memfd:", 7) == 0 && crash->facts.mapping.known &&
	       (crash->facts.mapping.start % huge || crash->facts.mapping.end % huge);
}

static struct error *examine_unsized(const struct crash *crash, const struct story *story, struct finding *finding)
{
	static const char *const names[] = {"io-error", "no-space"};
	struct error *err;

	if (crash->facts.mapping.file_changed_since)
		err = finding_add_missing(finding, "the file's size at the crash: it was written to since");
	else
		err = finding_add_missing(finding,
					  "the file's size: it has no name any more, or the name is another file's");
	if (!err && is_memfd(crash, story))
		return link_rule_out(finding, "io-error", EVIDENCE_MAPPING, 0, crash->facts.mapping.start,
				     "a memfd has no disk")
			       ?: link_leave_unseen(finding, "no-space", "memory may have run out");
	for (size_t i = 0; i < array_size(names) && !err; i++)
		err = link_leave_as_likely(
			finding, names[i],
			"a disk error or a full file system looks the same, and the size is not known");
	return err;
}

/* Only a page behind the file's end, one that cannot be read, and one that there is no room for give this signal. */
static struct error *examine_size(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct mapping_facts *mapping = &crash->facts.mapping;
	static const char text[] = "the page is behind the file's end";

	if (story->loss)
		return link_rule_out(finding, "io-error", EVIDENCE_TRUNCATION, story->loss->call.id, 0, text)
			       ?: link_rule_out(finding, "no-space", EVIDENCE_TRUNCATION, story->loss->call.id, 0,
						text);
	if (mapping->file_size_known && !mapping->file_changed_since)
		return link_rule_out(finding, "io-error", EVIDENCE_FILE, 0, mapping->file_bytes, text)
			       ?: link_rule_out(finding, "no-space", EVIDENCE_FILE, 0, mapping->file_bytes, text);
	return examine_unsized(crash, story, finding);
}

static struct error *append_page(const struct crash *crash, const struct story *story, struct finding *finding)
{
	struct node node = {.kind = NODE_FILE, .start = story->offset, .end = story->offset + RECORD_PAGE_BYTES};
	struct error *err = link_append(finding, &link_page_behind_end, BASIS_COMPUTED, node,
					"the page at offset 0x%" PRIx64 " of %s is behind the file's end",
					story->offset, words_base_name(story->path))
				    ?: link_add_end(crash, finding);

	if (!err && crash->facts.mapping.file_size_known)
		err = finding_add_evidence(finding, EVIDENCE_FILE, 0, story->offset,
					   "%s has %" PRIu64 " bytes now; the page needs more than %" PRIu64,
					   words_base_name(story->path), crash->facts.mapping.file_bytes,
					   story->offset);
	return err ?: examine_size(crash, story, finding);
}

static struct error *add_loss(const struct crash *crash, const struct file_loss *loss, struct finding *finding)
{
	const struct truncation *call = &loss->call;
	struct words when, caller;
	char from[64] = "";

	if (call->old_bytes != TRUNCATION_SIZE_UNKNOWN)
		snprintf(from, sizeof(from), "from %" PRIu64 " ", call->old_bytes);
	words_context(&caller, &loss->context);
	return finding_add_evidence(
		finding, EVIDENCE_TRUNCATION, call->id, 0,
		"truncated %sto %" PRIu64 " bytes: %s by %.16s (pid %" PRIu32 ", thread %" PRIu32 ")%s%s, %s", from,
		call->new_bytes, truncation_how_name(call->how), call->comm, call->pid, call->tid,
		caller.text[0] ? " in " : "", caller.text, words_before_crash(&when, crash, call->exit_ns));
}

static struct error *examine_file(const struct story *story, struct finding *finding)
{
	const struct truncation *call = &story->loss->call;

	if (call->file_id)
		return link_rule_out(finding, "other-file", EVIDENCE_TRUNCATION, call->id, 0,
				     "the call's file is the mapped one, by device and inode");
	return link_leave_open(finding, "other-file",
			       "truncate was given a path, \"%s\": only its name shows that it is this file",
			       call->path);
}

/* Whoever maps more than there is, is to blame himself. */
static bool mapped_afterwards(const struct crash *crash, const struct story *story)
{
	return story->life && crash->facts.biography.events[story->life->born].enter_ns > story->loss->call.exit_ns;
}

static struct error *examine_times(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct mapping_facts *mapping = &crash->facts.mapping;
	const struct truncation *call = &story->loss->call;
	struct error *err;

	if (mapped_afterwards(crash, story))
		err = link_leave_open(finding, "mapped-too-much", "the file was that short already when it was mapped");
	else if (story->life)
		err = link_rule_out(finding, "mapped-too-much", EVIDENCE_EVENT,
				    crash->facts.biography.events[story->life->born].id, 0,
				    "the file was mapped before it was truncated");
	else
		err = finding_add_missing(finding, "when the file was mapped: the call is not recorded")
			      ?: link_leave_unseen(finding, "mapped-too-much",
						   "when the file was mapped is not recorded");
	if (err)
		return err;
	if (call->exit_ns >= crash->record.time_ns)
		err = link_leave_open(finding, "call-unfinished", "the call was still under way when the process died");
	else
		err = link_rule_out(finding, "call-unfinished", EVIDENCE_TRUNCATION, call->id, 0,
				    "the call returned before the crash");
	if (err)
		return err;
	if (mapping->file_size_known && !mapping->file_changed_since && mapping->file_bytes > story->offset)
		return link_leave_open(finding, "unseen-change",
				       "the file is long enough now: it was made longer again");
	return link_examine_coverage(crash, &crash->facts.biography, finding, "unseen-change", call->enter_ns,
				     "the file may have grown and been truncated again unseen");
}

static struct error *append_loss(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct truncation *call = &story->loss->call;
	struct node node = {.kind = NODE_FILE, .start = call->new_bytes, .end = call->new_bytes};

	return link_append(finding, &link_file_truncated, BASIS_OBSERVED, node,
			   "%.16s (pid %" PRIu32 ") truncated it to %" PRIu64 " bytes", call->comm, call->pid,
			   call->new_bytes)
		?: add_loss(crash, story->loss, finding)
		?: examine_file(story, finding)
		?: examine_times(crash, story, finding);
}

static struct error *append_short_file(const struct crash *crash, const struct story *story, struct finding *finding)
{
	struct node node = {.kind = NODE_FILE, .start = crash->facts.mapping.file_bytes};
	struct error *err;

	err = link_append(finding, &link_short_file, BASIS_COMPUTED, node, "the file is shorter than its mapping")
		      ?: finding_add_evidence(finding, EVIDENCE_MAPPING, 0, crash->facts.mapping.start,
					      "%s is mapped up to the page at offset 0x%" PRIx64 " and beyond",
					      words_base_name(story->path), story->offset);
	if (err)
		return err;
	if (crash->record.known && story->life)
		return link_leave_open(
			finding, "mapped-too-much",
			"no call that truncated the file was recorded: it may have been too short from the "
			"beginning");
	return finding_add_missing(finding, "who truncated the file, or mapped more than there was: nobody recorded it")
		       ?: link_leave_unseen(finding, "mapped-too-much",
					    "nobody recorded when the file became too short");
}

/* ---- the sentence ---- */

static struct error *summarize(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct truncation *call = story->loss ? &story->loss->call : NULL;
	struct words code, when, caller, size;
	const char *path = words_base_name(story->path);

	evidence_faulting_code(&code, crash);
	if (!call && crash->facts.mapping.file_size_known)
		snprintf(size.text, sizeof(size.text), "has %" PRIu64 " bytes", crash->facts.mapping.file_bytes);
	else
		snprintf(size.text, sizeof(size.text), "seems to be shorter");
	if (!call)
		return finding_set_summary(finding,
					   "%s accessed 0x%" PRIx64 ", at offset 0x%" PRIx64 " of %s, which %s.",
					   code.text, crash->facts.fault.address, story->offset, path, size.text);
	words_context(&caller, &story->loss->context);
	return finding_set_summary(finding,
				   "%s accessed 0x%" PRIx64 ", at offset 0x%" PRIx64 " of %s, which %.16s (pid %" PRIu32
				   ")%s%s truncated to %" PRIu64 " bytes, %s.",
				   code.text, crash->facts.fault.address, story->offset, path, call->comm, call->pid,
				   caller.text[0] ? " in " : "", caller.text, call->new_bytes,
				   words_before_crash(&when, crash, call->exit_ns));
}

static struct error *accuse(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct symbol *caller = &story->loss->context.caller;
	const struct truncation *call = &story->loss->call;

	if (mapped_afterwards(crash, story))
		return NULL;
	if (caller->module)
		return evidence_accuse_code(finding, caller, EVIDENCE_TRUNCATION, call->id, 0);
	return evidence_accuse_process(finding, call->pid, call->comm, EVIDENCE_TRUNCATION, call->id);
}

/* The call that mapped it. */
static struct error *add_background(const struct crash *crash, const struct story *story, struct finding *finding)
{
	link_begin_background(finding);
	return story->life ? evidence_add_call(crash, &crash->facts.biography, finding, story->life->born, "mapped")
			   : NULL;
}

struct error *cause_truncated_file(const struct crash *crash, struct finding_list *findings)
{
	struct finding *finding;
	struct story story;

	if (!find_story(crash, &story))
		return NULL;
	return finding_append(findings, FINDING_TRUNCATED_FILE, &finding)
		?: append_page(crash, &story, finding)
		?: (story.loss ? append_loss(crash, &story, finding) ?: accuse(crash, &story, finding)
			       : append_short_file(crash, &story, finding))
		?: summarize(crash, &story, finding)
		?: add_background(crash, &story, finding)
		?: finding_set_next_step(finding, "can the writer make a new file and rename it over the old one, instead of "
						  "truncating one that is mapped?");
}
