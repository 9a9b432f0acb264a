/* SPDX-License-Identifier: MIT */
/*
 * corelate list --group: recorded crashes by bug (signature_group.h). Each crash is explained for it, with its core
 * where that still lies where core_pattern put it; nothing is kept, so that the answer is always that of today's
 * rules. What could not be explained is said. Each is explained by a process of its own, within --time-limit and
 * --memory-limit.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analyzer/causes.h"
#include "analyzer/report/report_stack.h"
#include "analyzer/signature_group.h"
#include "analyzer/words.h"
#include "cli/json.h"
#include "cli/limits.h"
#include "cli/progress.h"
#include "common/cleanup.h"
#include "common/inert.h"
#include "common/vector.h"

#define DEFAULT_LIMIT 200
#define EXAMPLES 3

/* What the process that explained a crash says of it; the summary, without its NUL, follows. Both sides are the same
 * program, so the layout is. */
struct told {
	char id[17];
	struct signature_pair pair;
	char cause_text[sizeof(((struct signatures *)0)->cause_text)];
	char stack_text[sizeof(((struct signatures *)0)->stack_text)];
	enum finding_class class;
	enum finding_confidence confidence;
	int64_t when_ns; /* date; 0 when not known */
	bool without_core;
};

struct explained {
	struct told told;
	char *summary;
};

struct group {
	const struct told
		*named_by; /* the newest with a cause signature, else the newest: whose signatures are the group's */
	enum finding_class class;
	enum finding_confidence confidence; /* the best of them, to which `summary` belongs */
	const char *summary;
	size_t count;
	size_t joined;		     /* how many of them have no cause signature, and are here by their stack */
	int64_t first_ns, last_ns;   /* dates; 0 when not known */
	char examples[EXAMPLES][17]; /* ids of the newest */
	size_t example_count;
};

struct grouping {
	struct explained *crashes; /* newest first */
	size_t explained, without_core, failed;
	struct group *groups; /* in the order of their newest crash, newest first */
	size_t count;
};

static void grouping_deinit(struct grouping *grouping)
{
	for (size_t i = 0; i < grouping->explained; i++)
		free(grouping->crashes[i].summary);
	free(grouping->crashes);
	free(grouping->groups);
}

static void add_crash(struct group *group, const struct explained *crash)
{
	const struct told *told = &crash->told;
	int64_t when_ns = told->when_ns;

	if (!group->named_by || (!group->named_by->pair.cause[0] && told->pair.cause[0]))
		group->named_by = told;
	group->joined += !told->pair.cause[0];
	if (!group->count || when_ns < group->first_ns)
		group->first_ns = when_ns;
	if (!group->count || when_ns > group->last_ns)
		group->last_ns = when_ns;
	if (group->example_count < EXAMPLES)
		memcpy(group->examples[group->example_count++], told->id, sizeof(told->id));
	if (!group->count++ || told->confidence > group->confidence) {
		group->summary = crash->summary;
		group->class = told->class;
		group->confidence = told->confidence;
	}
}

static struct error *make_groups(struct grouping *grouping)
{
	size_t count = grouping->explained;
	cleanup_free struct signature_pair *pairs = calloc(count + 1, sizeof(*pairs));
	cleanup_free size_t *numbers = calloc(count + 1, sizeof(*numbers));
	struct error *err;

	grouping->groups = calloc(count + 1, sizeof(*grouping->groups));
	if (!pairs || !numbers || !grouping->groups)
		return &error_no_memory;
	for (size_t i = 0; i < count; i++)
		pairs[i] = grouping->crashes[i].told.pair;
	err = signature_group(pairs, count, numbers);
	for (size_t i = 0; !err && i < count; i++) {
		add_crash(&grouping->groups[numbers[i]], &grouping->crashes[i]);
		if (grouping->count <= numbers[i])
			grouping->count = numbers[i] + 1;
	}
	return err;
}

/* ---- in a process of its own ---- */

struct task {
	const struct cli_options *options;
	const struct crash_row *row;
};

static struct error *write_told(const struct report *report, bool without_core, FILE *out)
{
	const struct finding *verdict = &report->findings->findings[0];
	const struct crash *crash = report->crash;
	struct told told;

	memset(&told, 0, sizeof(told));
	memcpy(told.id, crash->facts.id, sizeof(told.id));
	memcpy(told.pair.cause, report->signatures.cause, sizeof(told.pair.cause));
	memcpy(told.pair.stack, report->signatures.stack, sizeof(told.pair.stack));
	memcpy(told.pair.any, report->signatures.any, sizeof(told.pair.any));
	snprintf(told.cause_text, sizeof(told.cause_text), "%s", report->signatures.cause_text);
	snprintf(told.stack_text, sizeof(told.stack_text), "%s", report->signatures.stack_text);
	told.class = verdict->class;
	told.confidence = finding_cause_confidence(verdict);
	told.without_core = without_core;
	if (!crash_realtime_ns(&crash->record.recording, crash->record.time_ns, &told.when_ns))
		told.when_ns = 0;
	fwrite(&told, sizeof(told), 1, out);
	fputs(verdict->summary ?: "", out);
	return NULL;
}

