/* SPDX-License-Identifier: MIT */
/*
 * Time runs to the right, addresses run upwards. Times are not drawn to scale: calls of a microsecond and pauses of
 * hours would not fit one picture; each call that made or took away a mapping gets one column, in the order of time,
 * and says when it was.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "analyzer/report/report_html.h"
#include "analyzer/report/report_markup.h"
#include "analyzer/words.h"
#include "common/cleanup.h"

#define EVENTS_MAX 24
#define EVENT_WIDTH 48
#define MARKER_WIDTH 34
#define LEFT 150
#define TOP 24
#define HEIGHT 200
#define BELOW 96

/* An event at which a life begins or ends, or a marker beside one. */
struct column {
	uint64_t time_ns;
	size_t event; /* SIZE_MAX for a marker */
	const struct marker *marker;
	double x;
};

struct picture {
	const struct crash *crash;
	const struct timeline *timeline;
	struct column columns[3 * EVENTS_MAX];
	size_t column_count;
	size_t first_event; /* the oldest one that has a column */
	double crash_x;
};

static int compare_indexes(const void *a, const void *b)
{
	size_t left = *(const size_t *)a, right = *(const size_t *)b;

	return left < right ? -1 : left > right;
}

static int compare_columns(const void *a, const void *b)
{
	const struct column *left = a, *right = b;

	if (left->time_ns != right->time_ns)
		return left->time_ns < right->time_ns ? -1 : 1;
	return left->event < right->event ? -1 : left->event > right->event;
}

static void add_marker(struct picture *picture, const struct marker *marker)
{
	if (!marker->id || (picture->crash->record.time_ns && marker->enter_ns > picture->crash->record.time_ns))
		return;
	for (size_t i = 0; i < picture->column_count; i++) {
		if (picture->columns[i].marker && picture->columns[i].marker->id == marker->id)
			return;
	}
	picture->columns[picture->column_count++] =
		(struct column){.time_ns = marker->exit_ns, .event = SIZE_MAX, .marker = marker};
}

static void place_columns(struct picture *picture)
{
	double x = LEFT;

	qsort(picture->columns, picture->column_count, sizeof(picture->columns[0]), compare_columns);
	for (size_t i = 0; i < picture->column_count; i++) {
		double width = picture->columns[i].marker ? MARKER_WIDTH : EVENT_WIDTH;

		picture->columns[i].x = x + width / 2;
		x += width;
	}
	picture->crash_x = x + EVENT_WIDTH / 2.0;
}

/* The newest events of lives, and the markers around them. */
static bool choose_columns(struct picture *picture)
{
	const struct timeline *timeline = picture->timeline;
	cleanup_free size_t *all = calloc(2 * timeline->life_count + 1, sizeof(*all));
	size_t count = 0, kept = 0;

	if (!all)
		return false;
	for (size_t i = 0; i < timeline->life_count; i++) {
		all[count++] = timeline->lives[i].born;
		if (timeline->lives[i].died != TIMELINE_ALIVE)
			all[count++] = timeline->lives[i].died;
	}
	qsort(all, count, sizeof(*all), compare_indexes);
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || all[kept - 1] != all[i])
			all[kept++] = all[i];
	}
	for (size_t i = kept > EVENTS_MAX ? kept - EVENTS_MAX : 0; i < kept; i++) {
		const struct event_context *context = &picture->crash->facts.biography.contexts[all[i]];

		if (picture->column_count == 0)
			picture->first_event = all[i];
		picture->columns[picture->column_count++] =
			(struct column){.time_ns = timeline->events[all[i]].exit_ns, .event = all[i]};
		add_marker(picture, &context->before);
		add_marker(picture, &context->after);
	}
	place_columns(picture);
	return picture->column_count > 0;
}

/* Where an event stands; the left edge for those that have no column. */
static double x_of(const struct picture *picture, size_t event)
{
	for (size_t i = 0; i < picture->column_count; i++) {
		if (picture->columns[i].event == event)
			return picture->columns[i].x;
	}
	return LEFT;
}

static double y_of(const struct picture *picture, uint64_t address)
{
	const struct timeline *timeline = picture->timeline;
	double part = (double)(address - timeline->start) / (double)(timeline->end - timeline->start);

	return TOP + HEIGHT * (1 - part);
}

