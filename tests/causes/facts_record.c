/* SPDX-License-Identifier: MIT */
/* Lines about what was recorded: calls, gaps, files that lost a part. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "tests/causes/facts_parser.h"

/* PR_GET_DUMPABLE: a marker's number is its next argument (marker_has_number()). */
#define MARKER_OPTION_GET_DUMPABLE 3

/* record from TIME | record none */
static void read_record(struct parser *parser)
{
	if (!facts_accept(parser, "none")) {
		facts_expect(parser, "from");
		parser->crash->record.known = true;
		parser->crash->record.recording.started_ns = facts_read_time(parser);
	}
	parser->has_record = true;
}

/* gap CAUSE FROM TO LOST */
static void read_gap(struct parser *parser)
{
	static const char *const causes[] = {"",       "ring-full",    "queue-full",  "quota", "database",
					     "missed", "kernel-state", "unclean-end", "filter"};
	struct crash *crash = parser->crash;
	struct gap gap = {0};
	char word[32];

	facts_read_word(parser, word, sizeof(word));
	for (int i = GAP_RING_FULL; i <= GAP_FILTER; i++) {
		if (strcmp(word, causes[i]) == 0)
			gap.cause = (enum gap_cause)i;
	}
	if (!gap.cause)
		facts_fail(parser, "unknown cause: \"%s\"", word);
	gap.from_ns = facts_read_time(parser);
	gap.to_ns = facts_read_time(parser);
	gap.lost = facts_read_number(parser);
	if (gap.from_ns > gap.to_ns)
		facts_fail(parser, "a gap that ends before it begins");
	crash->record.gaps = reallocarray(crash->record.gaps, crash->record.gap_count + 1, sizeof(gap));
	if (!crash->record.gaps)
		abort();
	crash->record.gaps[crash->record.gap_count++] = gap;
}

/* Which arguments the words of a call are, in the file's order; the others are zero. */
static const struct call_shape {
	const char *name;
	enum memory_kind kind;
	int argument_count;
	bool returns_address; /* else 0 or an error */
} call_shapes[] = {
	{"seen", MEMORY_SEEN, 4, false},
	{"mmap", MEMORY_MMAP, 4, true},
	{"munmap", MEMORY_MUNMAP, 2, false},
	{"mremap", MEMORY_MREMAP, 5, true},
	{"mprotect", MEMORY_MPROTECT, 3, false},
	{"madvise", MEMORY_MADVISE, 3, false},
	{"brk", MEMORY_BRK, 2, true},
	{"shmat", MEMORY_SHMAT, 4, true},
	{"shmdt", MEMORY_SHMDT, 2, false},
};

static void read_call(struct parser *parser, struct memory_event *event)
{
	const struct call_shape *shape = NULL;
	char name[16];

	facts_read_word(parser, name, sizeof(name));
	for (size_t i = 0; i < sizeof(call_shapes) / sizeof(call_shapes[0]); i++) {
		if (strcmp(name, call_shapes[i].name) == 0)
			shape = &call_shapes[i];
	}
	if (!shape)
		facts_fail(parser, "unknown call: \"%s\"", name);
	event->kind = shape->kind;
	facts_expect(parser, "(");
	for (int i = 0; i < shape->argument_count; i++) {
		if (i)
			facts_expect(parser, ",");
		event->args[i] = facts_read_number(parser);
	}
	facts_expect(parser, ")");
	facts_expect(parser, "=");
	event->result = (int64_t)facts_read_number(parser);
	if (!shape->returns_address && event->result > 0)
		facts_fail(parser, "%s returns ok or an error", name);
	if (event->kind == MEMORY_SEEN ? event->enter_ns != event->exit_ns : event->enter_ns > event->exit_ns)
		facts_fail(parser, "the times of %s are the wrong way round", name);
}

/* event ENTER EXIT THREAD CALL(ARGUMENTS) = RESULT [by MODULE [FUNCTION+OFFSET]] [through MODULE FUNCTION+OFFSET]
 * [after-marker N] [before-marker N] */
