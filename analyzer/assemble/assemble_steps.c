/* SPDX-License-Identifier: MIT */
#include "analyzer/assemble/assemble_steps.h"

#include "common/array.h"

#define RANGE(part, first, last)                                                                                       \
	{                                                                                                              \
		part, offsetof(struct assembly, first),                                                                \
			offsetof(struct assembly, last) + sizeof(((struct assembly *)0)->last) -                       \
				offsetof(struct assembly, first)                                                       \
	}
#define MEMBER(part, member) RANGE(part, member, member)
#define FACTS(part, first, last) RANGE(part, crash.facts.first, crash.facts.last)

const struct assemble_part_range assemble_parts[PART_COUNT] = {
	[PART_CORE] = MEMBER("core", crash.core),
	[PART_RECORD] = MEMBER("record", crash.record),
	[PART_PROCESS] = FACTS("process", pid, registers),
	[PART_SIGNAL] = FACTS("signal", signal, signal),
	[PART_ID] = FACTS("id", id, id),
	[PART_SIGHTING] = MEMBER("sighting", sighting),
	[PART_UNWOUND] = MEMBER("unwound", unwound),
	[PART_REPAIR] = FACTS("repair", repair, repair),
	[PART_REPAIRED] = MEMBER("repaired", repaired),
	[PART_STACKS] = FACTS("stacks", stacks, goroutine),
	[PART_EXCEPTION] = FACTS("exception", exception, exception),
	[PART_FAULT] = FACTS("fault", interruption, fault),
	[PART_INTERRUPTIONS] = FACTS("interruptions", interruptions, interruption_count),
	[PART_STACK_USES] = FACTS("stack-uses", stack_uses, stack_use_count),
	[PART_SENDING] = FACTS("sending", sending, sending),
	[PART_LAST_WORDS] = FACTS("last-words", thrown, panic_message),
	[PART_BIOGRAPHY] = FACTS("biography", has_biography, biography),
	[PART_MAPPING] = FACTS("mapping", mapping, mapping),
	[PART_ENDED_PAGES] = FACTS("ended-pages", place_records, place_record_count),
	[PART_PLACES] = FACTS("places", fault_place, pointer_count),
	[PART_UNLOADED] = FACTS("unloaded", unloaded, remains),
	[PART_FILE_LOSSES] = FACTS("file-losses", file_losses, file_loss_count),
	[PART_FAILURES] = FACTS("failures", failed_calls, failed_calls),
	[PART_PATH] = FACTS("path", path, path),
	[PART_OVERRUN] = FACTS("overrun", overrun, overrun),
	[PART_BLAME] = FACTS("blame", blame, blame),
	[PART_VIEWS] = FACTS("views", views, view_count),
	/* In the contexts of biography, views, file losses and failures. */
	[PART_CALLERS] = {"callers", 0, 0},
	[PART_CHRONICLE] = FACTS("chronicle", chronicle, chronicle),
	[PART_HEAP] = FACTS("heap", heap, heap),
};

#define TELLS_WHO (PART(CORE) | PART(RECORD) | PART(PROCESS) | PART(SIGNAL))
/* What place_of() looks at. */
#define TELLS_PLACE (PART(CORE) | PART(BIOGRAPHY) | PART(ENDED_PAGES))
/* What the stacks of recorded events are unwound with. */
#define TELLS_EVENT (PART(CORE) | PART(RECORD) | PART(REPAIR))

