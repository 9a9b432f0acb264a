/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/event_stack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "analyzer/core/core_past.h"
#include "analyzer/crash.h"
#include "analyzer/timeline.h"
#include "common/cleanup.h"
#include "schema/reader.h"
#include "schema/reader_maps.h"
#include "schema/reader_stack.h"
#include "schema/record_file.h"
#include "schema/record_memory.h"
#include "schema/record_stack.h"

void event_stack_deinit(struct event_stack *stack)
{
	for (size_t i = 0; i < stack->frame_count; i++)
		symbol_deinit(&stack->frames[i].symbol);
	free(stack->frames);
	free(stack->end_reason);
	*stack = (struct event_stack){0};
}

/* The code of the address space over time. */
struct code {
	struct store_reader *store;
	const struct crash *crash;
	struct memory_event *events;
	size_t event_count;
	struct timeline timeline;
	struct file_identity *files;	      /* of each life; all zeros for lives that are not code */
	int64_t *last_real_ns;		      /* of each life: the last date at which its file was mapped */
	bool *in_core;			      /* of each life: its file was mapped at the end */
	struct core_past_mapping *unrecorded; /* code in the core where the record knows of no file at any time */
	size_t unrecorded_count;
	struct core_past *past;
};

static bool is_code(const struct code *code, size_t life)
{
	const struct life *piece = &code->timeline.lives[life];
	const struct memory_event *born = &code->events[piece->born];

	return born->file_id &&
	       ((born->args[2] & PROT_EXEC) || (piece->protection > 0 && (piece->protection & PROT_EXEC)));
}

static void code_deinit(struct code *code)
{
	for (size_t i = 0; code->files && i < code->timeline.life_count; i++)
		file_identity_deinit(&code->files[i]);
	free(code->files);
	free(code->last_real_ns);
	free(code->in_core);
	free(code->unrecorded);
	timeline_deinit(&code->timeline);
	free(code->events);
	core_past_destroy(code->past);
}

static struct error *load_file(struct code *code, size_t life)
{
	int64_t id = code->events[code->timeline.lives[life].born].file_id;
	struct error *err = store_reader_file(code->store, id, &code->files[life]);

	if (error_catch(&err, ERROR_NOT_FOUND)) {
		code->files[life] = (struct file_identity){0};
		return NULL;
	}
	return err;
}

/* What holds for a file holds for all lives of it. */
static void note_presence(struct code *code)
{
	const struct timeline *timeline = &code->timeline;

	for (size_t i = 0; i < timeline->life_count; i++) {
		uint64_t last_ns = code->crash->record.time_ns;
		int64_t real_ns;

		if (!code->files[i].path)
			continue;
		if (timeline->lives[i].died != TIMELINE_ALIVE)
			last_ns = code->events[timeline->lives[i].died].exit_ns;
		if (!last_ns || !crash_realtime_ns(&code->crash->record.recording, last_ns, &real_ns))
			real_ns = 0;
		for (size_t j = 0; j < timeline->life_count; j++) {
			if (code->events[timeline->lives[i].born].file_id !=
			    code->events[timeline->lives[j].born].file_id)
				continue;
			code->in_core[j] |= timeline->lives[i].died == TIMELINE_ALIVE;
			if (real_ns > code->last_real_ns[j])
				code->last_real_ns[j] = real_ns;
		}
	}
}

static bool was_recorded(const struct code *code, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < code->timeline.life_count; i++) {
		if (start < code->timeline.lives[i].end && end > code->timeline.lives[i].start)
			return true;
	}
	return false;
}

/* A recording that began in mid-life without a snapshot knows of nothing that was there before. */
static struct error *take_unrecorded(struct code *code)
{
	const struct core *core = code->crash->core.image;

	code->unrecorded = calloc(core ? core->file_count + 1 : 1, sizeof(*code->unrecorded));
	if (!code->unrecorded)
		return &error_no_memory;
	for (size_t i = 0; core && i < core->file_count; i++) {
		const struct core_file_mapping *file = &core->files[i];
		const struct core_segment *segment = core_find_segment(core, file->start);

		/* PF_X (elf.h) */
		if (segment && (segment->flags & 1) && !was_recorded(code, file->start, file->end))
			code->unrecorded[code->unrecorded_count++] = (struct core_past_mapping){
				.start = file->start,
				.end = file->end,
				.offset = file->offset,
				.path = file->path,
				.in_core = true,
			};
	}
	return NULL;
}

