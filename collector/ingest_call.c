/* SPDX-License-Identifier: MIT */
/*
 * Calls of probed functions. The kernel side tells arguments; what they mean for a heap is told by the function's role.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "collector/ingest_internal.h"
#include "common/cleanup.h"
#include "schema/writer.h"

/* Texts wait for the return of their call; of more calls than this under way, the oldest lose theirs. */
#define MAX_WAITING_TEXTS 512

struct call_text {
	uint64_t enter_ns; /* with the thread it names the call; 0: free */
	uint32_t tid;
	uint32_t position;
	uint32_t bytes;
	char *text;
};

struct call_texts {
	struct call_text waiting[MAX_WAITING_TEXTS];
	size_t next; /* the oldest */
};

/* ---- functions ---- */

static struct error *add_function(struct ingest *ingest, const struct plan *plan, size_t index, const int64_t *file_ids)
{
	struct plan_function *function = &plan->functions[index];
	struct probed_function row = {
		.recording_id = ingest->recording_id,
		.file_id = file_ids[function->file],
		.offset = function->offset,
		.role = (enum function_role)plan->codes[index].role,
		.name = function->name,
		.signature = function->signature,
		.hole = function->hole,
	};

	ingest->functions[index].role = row.role;
	return store_writer_add_function(ingest->writer, &row, &ingest->functions[index].id);
}

struct error *ingest_add_functions(struct ingest *ingest, const struct plan *plan)
{
	cleanup_free int64_t *file_ids = calloc(plan->file_count + 1, sizeof(*file_ids));
	struct error *err = NULL;

	ingest->functions = calloc(plan->function_count + 1, sizeof(*ingest->functions));
	ingest->texts = calloc(1, sizeof(*ingest->texts));
	if (!ingest->functions || !file_ids || !ingest->texts)
		return &error_no_memory;
	for (size_t i = 0; !err && i < plan->file_count; i++) {
		const struct stat *status = &plan->files[i].identity;
		struct file_identity file = {
			.device_major = major(status->st_dev),
			.device_minor = minor(status->st_dev),
			.inode = status->st_ino,
			.path = plan->files[i].path,
		};

		err = store_writer_add_file(ingest->writer, &file, &file_ids[i]);
	}
	for (size_t i = 0; !err && i < plan->function_count; i++)
		err = add_function(ingest, plan, i, file_ids);
	ingest->function_count = plan->function_count;
	ingest->heap = plan->heap;
	return err;
}

void ingest_free_functions(struct ingest *ingest)
{
	for (size_t i = 0; ingest->texts && i < MAX_WAITING_TEXTS; i++)
		free(ingest->texts->waiting[i].text);
	free(ingest->texts);
	free(ingest->functions);
}

/* ---- coverage ---- */

static void drop_coverage(struct waiting_coverage **at)
{
	struct waiting_coverage *coverage = *at;

	*at = coverage->next;
	free(coverage);
}

/* Sets the process; false for one that must wait, *ret_nobody for one whose process is not known any more. One that
 * began after the end of its process says that no call of it was seen. */
static bool find_covered(struct ingest *ingest, struct waiting_coverage *coverage, bool *ret_nobody)
{
	struct tenant *tenant;

	*ret_nobody = false;
	if (!coverage->pid)
		return true;
	tenant = ingest_find_process(ingest, coverage->pid, coverage->start_ns)
			 ?: ingest_find_ended(ingest, coverage->pid, coverage->start_ns);
	/* The announcement of one that has a start is in front of it: what is not there is gone. One without is known
	 * by its pid alone, and did not begin after the end of who had that. */
	*ret_nobody = tenant ? !coverage->start_ns && tenant->ended && tenant->process.exit_ns <= coverage->row.from_ns
			     : coverage->start_ns != 0;
	if (!tenant || !tenant->process.id || *ret_nobody)
		return false;
	coverage->start_ns = tenant->process.start_ns;
	coverage->row.process_id = tenant->process.id;
	coverage->is_empty = coverage->row.from_ns == INT64_MAX ||
			     (tenant->process.exit_ns && tenant->process.exit_ns <= coverage->row.from_ns);
	return true;
}

