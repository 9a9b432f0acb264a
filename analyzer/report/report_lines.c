/* SPDX-License-Identifier: MIT */
#include "analyzer/report/report_lines.h"

#include <stdlib.h>

static int compare_lines(const void *a, const void *b)
{
	const struct report_line *left = a, *right = b;

	if (left->time_ns != right->time_ns)
		return left->time_ns < right->time_ns ? -1 : 1;
	if (left->event != right->event)
		return left->event < right->event ? -1 : 1;
	if (left->told || right->told)
		return (left->told > right->told) - (left->told < right->told);
	return !left->marker || left->marker->id == right->marker->id ? 0
	       : left->marker->id < right->marker->id		      ? -1
								      : 1;
}

static bool is_new_marker(const struct crash *crash, const struct report_line *lines, size_t count,
			  const struct marker *marker)
{
	if (!marker->id || (crash->record.time_ns && marker->enter_ns > crash->record.time_ns))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (lines[i].marker && lines[i].marker->id == marker->id)
			return false;
	}
	return true;
}

static void add_marker(const struct crash *crash, struct report_line *lines, size_t *count, const struct marker *marker)
{
	if (is_new_marker(crash, lines, *count, marker))
		lines[(*count)++] = (struct report_line){marker->exit_ns, SIZE_MAX, marker, NULL};
}

struct report_line *report_lines_collect(const struct crash *crash, size_t skip, size_t limit, size_t *ret_count)
{
	const struct biography *biography = &crash->facts.biography;
	const struct chronicle *chronicle = &crash->facts.chronicle;
	struct report_line *lines = calloc(3 * (limit + chronicle->count) + 1, sizeof(*lines));
	size_t count = 0;

	for (size_t i = 0; lines && i < biography->event_count; i++) {
		const struct event_context *context = &biography->contexts[i];

		if (!timeline_touches_page(&biography->events[i], biography->address) || (skip && skip--))
			continue;
		add_marker(crash, lines, &count, &context->before);
		lines[count++] = (struct report_line){biography->events[i].exit_ns, i, NULL, NULL};
		add_marker(crash, lines, &count, &context->after);
	}
	for (size_t i = 0; lines && i < chronicle->count; i++) {
		const struct told_call *told = &chronicle->calls[i];

		add_marker(crash, lines, &count, &told->before);
		lines[count++] = (struct report_line){told_call_time(told), SIZE_MAX, NULL, told};
		add_marker(crash, lines, &count, &told->after);
	}
	if (count)
		qsort(lines, count, sizeof(*lines), compare_lines);
	*ret_count = count;
	return lines;
}