const struct assemble_step assemble_steps[] = {
	{"core", 0, PART(CORE), 0, assemble_core},
	{"record", PART(CORE), PART(RECORD), 0, assemble_record},
	{"process", PART(CORE) | PART(RECORD), PART(PROCESS), 0, assemble_process},
	{"signal", PART(CORE) | PART(RECORD) | PART(PROCESS), PART(SIGNAL), 0, assemble_signal},
	{"id", TELLS_WHO, PART(ID), 0, assemble_id},
	{"sighting", PART(CORE) | PART(PROCESS) | PART(SIGNAL), PART(SIGHTING), 0, assemble_sighting},
	{"unwound", PART(CORE) | PART(SIGHTING), PART(UNWOUND), 0, assemble_unwound},
	{"repair", PART(CORE) | PART(RECORD) | PART(SIGHTING) | PART(UNWOUND), PART(REPAIR) | PART(REPAIRED),
	 PART(UNWOUND), assemble_repair},
	{"stacks", PART(CORE) | PART(PROCESS) | PART(REPAIRED), PART(STACKS), PART(REPAIRED), assemble_stacks},
	{"exception", PART(CORE) | PART(STACKS), PART(EXCEPTION), 0, assemble_exception},
	{"fault", PART(CORE) | PART(PROCESS) | PART(SIGNAL) | PART(SIGHTING) | PART(STACKS), PART(FAULT), 0,
	 assemble_fault},
	{"interruptions", PART(CORE) | PART(STACKS) | PART(FAULT), PART(INTERRUPTIONS), 0, assemble_interruptions},
	{"stack-uses", PART(CORE) | PART(PROCESS) | PART(SIGNAL) | PART(STACKS) | PART(INTERRUPTIONS), PART(STACK_USES),
	 0, assemble_stack_uses},
	{"sending", PART(CORE) | PART(RECORD) | PART(SIGNAL) | PART(STACKS), PART(SENDING), 0, assemble_sending},
	{"last-words", TELLS_WHO | PART(STACKS) | PART(INTERRUPTIONS) | PART(SENDING), PART(LAST_WORDS), 0,
	 assemble_last_words},
	{"biography", PART(CORE) | PART(RECORD) | PART(FAULT), PART(BIOGRAPHY), 0, assemble_biography},
	{"mapping", PART(CORE) | PART(PROCESS) | PART(SIGNAL) | PART(FAULT) | PART(RECORD) | PART(BIOGRAPHY),
	 PART(MAPPING), 0, assemble_mapping},
	{"ended-pages", PART(CORE) | PART(RECORD) | PART(FAULT) | PART(BIOGRAPHY), PART(ENDED_PAGES), 0,
	 assemble_ended_pages},
	{"places", TELLS_PLACE | PART(RECORD) | PART(FAULT), PART(PLACES), 0, assemble_places},
	{"unloaded", PART(CORE) | PART(RECORD) | PART(FAULT) | PART(BIOGRAPHY) | PART(PLACES), PART(UNLOADED), 0,
	 assemble_unloaded},
	{"file-losses", PART(RECORD) | PART(SIGNAL) | PART(FAULT) | PART(BIOGRAPHY), PART(FILE_LOSSES), 0,
	 assemble_file_losses},
	{"failures", PART(RECORD), PART(FAILURES), 0, assemble_failures},
	{"path", PART(CORE) | PART(PROCESS) | PART(FAULT) | PART(STACKS), PART(PATH), 0, assemble_path},
	{"views", TELLS_PLACE | PART(RECORD) | PART(PROCESS) | PART(FAULT) | PART(PLACES) | PART(PATH), PART(VIEWS), 0,
	 assemble_views},
	{"callers", TELLS_EVENT | PART(BIOGRAPHY) | PART(VIEWS) | PART(FILE_LOSSES) | PART(FAILURES), PART(CALLERS), 0,
	 assemble_callers},
	{"chronicle", TELLS_EVENT, PART(CHRONICLE), 0, assemble_chronicle},
	{"overrun", PART(CORE) | PART(STACKS) | PART(FAULT) | PART(PATH), PART(OVERRUN), 0, assemble_overrun},
	{"blame", PART(CORE) | PART(PROCESS) | PART(STACKS) | PART(FAULT) | PART(INTERRUPTIONS) | PART(OVERRUN),
	 PART(BLAME), 0, assemble_blame},
	{"heap",
	 TELLS_WHO | TELLS_PLACE | TELLS_EVENT | PART(STACKS) | PART(FAULT) | PART(PLACES) | PART(PATH) | PART(OVERRUN),
	 PART(HEAP), 0, assemble_heap},
};
_Static_assert(array_size(assemble_steps) <= ASSEMBLE_STEPS_MAX, "more steps than times");
const size_t assemble_step_count = array_size(assemble_steps);