static void read_event(struct parser *parser, bool seen)
{
	struct memory_event *event = &parser->events[parser->event_count];
	struct event_context *context = &parser->contexts[parser->event_count];
	static int64_t marker_id;

	if (parser->event_count == MAX_EVENTS)
		facts_fail(parser, "too many events");
	*event = (struct memory_event){.id = (int64_t)parser->event_count + 1, .space_id = 1};
	*context = (struct event_context){0};
	event->enter_ns = facts_read_time(parser);
	event->exit_ns = facts_read_time(parser);
	event->tid = (uint32_t)facts_read_number(parser);
	read_call(parser, event);
	if (event->kind != MEMORY_SEEN)
		event->ip = 0x400000;
	if (facts_accept(parser, "file")) {
		char path[128];

		facts_read_word(parser, path, sizeof(path));
		context->file = facts_copy(path);
		event->file_id = 1;
	}
	if (facts_accept(parser, "by"))
		facts_read_caller(parser, &context->caller);
	if (facts_accept(parser, "through"))
		facts_read_caller(parser, &context->at);
	if (facts_accept(parser, "after-marker"))
		context->before = (struct marker){
			.id = ++marker_id, .option = MARKER_OPTION_GET_DUMPABLE, .args = {facts_read_number(parser)}};
	if (facts_accept(parser, "before-marker"))
		context->after = (struct marker){
			.id = ++marker_id, .option = MARKER_OPTION_GET_DUMPABLE, .args = {facts_read_number(parser)}};
	if (event->exit_ns < parser->newest_exit_ns)
		facts_fail(parser, "events are listed in the order in which they returned");
	parser->newest_exit_ns = event->exit_ns;
	if (!seen) {
		symbol_deinit(&context->caller);
		symbol_deinit(&context->at);
		return;
	}
	if (!parser->crash->record.known || event->exit_ns < parser->crash->record.recording.started_ns)
		facts_fail(parser, "nobody recorded yet: write \"unseen\"");
	parser->event_count++;
}

/* truncated open|ftruncate|truncate|punch ENTER EXIT PID COMM OLD NEW [PATH]; OLD may be "unknown" */
static void read_truncation(struct parser *parser)
{
	static const char *const names[] = {"", "open", "ftruncate", "truncate", "punch", "collapse"};
	struct crash *crash = parser->crash;
	struct file_loss loss = {.call = {.file_id = 1}};
	char word[128];

	facts_read_word(parser, word, sizeof(word));
	for (int i = TRUNCATION_OPEN; i <= TRUNCATION_COLLAPSE; i++) {
		if (strcmp(word, names[i]) == 0)
			loss.call.how = (enum truncation_how)i;
	}
	if (!loss.call.how)
		facts_fail(parser, "unknown way to truncate: \"%s\"", word);
	loss.call.id = (int64_t)crash->facts.file_loss_count + 1;
	loss.call.enter_ns = facts_read_time(parser);
	loss.call.exit_ns = facts_read_time(parser);
	loss.call.pid = loss.call.tid = (uint32_t)facts_read_number(parser);
	facts_read_word(parser, word, sizeof(loss.call.comm));
	memcpy(loss.call.comm, word, strlen(word));
	loss.call.old_bytes = facts_accept(parser, "unknown") ? TRUNCATION_SIZE_UNKNOWN : facts_read_number(parser);
	loss.call.new_bytes = facts_read_number(parser);
	word[0] = 0;
	if (!facts_at_end(parser)) {
		facts_read_word(parser, word, sizeof(word));
		loss.call.file_id = 0;
	}
	loss.call.path = facts_copy(word);
	crash->facts.file_losses =
		reallocarray(crash->facts.file_losses, crash->facts.file_loss_count + 1, sizeof(loss));
	if (!crash->facts.file_losses)
		abort();
	crash->facts.file_losses[crash->facts.file_loss_count++] = loss;
}

static void read_seen_event(struct parser *parser)
{
	read_event(parser, true);
}

static void read_unseen_event(struct parser *parser)
{
	read_event(parser, false);
}

bool facts_read_record_line(struct parser *parser, const char *keyword)
{
	static const struct facts_line lines[] = {
		{"record", read_record},	{"gap", read_gap},
		{"event", read_seen_event},	{"unseen", read_unseen_event},
		{"truncated", read_truncation},
	};

	return facts_read_by(lines, sizeof(lines) / sizeof(lines[0]), parser, keyword);
}