static struct error *code_init(struct code *code, struct store_reader *store, const struct crash *crash)
{
	const struct core_past_options options = {
		.core = crash->core.image,
		.vdso = crash->record.space.auxv_sysinfo_ehdr,
		.boot_id = crash->record.recording.boot_id,
		.host = crash->core.host,
	};
	uint64_t until_ns = crash->record.time_ns ? crash->record.time_ns : UINT64_MAX;
	struct error *err = core_past_create(&options, &code->past);
	size_t count;

	code->store = store;
	code->crash = crash;
	if (!err)
		err = store_reader_code_events(store, crash->record.space.id, until_ns, &code->events,
					       &code->event_count)
			      ?: timeline_build(code->events, code->event_count, 0, UINT64_MAX, &code->timeline);
	if (err)
		return err;
	count = code->timeline.life_count + 1;
	code->files = calloc(count, sizeof(*code->files));
	code->last_real_ns = calloc(count, sizeof(*code->last_real_ns));
	code->in_core = calloc(count, sizeof(*code->in_core));
	if (!code->files || !code->last_real_ns || !code->in_core)
		return &error_no_memory;
	for (size_t i = 0; i < code->timeline.life_count && !err; i++) {
		if (is_code(code, i))
			err = load_file(code, i);
	}
	if (err)
		return err;
	note_presence(code);
	return take_unrecorded(code);
}

static int compare_mappings(const void *a, const void *b)
{
	const struct core_past_mapping *left = a, *right = b;

	return (left->start > right->start) - (left->start < right->start);
}

/* The code that stood when an event began. A call takes its effect at some moment in it, so what it took away still
 * counts. */
static struct error *find_picture(struct code *code, uint64_t time_ns, const struct core **ret_picture)
{
	const struct timeline *timeline = &code->timeline;
	cleanup_free struct core_past_mapping *mappings = NULL;
	size_t count = 0;

	mappings = calloc(timeline->life_count + code->unrecorded_count + 1, sizeof(*mappings));

	if (!mappings)
		return &error_no_memory;
	for (size_t i = 0; i < timeline->life_count; i++) {
		const struct life *life = &timeline->lives[i];
		const struct memory_event *born = &code->events[life->born];
		uint64_t start, end;

		if (!code->files[i].path || born->enter_ns > time_ns ||
		    (life->died != TIMELINE_ALIVE && code->events[life->died].exit_ns < time_ns))
			continue;
		timeline_added_range(born, &start, &end);
		mappings[count++] = (struct core_past_mapping){
			.start = life->start,
			.end = life->end,
			.offset = born->args[5] + (life->start - start),
			.path = code->files[i].path,
			.device_major = code->files[i].device_major,
			.device_minor = code->files[i].device_minor,
			.inode = code->files[i].inode,
			.last_real_ns = code->last_real_ns[i],
			.in_core = code->in_core[i],
		};
	}
	for (size_t i = 0; i < code->unrecorded_count; i++)
		mappings[count++] = code->unrecorded[i];
	if (count > 0)
		qsort(mappings, count, sizeof(*mappings), compare_mappings);
	return core_past_picture(code->past, mappings, count, ret_picture);
}

/* One event's stack on its way into the unwinder. */
struct slice {
	struct recorded_stack stack;
	uint64_t top_word;
	char end_reason[96];
};

static void describe_end(struct slice *slice)
{
	const struct recorded_stack *stack = &slice->stack;
	const char *words = "no stack was recorded here, only the word on top of it";

	if (stack->state == STACK_UNREADABLE)
		words = "the stack could not be read when the event was recorded";
	else if (stack->state == STACK_SKIPPED)
		words = "no stack was taken, because the recorder's ring was filling up";
	else if (stack->state == STACK_WHOLE && stack->slice_bytes < stack->asked_bytes)
		words = "the stack's memory ends here";
	snprintf(slice->end_reason, sizeof(slice->end_reason), "%s", words);
	if (stack->state == STACK_WHOLE && stack->slice_bytes >= stack->asked_bytes)
		snprintf(slice->end_reason, sizeof(slice->end_reason),
			 "the recorded slice of %" PRIu32 " bytes ends here", stack->slice_bytes);
}

