/* SPDX-License-Identifier: MIT */
/*
 * truncated-file: a page of a mapped file was used that lies behind the file's end, because somebody made the file
 * shorter (or mapped more than there was).
 *
 * What is seen: SIGBUS with BUS_ADRERR in a file's mapping. A page exists as long as the file's size reaches into it
 * (Linux mm/filemap.c, filemap_fault). With a record: the call, by any process of the host, that left the file too
 * short. Without: the size that the file has now.
 *
 * What it could be mistaken for: an error of the disk or a full tmpfs, where the file still reaches over the page (then
 * this detector is silent, unless the file was written to since); huge pages that ran out (MAP_HUGETLB); a misaligned
 * access and broken memory, which have other codes. A file that grew again after it was truncated looks whole: only the
 * record tells. truncate(2) names a path, and a record of it tells the file by its name alone: a relative one of
 * another process may name any file, and accuses nobody.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_mapping.h"
#include "replay/effect.h"

#define MAP_HUGETLB_FLAG 0x40000ULL

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

static struct error *judge_loss(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct truncation *call = &story->loss->call;
	const struct memory_event *born = story->life ? &crash->facts.biography.events[story->life->born] : NULL;
	struct error *err;

	finding->confidence = CONFIDENCE_PROVEN;
	err = evidence_weigh_gaps(crash, &crash->facts.biography, finding, call->enter_ns,
				  "the file may have grown and been cut again unseen");
	if (!err && !call->file_id)
		err = evidence_doubt(
			finding, "truncate was given a path, \"%s\": that it is this file is told by its name alone",
			call->path);
	if (!err && born && born->enter_ns > call->exit_ns)
		err = evidence_doubt(finding, "the file was that short already when it was mapped");
	if (!err && call->exit_ns >= crash->record.time_ns)
		err = evidence_doubt(finding, "the call was still under way when the process died");
	if (!err && crash->facts.mapping.file_size_known && !crash->facts.mapping.file_changed_since &&
	    crash->facts.mapping.file_bytes > story->offset)
		err = evidence_doubt(finding, "the file is long enough now: it was made longer again");
	return err;
}

/* Memory with a name of a file has no disk to fail; one of huge pages can run out of them. */
static bool is_memfd(const struct crash *crash, const struct story *story)
{
	const uint64_t huge = 2 << 20;

	return strncmp(story->path, "/memfd:", 7) == 0 && crash->facts.mapping.known &&
	       (crash->facts.mapping.start % huge || crash->facts.mapping.end % huge);
}

static struct error *judge(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct mapping_facts *mapping = &crash->facts.mapping;
	struct error *err;

	if (story->loss)
		return judge_loss(crash, story, finding);
	finding->confidence = (mapping->file_size_known && !mapping->file_changed_since) || is_memfd(crash, story)
				      ? CONFIDENCE_LIKELY
				      : CONFIDENCE_POSSIBLE;
	if (crash->record.known && story->life)
		err = finding_add_counter(finding,
					  "no call that made the file shorter was recorded: it may have been too "
					  "short for its mapping from the beginning");
	else
		err = finding_add_missing(finding, "who made the file shorter, or mapped more than there was: nobody "
						   "recorded it");
	if (!err && mapping->file_changed_since)
		err = finding_add_missing(finding, "the file's size when the process died: it was written to since");
	else if (!err && !mapping->file_size_known)
		err = finding_add_missing(finding,
					  "the file's size: it has no name any more, or the name is another file's; "
					  "an error of the disk or a full tmpfs looks the same");
	return err;
}

static struct error *summarize(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct truncation *call = story->loss ? &story->loss->call : NULL;
	struct words code, when, caller, size;

	if (!call && crash->facts.mapping.file_size_known)
		snprintf(size.text, sizeof(size.text), "which has %" PRIu64 " bytes", crash->facts.mapping.file_bytes);
	else
		snprintf(size.text, sizeof(size.text), "which seems to be shorter");
	if (!call)
		return finding_set_summary(finding, "%s used 0x%" PRIx64 ", a page at offset 0x%" PRIx64 " of %s, %s.",
					   evidence_faulting_code(&code, crash), crash->facts.fault.address,
					   story->offset, story->path, size.text);
	words_context(&caller, &story->loss->context);
	return finding_set_summary(finding,
				   "%s used 0x%" PRIx64 ", a page at offset 0x%" PRIx64
				   " of %s, which %.16s (pid %" PRIu32 ", thread %" PRIu32 ")%s%s had cut to %" PRIu64
				   " bytes %s.",
				   evidence_faulting_code(&code, crash), crash->facts.fault.address, story->offset,
				   story->path, call->comm, call->pid, call->tid, caller.text[0] ? " in " : "",
				   caller.text, call->new_bytes, words_before_crash(&when, crash, call->exit_ns));
}

static struct error *add_loss(const struct crash *crash, const struct file_loss *loss, struct finding *finding)
{
	const struct truncation *call = &loss->call;
	struct words when, caller;
	char from[64] = "";

	if (call->old_bytes != TRUNCATION_SIZE_UNKNOWN)
		snprintf(from, sizeof(from), "from %" PRIu64 " ", call->old_bytes);
	words_context(&caller, &loss->context);
	return finding_add_evidence(finding, EVIDENCE_EVENT, 0, 0,
				    "the file was cut %sto %" PRIu64 " bytes: %s by %.16s (pid %" PRIu32
				    ", thread %" PRIu32 ")%s%s, %s (row %" PRId64 " of the table truncation)",
				    from, call->new_bytes, truncation_how_name(call->how), call->comm, call->pid,
				    call->tid, caller.text[0] ? " in " : "", caller.text,
				    words_before_crash(&when, crash, call->exit_ns), call->id);
}

static struct error *set_offender(const struct crash *crash, const struct story *story, struct finding *finding)
{
	const struct symbol *caller = story->loss ? &story->loss->context.caller : NULL;
	struct words function;

	if (caller && caller->module && caller->function)
		return finding_set_offender(finding, "%s %s", words_base_name(caller->module), caller->function);
	if (story->loss)
		return finding_set_offender(finding, "%.16s %s", story->loss->call.comm,
					    truncation_how_name(story->loss->call.how));
	if (evidence_faulting_function(&function, crash))
		return finding_set_offender(finding, "%s", function.text);
	return NULL;
}

struct error *cause_truncated_file(const struct crash *crash, struct finding_list *findings)
{
	struct finding *finding;
	struct story story;
	struct error *err;

	if (!find_story(crash, &story))
		return NULL;
	err = finding_append(findings, FINDING_TRUNCATED_FILE, &finding)
		?: judge(crash, &story, finding)
		?: summarize(crash, &story, finding);
	if (!err && story.life)
		err = evidence_add_call(crash, &crash->facts.biography, finding, story.life->born, "mapped");
	if (!err && story.loss)
		err = add_loss(crash, story.loss, finding);
	if (!err && crash->facts.mapping.file_size_known)
		err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, crash->facts.fault.address,
					   "%s has %" PRIu64 " bytes now; the page needs more than %" PRIu64,
					   words_base_name(story.path), crash->facts.mapping.file_bytes, story.offset);
	return err
		?: evidence_add_fault(crash, finding)
		?: evidence_add_faulting_frame(crash, finding)
		?: set_offender(crash, &story, finding)
		?: finding_set_next_step(finding,
					 "let writers make a new file and rename it over the old one, instead of "
					 "cutting one that others have mapped");
}
