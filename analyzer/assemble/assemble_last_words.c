/* SPDX-License-Identifier: MIT */
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
static void find_panic_place(struct crash *crash, const struct ending *ending)
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
		if (words[count] > 4096 && read_location(crash->core.image, words[count], crash->facts.panic_place,
							 sizeof(crash->facts.panic_place)))
			return;
	}
	crash->facts.panic_place[0] = 0;
}

/* Of the innermost of the runtime's two functions, which is the one that ended the program. */
static void find_go_message(struct crash *crash, const struct ending *ending)
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];

	for (size_t i = ending->first; i + 1 < stack->frame_count && i <= ending->teller; i++) {
		uint64_t start = stack->frames[i].sp, end = stack->frames[i + 1].sp;

		if (ending_is_function(&stack->frames[i], "runtime.gopanic"))
			crash->facts.panic_message = panic_message_of_go(crash->core.image, start, end);
		else if (ending_is_function(&stack->frames[i], "runtime.throw") ||
			 ending_is_function(&stack->frames[i], "runtime.fatal"))
			crash->facts.panic_message = panic_message_of_go_throw(crash->core.image, start, end);
		else
			continue;
		return;
	}
}

void assemble_last_words(struct crash *crash)
{
	const struct thread_stack *stack = crash->facts.stacks.thread_count ? &crash->facts.stacks.threads[0] : NULL;
	struct ending ending;

	ending_find(crash, &ending);
	if (ending.kind == ENDING_TERMINATE)
		thrown_find(crash->core.image, ending.caller != SIZE_MAX ? stack->frames[ending.caller].sp : 0,
			    &crash->facts.thrown);
	if (ending.kind == ENDING_RUST_PANIC && ending.caller != SIZE_MAX) {
		find_panic_place(crash, &ending);
		crash->facts.panic_message = panic_message_of_rust(crash->core.image, stack->frames[ending.first].sp,
								   stack->frames[ending.caller].sp);
	}
	if (ending.kind == ENDING_GO_PANIC || ending.kind == ENDING_GO_THROW)
		find_go_message(crash, &ending);
}