static struct error *load_slice(struct code *code, const struct event_place *place, struct slice *slice,
				struct past_stack *past)
{
	struct error *err = NULL;

	if (place->stack_id)
		err = store_reader_stack(code->store, place->stack_id, &slice->stack);
	if (error_catch(&err, ERROR_NOT_FOUND))
		slice->stack = (struct recorded_stack){0};
	if (err)
		return err;
	describe_end(slice);
	*past = (struct past_stack){
		.ip = place->ip,
		.sp = place->sp,
		.has_registers = slice->stack.state == STACK_WHOLE,
		.slice = slice->stack.slice,
		.slice_bytes = slice->stack.slice ? slice->stack.slice_bytes : 0,
		.trampoline = code->crash->facts.repair.trampoline,
		.end_reason = slice->end_reason,
	};
	memcpy(past->registers, slice->stack.registers, sizeof(past->registers));
	if (!past->trampoline && code->crash->record.has_signal_event)
		past->trampoline = code->crash->record.signal_event.trampoline;
	/* The word on top is recorded apart from the slice; 0 means that it was not read. */
	slice->top_word = place->top_word;
	if (past->slice_bytes < sizeof(slice->top_word) && place->top_word) {
		past->slice = (const uint8_t *)&slice->top_word;
		past->slice_bytes = sizeof(slice->top_word);
	}
	return find_picture(code, place->time_ns, &past->picture);
}

static size_t find_caller(const struct event_stack *stack, bool at_entry)
{
	for (size_t i = at_entry; i < stack->frame_count; i++) {
		if (stack->frames[i].trust == FRAME_LOST)
			break;
		if (stack->frames[i].symbol.module && !event_stack_is_library(&stack->frames[i]))
			return i;
	}
	return stack->frame_count;
}

static struct error *add_notes(const struct code *code, const struct past_result *result,
			       struct crash_notes *notes_of_crash)
{
	struct error *err = NULL;
	char *const *notes;
	size_t count;

	notes = core_past_notes(code->past, &count);
	for (size_t i = 0; i < count && !err; i++)
		err = crash_add_note(notes_of_crash, "%s", notes[i]);
	if (!err && result->failure)
		err = crash_add_note(notes_of_crash, "unwinding recorded stacks did not finish: %s", result->failure);
	return err;
}

static struct error *unwind_all(struct code *code, const struct event_place *places, size_t count, struct slice *slices,
				struct event_stack *stacks, struct crash_notes *notes)
{
	cleanup_free struct past_stack *past = calloc(count, sizeof(*past));
	struct past_request request = {.stacks = past, .count = count, .core = code->crash->core.image};
	struct past_result result = {0};
	struct error *err = past ? NULL : &error_no_memory;

	for (size_t i = 0; i < count && !err; i++)
		err = load_slice(code, &places[i], &slices[i], &past[i]);
	if (!err)
		err = unwind_past(&request, &result);
	for (size_t i = 0; i < count && !err; i++) {
		struct thread_stack *from = &result.stacks[i];

		stacks[i] = (struct event_stack){
			.frames = take_pointer(from->frames),
			.frame_count = from->frame_count,
			.end_reason = take_pointer(from->end_reason),
			.state = slices[i].stack.state,
		};
		from->frame_count = 0;
		stacks[i].caller = find_caller(&stacks[i], places[i].at_entry);
	}
	if (!err)
		err = add_notes(code, &result, notes);
	past_result_deinit(&result);
	return err;
}

struct error *event_stacks_load(struct store_reader *store, const struct crash *crash, const struct event_place *places,
				size_t count, struct crash_notes *notes, struct event_stack *ret_stacks)
{
	cleanup_free struct slice *slices = calloc(count + 1, sizeof(*slices));
	struct code code = {0};
	struct error *err;

	memset(ret_stacks, 0, count * sizeof(*ret_stacks));
	if (!slices)
		return &error_no_memory;
	if (count == 0)
		return NULL;
	err = code_init(&code, store, crash) ?: unwind_all(&code, places, count, slices, ret_stacks, notes);
	for (size_t i = 0; i < count; i++)
		recorded_stack_deinit(&slices[i].stack);
	for (size_t i = 0; i < count && err; i++)
		event_stack_deinit(&ret_stacks[i]);
	code_deinit(&code);
	return err;
}
