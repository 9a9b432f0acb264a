/* SPDX-License-Identifier: MIT */
/* Lines about the memory that the fault hangs on, and the lives that are made of the recorded calls. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/cleanup.h"
#include "replay/effect.h"
#include "tests/causes/facts_parser.h"

/* PATH OFFSET [SECTION [SYMBOL+OFFSET]] [relro] */
static void read_spot(struct parser *parser, struct file_spot *spot)
{
	char word[128], *plus;

	facts_read_word(parser, word, sizeof(word));
	spot->path = facts_copy(word);
	spot->offset = facts_read_number(parser);
	if (facts_accept(parser, "."))
		parser->at--;
	else
		return;
	facts_read_word(parser, word, sizeof(word));
	spot->section = facts_copy(word);
	spot->is_elf = true;
	spot->is_relro = facts_accept(parser, "relro");
	if (facts_at_end(parser) || strncmp(parser->at, "size", 4) == 0)
		return;
	facts_read_word(parser, word, sizeof(word));
	plus = strchr(word, '+');
	if (!plus)
		facts_fail(parser, "a symbol comes with its offset: \"%s\"", word);
	*plus = 0;
	spot->symbol = facts_copy(word);
	spot->symbol_offset = strtoull(plus + 1, NULL, 0);
}

/* mapping START END PROT [stack-guard] [zero] [at PATH OFFSET [SECTION [SYMBOL+OFFSET]]] [size BYTES [changed]] */
static void read_mapping(struct parser *parser)
{
	struct mapping_facts *mapping = &parser->crash->facts.mapping;

	mapping->known = true;
	mapping->start = facts_read_number(parser);
	mapping->end = facts_read_number(parser);
	mapping->protection = (int)facts_read_number(parser);
	mapping->guards_stack = facts_accept(parser, "stack-guard");
	if (facts_accept(parser, "at"))
		read_spot(parser, &mapping->file);
	if (facts_accept(parser, "size")) {
		mapping->file_size_known = true;
		mapping->file_bytes = facts_read_number(parser);
		mapping->file_changed_since = facts_accept(parser, "changed");
	}
}

/* path ADDRESS VALUE: the next word on the way of the failing pointer, the nearest first */
static void read_path(struct parser *parser)
{
	struct pointer_path *path = &parser->crash->facts.path;

	if (path->count == POINTER_PATH_WORDS)
		facts_fail(parser, "too many words");
	path->end = PATH_WORD;
	path->is_exact = true;
	path->words[path->count].address = facts_read_number(parser);
	path->words[path->count].value = facts_read_number(parser);
	path->value = path->words[0].value;
	path->count++;
}

/* view source ADDRESS VALUE REGISTER [zero-page | zero-around] [inexact] | view code|nearby ADDRESS [zero-page] */
static void read_view(struct parser *parser)
{
	struct memory_view *view = &parser->crash->facts.views[parser->crash->facts.view_count];

	if (parser->crash->facts.view_count == CRASH_VIEWS)
		facts_fail(parser, "too many views");
	view->role = facts_accept(parser, "code")     ? VIEW_CODE
		     : facts_accept(parser, "nearby") ? VIEW_NEARBY
						      : VIEW_SOURCE;
	if (view->role == VIEW_SOURCE)
		facts_expect(parser, "source");
	view->address = facts_read_number(parser);
	if (view->role == VIEW_SOURCE) {
		view->value = facts_read_number(parser);
		facts_read_word(parser, view->pointer, sizeof(view->pointer));
	}
	view->page_is_zero = facts_accept(parser, "zero-page");
	view->surroundings_are_zero = view->page_is_zero || facts_accept(parser, "zero-around");
	view->is_exact = !facts_accept(parser, "inexact");
	parser->crash->facts.view_count++;
}

static void read_unloaded(struct parser *parser)
{
	read_spot(parser, &parser->crash->facts.unloaded);
}

bool facts_read_memory_line(struct parser *parser, const char *keyword)
{
	static const struct facts_line lines[] = {
		{"mapping", read_mapping},
		{"path", read_path},
		{"view", read_view},
		{"unloaded", read_unloaded},
	};

	return facts_read_by(lines, sizeof(lines) / sizeof(lines[0]), parser, keyword);
}

static bool in_window(const struct memory_event *event, uint64_t start, uint64_t end)
{
	struct memory_effect reach = memory_event_reach(event);

	return memory_effect_overlaps(&reach, start, end);
}

/* As the store answers: the events that changed something in [start, end) and began before the death. Contexts are
 * loaded for those that touch the page. */
