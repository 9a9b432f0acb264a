/* SPDX-License-Identifier: MIT */
/*
 * The steps that build a crash, as data: what each takes, what it makes, and the order in which they run. A step is one
 * function in a file named for it. It reads the parts that it takes, writes the parts that it makes, and nothing else;
 * it may add notes. What the other functions of assemble/ need they get as arguments, and return what they make.
 *
 * A part is a range of struct assembly. None is made by two steps, and no step takes what no earlier step has made:
 * assemble_check_steps() looks at the list, and a build without NDEBUG runs each step on an assembly that has nothing
 * in it but what the step takes (assemble_run.c).
 */
#ifndef ANALYZER_ASSEMBLE_STEPS_H
#define ANALYZER_ASSEMBLE_STEPS_H

#include <stddef.h>
#include <stdint.h>

#include "analyzer/assemble/assemble.h"

enum assemble_part {
	PART_CORE,
	PART_RECORD,
	PART_PROCESS,
	PART_SIGNAL,
	PART_ID,
	PART_SIGHTING,
	PART_UNWOUND,
	PART_REPAIR,
	PART_REPAIRED,
	PART_STACKS,
	PART_EXCEPTION,
	PART_FAULT,
	PART_INTERRUPTIONS,
	PART_STACK_USES,
	PART_SENDING,
	PART_LAST_WORDS,
	PART_BIOGRAPHY,
	PART_MAPPING,
	PART_ENDED_PAGES,
	PART_PLACES,
	PART_UNLOADED,
	PART_FILE_LOSSES,
	PART_FAILURES,
	PART_PATH,
	PART_OVERRUN,
	PART_BLAME,
	PART_VIEWS,
	PART_CALLERS,
	PART_CHRONICLE,
	PART_HEAP,
	PART_COUNT,
};

#define PART(name) (1ull << PART_##name)

/* The fault as it looks before the stacks are known: the signal frame may be an old one. */
struct assemble_sighting {
	struct interruption interruption;
	struct fault fault;
	struct member_request member; /* what to ask the unwinder of it, but for the registers; no links: nothing */
};

/* The crash while it is built, and what only later steps need. */
struct assembly {
	struct crash crash;
	struct assemble_sighting sighting;
	struct unwind_result unwound;  /* the stacks as they are; empty once they are repaired */
	struct unwind_result repaired; /* without what uretprobes did to them; empty once `stacks` is made */
};

/* `offset` and `bytes`: in struct assembly. A part of no bytes lies behind pointers of others. */
struct assemble_part_range {
	const char *name;
	size_t offset, bytes;
};
extern const struct assemble_part_range assemble_parts[PART_COUNT];

struct assemble_step {
	const char *name;
	uint64_t takes, makes;
	uint64_t uses_up; /* of what it takes: moved into what it makes, for nobody to take again */
	struct error *(*run)(const struct assemble_request *request, struct assembly *assembly);
};

extern const struct assemble_step assemble_steps[];
extern const size_t assemble_step_count;

/* NULL, or an error that names the first step that takes what no earlier step has made, what was used up, or makes what
 * was made before, or a part that nobody makes. */
struct error *assemble_check_steps(const struct assemble_step *steps, size_t count) must_check;

/* Runs them in order, up to the first error. `assembly` is zero before; afterwards its parts are the caller's, also
 * after an error. `step_ns` as in the request. `alone`: each step runs on an assembly in which all parts that it does
 * not take are rubbish; a step that then writes anything but what it makes is an error. */
struct error *assemble_run(const struct assemble_step *steps, size_t count, const struct assemble_request *request,
			   bool alone, struct assembly *assembly) must_check;

/* ---- the steps, in the files of their names ---- */

#define ASSEMBLE_STEP(name)                                                                                            \
	struct error *assemble_##name(const struct assemble_request *request, struct assembly *assembly) must_check
ASSEMBLE_STEP(core);
ASSEMBLE_STEP(record);
ASSEMBLE_STEP(process);
ASSEMBLE_STEP(signal);
ASSEMBLE_STEP(id);
ASSEMBLE_STEP(sighting);
ASSEMBLE_STEP(unwound);
ASSEMBLE_STEP(repair);
ASSEMBLE_STEP(stacks);
ASSEMBLE_STEP(exception);
ASSEMBLE_STEP(fault);
ASSEMBLE_STEP(interruptions);
ASSEMBLE_STEP(stack_uses);
ASSEMBLE_STEP(sending);
ASSEMBLE_STEP(last_words);
ASSEMBLE_STEP(biography);
ASSEMBLE_STEP(mapping);
ASSEMBLE_STEP(ended_pages);
ASSEMBLE_STEP(places);
ASSEMBLE_STEP(unloaded);
ASSEMBLE_STEP(file_losses);
ASSEMBLE_STEP(failures);
ASSEMBLE_STEP(path);
ASSEMBLE_STEP(views);
ASSEMBLE_STEP(callers);
ASSEMBLE_STEP(chronicle);
ASSEMBLE_STEP(overrun);
ASSEMBLE_STEP(blame);
ASSEMBLE_STEP(heap);
#undef ASSEMBLE_STEP

#endif