static void draw_life(const struct picture *picture, const struct life *life, const struct life *fatal, FILE *out)
{
	double from = x_of(picture, life->born);
	double to = life->died == TIMELINE_ALIVE ? picture->crash_x : x_of(picture, life->died);
	double top = y_of(picture, life->end), bottom = y_of(picture, life->start);
	struct words words, caller;

	if (life->died < picture->first_event)
		return;
	fprintf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"2\"><title>",
		life == fatal		       ? "fatal"
		: life->died == TIMELINE_ALIVE ? "alive"
					       : "ended",
		from, top, to - from > 3 ? to - from : 3, bottom - top > 2 ? bottom - top - 1 : 2);
	markup_html_format(out, "0x%" PRIx64 "-0x%" PRIx64 ": ", life->start, life->end);
	markup_html(words_call(&words, &picture->timeline->events[life->born]), out);
	fputs(", by ", out);
	markup_html(words_caller(&caller, &picture->crash->facts.biography, life->born), out);
	if (life->died != TIMELINE_ALIVE) {
		fputs("; ended by ", out);
		markup_html(words_call(&words, &picture->timeline->events[life->died]), out);
		fputs(", ", out);
		markup_html(words_caller(&caller, &picture->crash->facts.biography, life->died), out);
	}
	fputs("</title></rect>\n", out);
}

static void draw_event(const struct picture *picture, const struct column *column, FILE *out)
{
	const struct memory_event *event = &picture->timeline->events[column->event];
	bool listed = timeline_touches_page(event, picture->crash->facts.biography.address);
	struct words duration;

	if (listed)
		fprintf(out, "<a href=\"#event-%" PRId64 "\">", event->id);
	fprintf(out, "<text x=\"%.1f\" y=\"%d\" transform=\"rotate(-50 %.1f %d)\" text-anchor=\"end\">%s", column->x,
		TOP + HEIGHT + 16, column->x, TOP + HEIGHT + 16, memory_kind_name(event->kind));
	if (picture->crash->record.time_ns >= event->exit_ns)
		fprintf(out, " %s", words_duration(&duration, picture->crash->record.time_ns - event->exit_ns));
	fputs(listed ? "</text></a>\n" : "</text>\n", out);
	fprintf(out, "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", column->x, column->x,
		TOP + HEIGHT, TOP + HEIGHT + 6);
}

static void draw_marker(const struct column *column, FILE *out)
{
	fprintf(out, "<line class=\"marker\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"><title>marker ", column->x,
		column->x, TOP, TOP + HEIGHT);
	if (column->marker->text)
		markup_html(column->marker->text, out);
	else
		fprintf(out, "%" PRIu64, column->marker->args[0]);
	fprintf(out, "</title></line>\n<text class=\"dim\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", column->x,
		TOP - 8);
	if (marker_has_number(column->marker) && column->marker->args[0] < 100000)
		fprintf(out, "%" PRIu64, column->marker->args[0]);
	fputs("</text>\n", out);
}

static void draw_crash(const struct picture *picture, FILE *out)
{
	const struct crash *crash = picture->crash;
	double x = picture->crash_x;

	fprintf(out, "<line class=\"crashline\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", x, x, TOP,
		TOP + HEIGHT);
	fprintf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">crash</text>\n", x, TOP + HEIGHT + 16);
	if (crash->facts.fault.source == ADDRESS_UNKNOWN || crash->facts.fault.address < picture->timeline->start ||
	    crash->facts.fault.address >= picture->timeline->end)
		return;
	fprintf(out,
		"<circle class=\"crash\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\"><title>%s of 0x%" PRIx64 "</title></circle>\n",
		x, y_of(picture, crash->facts.fault.address), words_access(crash->facts.fault.access),
		crash->facts.fault.address);
}

void report_html_picture(const struct crash *crash, FILE *out)
{
	struct picture picture = {.crash = crash, .timeline = &crash->facts.biography.timeline};
	const struct life *fatal;
	double width;

	if (!crash->facts.has_biography || !picture.timeline->life_count || !choose_columns(&picture))
		return;
	fatal = timeline_last_life(picture.timeline, crash->facts.biography.address);
	if (fatal && fatal->died == TIMELINE_ALIVE)
		fatal = NULL;
	width = picture.crash_x + EVENT_WIDTH;
	fprintf(out,
		"<div class=\"scroll\"><svg role=\"img\" aria-label=\"Mappings around the fault address over time\" "
		"viewBox=\"0 0 %.0f %d\" width=\"%.0f\">\n",
		width, TOP + HEIGHT + BELOW, width);
	fprintf(out, "<line class=\"axis\" x1=\"%d\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", LEFT, width - 20,
		TOP + HEIGHT, TOP + HEIGHT);
	fprintf(out,
		"<text x=\"%d\" y=\"%d\" text-anchor=\"end\">0x%" PRIx64 "</text>\n<text x=\"%d\" y=\"%d\" "
		"text-anchor=\"end\">0x%" PRIx64 "</text>\n",
		LEFT - 8, TOP + 8, picture.timeline->end, LEFT - 8, TOP + HEIGHT, picture.timeline->start);
	for (size_t i = 0; i < picture.timeline->life_count; i++)
		draw_life(&picture, &picture.timeline->lives[i], fatal, out);
	for (size_t i = 0; i < picture.column_count; i++) {
		if (picture.columns[i].marker)
			draw_marker(&picture.columns[i], out);
		else
			draw_event(&picture, &picture.columns[i], out);
	}
	draw_crash(&picture, out);
	fputs("</svg></div>\n", out);
}