/* Nothing is freed: the process ends. */
static struct error *explain_one(void *context, FILE *out)
{
	const struct task *task = context;
	const struct crash_row *row = task->row;
	struct assemble_request request = {
		.signal = row->has_signal ? &row->signal_event : NULL,
		.exit = row->has_exit ? &row->exit : NULL,
	};
	struct finding_list findings = {0};
	struct crash_sources sources;
	struct crash crash = {0};
	struct report report;
	struct crash_core_file file;
	/* A connection to the database is not to be used by two processes. */
	struct error *err = cli_open_sources(task->options, &sources);

	if (err)
		return err;
	request.store = sources.store;
	err = crash_row_open_core(&sources, row, &file);
	if (err)
		return err;
	request.core = file.core;
	request.core_name = file.name;
	if (request.core)
		err = core_find_modules(request.core, NULL);
	err = err ?: assemble_crash(&request, &crash) ?: causes_judge(&crash, &findings);
	if (err)
		return err;
	report_init(&report, &crash, &findings);
	return write_told(&report, !request.core, out);
}

/* ---- of all of them ---- */

/* What the child says is no more to be trusted than the core. */
static bool is_sane(const struct told *told)
{
	return memchr(told->id, 0, sizeof(told->id)) && memchr(told->pair.any, 0, sizeof(told->pair.any)) &&
	       memchr(told->pair.cause, 0, sizeof(told->pair.cause)) &&
	       memchr(told->pair.stack, 0, sizeof(told->pair.stack)) &&
	       memchr(told->cause_text, 0, sizeof(told->cause_text)) &&
	       memchr(told->stack_text, 0, sizeof(told->stack_text)) && (unsigned)told->class < FINDING_CLASS_COUNT &&
	       (unsigned)told->confidence <= CONFIDENCE_PROVEN;
}

static struct error *add_explained(const struct cli_options *options, const struct crash_row *row,
				   struct grouping *grouping)
{
	struct task task = {.options = options, .row = row};
	cleanup_free char *text = NULL;
	struct explained crash;
	size_t size = 0;
	struct error *err = cli_limits_apart(options, row->id[0] ? row->id : row->entry ?: "a crash", explain_one, &task,
					     &text, &size);

	if (err)
		return err;
	if (size < sizeof(crash.told))
		return error_format(ERROR_INVALID, "the process that explained it makes no sense");
	memcpy(&crash.told, text, sizeof(crash.told));
	if (!is_sane(&crash.told))
		return error_format(ERROR_INVALID, "the process that explained it makes no sense");
	crash.summary = strdup(text + sizeof(crash.told));
	if (!crash.summary)
		return &error_no_memory;
	grouping->crashes[grouping->explained++] = crash;
	grouping->without_core += crash.told.without_core;
	return NULL;
}

/* One bad crash does not hide the others. */
static void tell_failure(const struct crash_row *row, struct error *err)
{
	fputs("corelate: ", stderr);
	inert_write(row->id[0] ? row->id : row->entry ?: "a crash", stderr);
	fputs(" is not explained: ", stderr);
	inert_write(err->message, stderr);
	fputc('\n', stderr);
	error_destroy(err);
}

static const char *date(int64_t real_ns, char *out, size_t size)
{
	time_t seconds = real_ns / 1000000000;
	struct tm local;

	if (!real_ns || !localtime_r(&seconds, &local) || !strftime(out, size, "%Y-%m-%d %H:%M:%S", &local))
		snprintf(out, size, "?");
	return out;
}

static void write_text(const struct grouping *grouping)
{
	char first[64], last[64];
	struct words verdict;

	for (size_t i = 0; i < grouping->count; i++) {
		const struct group *group = &grouping->groups[i];

		printf("%zu x  %s  [%s]\n       %s", group->count,
		       words_verdict(&verdict, finding_class_name(group->class),
				     finding_confidence_name(group->confidence)),
		       group->named_by->pair.any, date(group->first_ns, first, sizeof(first)));
		if (group->count > 1)
			printf(" to %s", date(group->last_ns, last, sizeof(last)));
		fputs("\n       ", stdout);
		inert_write(group->summary, stdout);
		if (group->named_by->pair.cause[0] && group->joined)
			printf("\n       %zu of them by their stack alone", group->joined);
		else if (!group->named_by->pair.cause[0] && !group->named_by->pair.stack[0] && group->count > 1)
			fputs("\n       counted by program and signal: neither cause nor stack is known, so this may "
			      "be several bugs",
			      stdout);
		fputs("\n       crashes:", stdout);
		for (size_t j = 0; j < group->example_count; j++)
			printf(" %s", group->examples[j]);
		puts(group->count > group->example_count ? " ..." : "");
	}
}