static void load_window(struct parser *parser, uint64_t start, uint64_t end, struct biography *biography)
{
	uint64_t page = biography->address & ~(RECORD_PAGE_BYTES - 1);
	uint64_t until_ns = parser->crash->record.time_ns ?: UINT64_MAX;
	cleanup_free struct memory_event *around = calloc(MAX_EVENTS, sizeof(*around));
	size_t around_count = 0;
	struct error *err;

	timeline_deinit(&biography->timeline);
	free(biography->events);
	free(biography->contexts);
	biography->events = calloc(parser->event_count + 1, sizeof(*biography->events));
	biography->contexts = calloc(parser->event_count + 1, sizeof(*biography->contexts));
	if (!biography->events || !biography->contexts || !around)
		abort();
	biography->event_count = 0;
	for (size_t i = 0; i < parser->event_count; i++) {
		if (parser->events[i].enter_ns >= until_ns)
			continue;
		if (in_window(&parser->events[i], start, end))
			biography->events[biography->event_count++] = parser->events[i];
		else
			around[around_count++] = parser->events[i];
	}
	/* As explain does: in the order in which they took effect. */
	err = timeline_sort(biography->events, biography->event_count);
	for (size_t i = 0; i < biography->event_count; i++)
		if (in_window(&biography->events[i], page, page + RECORD_PAGE_BYTES))
			biography->contexts[i] = parser->contexts[biography->events[i].id - 1];
	if (!err)
		err = timeline_build_among(
			biography->events, biography->event_count,
			&(struct timeline_around){around, around_count, parser->crash->record.gap_count > 0}, start,
			end, &biography->timeline);
	if (err)
		facts_fail(parser, "timeline_build: %s", err->message);
	if (parser->crash->facts.fault.mapping_known)
		timeline_note_state(&biography->timeline, biography->address,
				    parser->crash->facts.fault.mapped || parser->crash->facts.fault.mapped_since,
				    parser->crash->facts.mapping.known ? parser->crash->facts.mapping.protection : -1);
}

/* The page first; when its mapping was taken away, all that this call took: the analyzer asks the store in these two
 * steps. */
static void load_life_of(struct parser *parser, uint64_t address, struct biography *biography)
{
	uint64_t page = address & ~(RECORD_PAGE_BYTES - 1);
	const struct life *life;
	uint64_t start, end;

	biography->address = address;
	load_window(parser, page, page + RECORD_PAGE_BYTES, biography);
	life = timeline_last_life(&biography->timeline, biography->address);
	if (!life || life->died == TIMELINE_ALIVE)
		return;
	timeline_removed_range(&biography->events[life->died], &start, &end);
	if (biography->address >= start && biography->address < end)
		load_window(parser, start, end, biography);
}

static void load_biography(struct parser *parser)
{
	if (!parser->crash->record.known || parser->crash->facts.fault.source == ADDRESS_UNKNOWN)
		return;
	parser->crash->facts.has_biography = true;
	load_life_of(parser, parser->crash->facts.fault.address, &parser->crash->facts.biography);
}

/* The biography takes the strings of the contexts over: views get copies. */
static void load_views(struct parser *parser)
{
	struct crash *crash = parser->crash;

	for (size_t i = 0; i < crash->facts.view_count; i++) {
		struct biography *biography = &crash->facts.views[i].biography;

		if (!crash->record.known)
			facts_fail(parser, "a view of what nobody recorded");
		load_life_of(parser, crash->facts.views[i].address, biography);
		for (size_t j = 0; j < biography->event_count; j++) {
			struct event_context *context = &biography->contexts[j];

			context->caller.module = context->caller.module ? facts_copy(context->caller.module) : NULL;
			context->caller.function =
				context->caller.function ? facts_copy(context->caller.function) : NULL;
			context->at.module = context->at.module ? facts_copy(context->at.module) : NULL;
			context->at.function = context->at.function ? facts_copy(context->at.function) : NULL;
			context->file = context->file ? facts_copy(context->file) : NULL;
		}
	}
}

/* Contexts that the biography did not take over still own their strings. */
void facts_drop_unused_contexts(struct parser *parser)
{
	const struct biography *biography = &parser->crash->facts.biography;

	for (size_t i = 0; i < parser->event_count; i++) {
		bool used = false;

		for (size_t j = 0; j < biography->event_count; j++)
			used |= parser->contexts[i].caller.module &&
				biography->contexts[j].caller.module == parser->contexts[i].caller.module;
		for (size_t j = 0; j < biography->event_count; j++)
			used |= parser->contexts[i].file && biography->contexts[j].file == parser->contexts[i].file;
		if (used)
			continue;
		symbol_deinit(&parser->contexts[i].caller);
		symbol_deinit(&parser->contexts[i].at);
		free(parser->contexts[i].file);
	}
}

/* The newest of the thread that died. */
static void load_failures(struct parser *parser)
{
	struct failed_calls *failed = &parser->crash->facts.failed_calls;

	failed->events = calloc(FAILED_CALLS, sizeof(*failed->events));
	failed->contexts = calloc(FAILED_CALLS, sizeof(*failed->contexts));
	if (!failed->events || !failed->contexts)
		abort();
	for (size_t i = 0; i < parser->event_count; i++) {
		const struct memory_event *event = &parser->events[i];
		struct event_context *context = &failed->contexts[failed->count];

		if (!memory_event_failed(event) || event->tid != parser->crash->record.signal_event.tid ||
		    (event->kind != MEMORY_MMAP && event->kind != MEMORY_MREMAP && event->kind != MEMORY_SHMAT))
			continue;
		if (failed->count == FAILED_CALLS)
			facts_fail(parser, "too many failed calls");
		failed->events[failed->count++] = *event;
		if (parser->contexts[i].caller.module)
			context->caller.module = facts_copy(parser->contexts[i].caller.module);
		if (parser->contexts[i].caller.function)
			context->caller.function = facts_copy(parser->contexts[i].caller.function);
	}
}

void facts_finish_memory(struct parser *parser)
{
	load_failures(parser);
	load_views(parser);
	load_biography(parser);
}