struct error *ingest_store_coverage(struct ingest *ingest)
{
	struct waiting_coverage **at = &ingest->coverage;
	struct error *err = NULL;

	while (*at && !err) {
		struct waiting_coverage *coverage = *at;
		bool nobody = false;

		if (!coverage->row.id && find_covered(ingest, coverage, &nobody))
			err = store_writer_add_probe_coverage(ingest->writer, &coverage->row, &coverage->row.id);
		if (nobody)
			drop_coverage(at);
		else
			at = &coverage->next;
	}
	return err;
}

struct error *ingest_take_coverage(struct ingest *ingest, const struct event_coverage *record)
{
	struct waiting_coverage *coverage = calloc(1, sizeof(*coverage));

	if (!coverage)
		return &error_no_memory;
	coverage->next = ingest->coverage;
	coverage->pid = record->header.pid;
	coverage->start_ns = record->start_ns;
	coverage->row = (struct probe_coverage){
		.recording_id = ingest->recording_id, .from_ns = record->header.time_ns, .heap = ingest->heap};
	ingest->coverage = coverage;
	return ingest_store_coverage(ingest);
}

void ingest_settle_coverage(struct ingest *ingest, bool kept)
{
	struct waiting_coverage **at = &ingest->coverage;

	while (*at) {
		if (kept && (*at)->row.id) {
			ingest->uncovered += (*at)->is_empty;
			drop_coverage(at);
			continue;
		}
		(*at)->row.id = 0;
		at = &(*at)->next;
	}
}

uint64_t ingest_uncovered(const struct ingest *ingest)
{
	return ingest->uncovered;
}

void ingest_free_coverage(struct ingest *ingest)
{
	while (ingest->coverage)
		drop_coverage(&ingest->coverage);
}

/* ---- texts ---- */

struct error *ingest_take_call_text(struct ingest *ingest, const struct event_call_text *record)
{
	struct call_text *slot;
	char *text;

	if (!ingest->texts || record->position >= EVENT_CALL_ARGS)
		return error_format(ERROR_INVALID, "the text of no argument");
	if (record->bytes > EVENT_CALL_TEXT_BYTES)
		return NULL; /* it could not be read */
	text = malloc(record->bytes + 1);
	if (!text)
		return &error_no_memory;
	memcpy(text, record->text, record->bytes);
	text[record->bytes] = 0;
	slot = &ingest->texts->waiting[ingest->texts->next++ % MAX_WAITING_TEXTS];
	free(slot->text);
	*slot = (struct call_text){
		.enter_ns = record->enter_ns,
		.tid = record->header.tid,
		.position = record->position,
		.bytes = record->bytes,
		.text = text,
	};
	return NULL;
}

static void take_texts(struct ingest *ingest, struct call_event *event)
{
	for (size_t i = 0; i < MAX_WAITING_TEXTS; i++) {
		struct call_text *slot = &ingest->texts->waiting[i];

		if (slot->enter_ns != event->enter_ns || slot->tid != event->tid || !slot->text)
			continue;
		free(event->texts[slot->position]);
		event->texts[slot->position] = slot->text;
		event->text_bytes[slot->position] = slot->bytes;
		*slot = (struct call_text){0};
	}
}

/* ---- calls ---- */

struct call_parts {
	const struct event_call *call;
	const uint64_t *more_args;	 /* NULL: three arguments are all */
	const struct event_stack *stack; /* or NULL */
};

static struct error *split_record(const struct event_call *record, struct call_parts *ret)
{
	const uint8_t *next = (const uint8_t *)(record + 1);
	size_t left = record->header.size - sizeof(*record);

	*ret = (struct call_parts){.call = record};
	if (record->parts & EVENT_CALL_MORE_ARGS) {
		if (left < 3 * sizeof(uint64_t))
			return error_format(ERROR_INVALID, "a call that is too short");
		ret->more_args = (const void *)next;
		next += 3 * sizeof(uint64_t);
		left -= 3 * sizeof(uint64_t);
	}
	if (record->parts & EVENT_CALL_STACK) {
		if (left < sizeof(struct event_stack))
			return error_format(ERROR_INVALID, "a call that is too short");
		ret->stack = (const void *)next;
	}
	return NULL;
}

