/* SPDX-License-Identifier: MIT */
#include "tests/causes/facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/causes/facts_parser.h"

#define MAX_LINE 1024

bool facts_read_by(const struct facts_line *lines, size_t count, struct parser *parser, const char *keyword)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(keyword, lines[i].keyword) == 0) {
			lines[i].read(parser);
			return true;
		}
	}
	return false;
}

static void read_line(struct parser *parser)
{
	char keyword[16];

	if (facts_at_end(parser) || *parser->at == '#')
		return;
	facts_read_word(parser, keyword, sizeof(keyword));
	if (strcmp(keyword, "name") == 0)
		facts_read_name(parser);
	else if (!facts_read_death_line(parser, keyword) && !facts_read_record_line(parser, keyword) &&
		 !facts_read_memory_line(parser, keyword) && !facts_read_picture_line(parser, keyword) &&
		 !facts_read_stack_line(parser, keyword) && !facts_read_tracing_line(parser, keyword) &&
		 !facts_read_heap_line(parser, keyword))
		facts_fail(parser, "unknown keyword: \"%s\"", keyword);
	if (!facts_at_end(parser))
		facts_fail(parser, "too much on the line: \"%s\"", parser->at);
}

void facts_read(const char *path, struct crash *ret_crash)
{
	cleanup_file FILE *file = fopen(path, "r");
	cleanup_free struct parser *parser = calloc(1, sizeof(*parser));
	char line[MAX_LINE];

	if (!parser)
		abort();
	*ret_crash = (struct crash){.facts = {.exception = {.thrown_at = SIZE_MAX, .caught_at = SIZE_MAX}}};
	parser->path = path;
	parser->crash = ret_crash;
	if (!file)
		facts_fail(parser, "%s", strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		size_t length = strlen(line);

		parser->line++;
		if (length == sizeof(line) - 1 && line[length - 1] != '\n')
			facts_fail(parser, "the line is too long");
		if (length && line[length - 1] == '\n')
			line[length - 1] = 0;
		parser->at = line;
		read_line(parser);
	}
	if (!parser->has_signal || (!parser->has_page && !parser->core.map_count) || !parser->has_death ||
	    !parser->has_record)
		facts_fail(parser, "one of the lines signal, page, death and record is missing");
	ret_crash->record.event_count = parser->event_count;
	facts_build_core(parser);
	facts_finish_memory(parser);
	facts_finish_heap(parser);
	facts_drop_unused_contexts(parser);
}

void facts_release(struct crash *crash)
{
	struct core *core = (struct core *)crash->core.image;

	crash_deinit(crash);
	core_destroy(core);
}