static json_t *text_or_null(const char *text)
{
	return text[0] ? report_text_json(text) : json_null();
}

static json_t *json_group(const struct group *group)
{
	json_t *object = json_object(), *examples = json_array();
	json_t *summary = json_string(group->summary);

	json_object_set_new(object, "signature", json_string(group->named_by->pair.any));
	json_object_set_new(object, "cause", text_or_null(group->named_by->pair.cause));
	json_object_set_new(object, "cause_text", text_or_null(group->named_by->cause_text));
	json_object_set_new(object, "stack", text_or_null(group->named_by->pair.stack));
	json_object_set_new(object, "stack_text", text_or_null(group->named_by->stack_text));
	json_object_set_new(object, "joined_by_stack",
			    json_integer(group->named_by->pair.cause[0] ? (json_int_t)group->joined : 0));
	json_object_set_new(object, "count", json_integer((json_int_t)group->count));
	json_object_set_new(object, "first_ns", json_integer(group->first_ns));
	json_object_set_new(object, "last_ns", json_integer(group->last_ns));
	json_object_set_new(object, "class", json_string(finding_class_name(group->class)));
	json_object_set_new(object, "confidence", json_string(finding_confidence_name(group->confidence)));
	json_object_set_new(object, "summary", summary ? summary : json_null());
	for (size_t j = 0; j < group->example_count; j++)
		json_array_append_new(examples, json_string(group->examples[j]));
	json_object_set_new(object, "examples", examples);
	return object;
}

static struct error *write_json(const struct cli_options *options, const struct grouping *grouping, size_t left_out)
{
	json_t *root = json_object(), *array = json_array();

	for (size_t i = 0; i < grouping->count; i++)
		json_array_append_new(array, json_group(&grouping->groups[i]));
	json_object_set_new(root, "groups", array);
	json_object_set_new(root, "explained", json_integer((json_int_t)grouping->explained));
	json_object_set_new(root, "without_core", json_integer((json_int_t)grouping->without_core));
	json_object_set_new(root, "failed", json_integer((json_int_t)grouping->failed));
	json_object_set_new(root, "left_out", json_integer((json_int_t)left_out));
	return cli_json_write(options, root);
}

static struct error *read_limit(const struct cli_options *options, size_t *ret)
{
	char *end;
	unsigned long long value;

	*ret = DEFAULT_LIMIT;
	if (!options->limit)
		return NULL;
	errno = 0;
	value = strtoull(options->limit, &end, 10);
	if (errno || end == options->limit || *end || options->limit[0] == '-' || value == 0)
		return error_format(ERROR_INVALID, "--limit takes a number above 0, not '%s'", options->limit);
	*ret = value;
	return NULL;
}

struct error *cli_list_groups(const struct cli_options *options, const struct crash_rows *rows)
{
	struct grouping grouping = {0};
	struct error **failures;
	size_t limit, wanted;
	struct error *err = read_limit(options, &limit);

	if (err)
		return err;
	wanted = rows->count < limit ? rows->count : limit;
	failures = calloc(wanted + 1, sizeof(*failures));
	grouping.crashes = calloc(wanted + 1, sizeof(*grouping.crashes));
	if (!failures || !grouping.crashes) {
		free(failures);
		grouping_deinit(&grouping);
		return &error_no_memory;
	}
	progress_begin("explaining", NULL);
	for (size_t i = 0; i < wanted; i++) { /* newest first */
		progress_count(i + 1, wanted);
		failures[i] = add_explained(options, &rows->rows[i], &grouping);
		grouping.failed += failures[i] != NULL;
	}
	progress_end();
	for (size_t i = 0; i < wanted; i++) {
		if (failures[i])
			tell_failure(&rows->rows[i], failures[i]);
	}
	free(failures);
	err = make_groups(&grouping);
	if (!err && options->json) {
		err = write_json(options, &grouping, rows->count - wanted);
	} else if (!err) {
		write_text(&grouping);
		if (grouping.without_core || grouping.failed || wanted < rows->count)
			fprintf(stderr,
				"%zu crashes explained, %zu of them without their core; %zu could not be explained; "
				"%zu "
				"older ones left out\n",
				grouping.explained, grouping.without_core, grouping.failed, rows->count - wanted);
	}
	grouping_deinit(&grouping);
	return err;
}