static uint64_t product(uint64_t a, uint64_t b)
{
	uint64_t result;

	return __builtin_mul_overflow(a, b, &result) ? UINT64_MAX : result;
}

/* Which argument is what: the functions' own declarations, as enum function_role has them. */
static void describe_heap_call(struct heap_event *event, const struct event_call *call)
{
	const u64 *args = call->args;

	event->block = call->exit_ns ? call->result : 0;
	switch (event->role) {
	case FUNCTION_MALLOC:
	case FUNCTION_NEW:
		event->size = args[0];
		event->alignment = args[1];
		break;
	case FUNCTION_CALLOC:
		event->size = product(args[0], args[1]);
		break;
	case FUNCTION_REALLOC:
		event->old_block = args[0];
		event->size = args[1];
		break;
	case FUNCTION_REALLOCARRAY:
		event->old_block = args[0];
		event->size = product(args[1], args[2]);
		break;
	case FUNCTION_ALIGNED_ALLOC:
		event->alignment = args[0];
		event->size = args[1];
		break;
	case FUNCTION_POSIX_MEMALIGN:
		event->alignment = args[1];
		event->size = args[2];
		break;
	case FUNCTION_FREE:
	case FUNCTION_DELETE:
		event->old_block = args[0];
		event->block = 0;
		event->exit_ns = event->enter_ns;
		break;
	default:
		break;
	}
}

static struct error *take_heap_call(struct ingest *ingest, const struct call_parts *parts, int64_t space_id,
				    int64_t stack_id)
{
	const struct event_call *call = parts->call;
	struct heap_event event = {
		.space_id = space_id,
		.function_id = ingest->functions[call->function].id,
		.role = ingest->functions[call->function].role,
		.tid = call->header.tid,
		.enter_ns = call->enter_ns,
		.exit_ns = call->exit_ns,
		.ip = call->ip,
		.sp = call->sp,
		.top_word = call->top_word,
		.stack_id = stack_id,
	};
	int64_t id;

	describe_heap_call(&event, call);
	return store_writer_add_heap_event(ingest->writer, &event, &id);
}

static struct error *take_plain_call(struct ingest *ingest, const struct call_parts *parts, int64_t space_id,
				     int64_t stack_id)
{
	const struct event_call *call = parts->call;
	struct call_event event = {
		.space_id = space_id,
		.function_id = ingest->functions[call->function].id,
		.tid = call->header.tid,
		.enter_ns = call->enter_ns,
		.exit_ns = call->exit_ns,
		.ip = call->ip,
		.sp = call->sp,
		.top_word = call->top_word,
		.result = call->result,
		.stack_id = stack_id,
	};
	struct error *err;
	int64_t id;

	memcpy(event.args, call->args, sizeof(call->args));
	if (parts->more_args)
		memcpy(event.args + 3, parts->more_args, 3 * sizeof(uint64_t));
	take_texts(ingest, &event);
	err = store_writer_add_call_event(ingest->writer, &event, &id);
	call_event_deinit(&event);
	return err;
}

struct error *ingest_take_call(struct ingest *ingest, const struct event_call *record)
{
	struct call_parts parts;
	struct tenant *tenant;
	int64_t stack_id = 0;
	struct error *err = split_record(record, &parts);

	if (!err && record->function >= ingest->function_count)
		err = error_format(ERROR_INVALID, "a call of function %u, which is not in the plan", record->function);
	if (!err)
		err = ingest_tenant_of(ingest, &record->header, &tenant);
	if (!err && parts.stack && parts.stack->state)
		err = ingest_stack_row(ingest, parts.stack, &stack_id);
	if (err)
		return err;
	if (ingest->functions[record->function].role == FUNCTION_PLAIN ||
	    ingest->functions[record->function].role == FUNCTION_USDT)
		return take_plain_call(ingest, &parts, tenant->space.id, stack_id);
	return take_heap_call(ingest, &parts, tenant->space.id, stack_id);
}
