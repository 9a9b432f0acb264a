/* SPDX-License-Identifier: MIT */
/* What the runtime that ended the process had to say. */
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/facts/ending.h"
#include "analyzer/assemble/assemble_steps.h"
#include "analyzer/facts/panic_message.h"

#define PLACE_SEARCH_BYTES 4096
#define FILE_NAME_MAX 200

/* A core::panic::Location in read-only memory: the file's name and its length, the line, the column. Rust gives a
 * reference to one down from the panic (library/core/src/panic/location.rs). */
static bool read_location(const struct core *core, uint64_t address, char *out, size_t size)
{
	const struct core_segment *segment = core_find_segment(core, address);
	struct {
		uint64_t name, length;
		uint32_t line, column;
	} location;
	char name[FILE_NAME_MAX + 1];

	if (!segment || segment->flags & PF_X || address % 8 ||
	    core_read(core, address, &location, sizeof(location)) < sizeof(location) || location.length < 4 ||
	    location.length > FILE_NAME_MAX || !location.line || location.line > 1000000 || !location.column ||
	    location.column > 10000 || core_read(core, location.name, name, location.length) < location.length)
		return false;
	name[location.length] = 0;
	if (strlen(name) != location.length || strcmp(name + location.length - 3, ".rs") != 0)
		return false;
	for (size_t i = 0; i < location.length; i++) {
		if ((unsigned char)name[i] < ' ')
			return false;
	}
	return snprintf(out, size, "%s:%u:%u", name, location.line, location.column) < (int)size;
}

/* The nearest to the program's own frame is the panic's: it was handed down from there. */
static void find_panic_place(const struct crash *crash, const struct ending *ending, char *out, size_t size)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];
	uint64_t words[PLACE_SEARCH_BYTES / 8], end = stack->frames[ending->caller].sp, start;
	size_t count;

	start = end - stack->frames[ending->first].sp < sizeof(words) ? stack->frames[ending->first].sp
								      : end - sizeof(words);
	if (start >= end)
		return;
	count = core_read_dumped(crash->core.image, start, words, end - start) / 8;
	while (count-- > 0) {
		if (words[count] > 4096 && read_location(crash->core.image, words[count], out, size))
			return;
	}
	out[0] = 0;
}

/* Of the innermost of the runtime's two functions, which is the one that ended the program. */
static char *find_go_message(const struct crash *crash, const struct ending *ending)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];

	for (size_t i = ending->first; i + 1 < stack->frame_count && i <= ending->teller; i++) {
		uint64_t start = stack->frames[i].sp, end = stack->frames[i + 1].sp;

		if (ending_is_function(&stack->frames[i], "runtime.gopanic"))
			return panic_message_of_go(crash->core.image, start, end);
		if (ending_is_function(&stack->frames[i], "runtime.throw") ||
		    ending_is_function(&stack->frames[i], "runtime.fatal"))
			return panic_message_of_go_throw(crash->core.image, start, end);
	}
	return NULL;
}

struct error *assemble_last_words(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;
	struct crash_facts *facts = &assembly->crash.facts;
	struct ending ending;

	(void)request;
	if (!crash->core.image)
		return NULL;
	ending_find(crash, &ending);
	if (ending.kind == ENDING_TERMINATE)
		thrown_find(crash->core.image, ending.caller != SIZE_MAX ? stack->frames[ending.caller].sp : 0,
			    &facts->thrown);
	if (ending.kind == ENDING_RUST_PANIC && ending.caller != SIZE_MAX) {
		find_panic_place(crash, &ending, facts->panic_place, sizeof(facts->panic_place));
		facts->panic_message = panic_message_of_rust(crash->core.image, stack->frames[ending.first].sp,
							     stack->frames[ending.caller].sp);
	}
	if (ending.kind == ENDING_GO_PANIC || ending.kind == ENDING_GO_THROW)
		facts->panic_message = find_go_message(crash, &ending);
	return NULL;
}
