/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "analyzer/words.h"
#include "cli/list.h"
#include "common/cleanup.h"
#include "common/inert.h"

enum column {
	COLUMN_TIME,
	COLUMN_PID,
	COLUMN_UID,
	COLUMN_GID,
	COLUMN_SIGNAL,
	COLUMN_CORE,
	COLUMN_EXECUTABLE,
	COLUMN_SIZE,
	COLUMN_ID,
	COLUMN_VERDICT,
	COLUMNS,
};

/* coredumpctl's columns in its order; what is ours comes after them. */
static const struct {
	const char *heading;
	bool right;
} columns[COLUMNS] = {
	{"TIME", false},     {"PID", true},  {"UID", true},  {"GID", true}, {"SIG", false},
	{"COREFILE", false}, {"EXE", false}, {"SIZE", true}, {"ID", false}, {"VERDICT", false},
};

/* A column is not made wider than this by one long name. */
#define WIDEST 60

struct cells {
	char *texts[COLUMNS];
};

static void cells_deinit(struct cells *cells)
{
	for (size_t i = 0; i < COLUMNS; i++)
		free(cells->texts[i]);
}

/* Terminal columns, as far as they can be told by counting characters. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

static void write_time(int64_t real_ns, FILE *out)
{
	time_t seconds = real_ns / 1000000000;
	char text[64];
	struct tm local;

	if (real_ns && localtime_r(&seconds, &local) && strftime(text, sizeof(text), "%a %Y-%m-%d %H:%M:%S %Z", &local))
		fputs(text, out);
	else
		fputc('-', out);
}

static void write_number(bool known, uint32_t number, FILE *out)
{
	if (known)
		fprintf(out, "%" PRIu32, number);
	else
		fputc('-', out);
}

/* As coredumpctl shows sizes: "728B", "34.1K", "1.2G". */
static void write_size(uint64_t bytes, FILE *out)
{
	static const char units[] = "BKMGTPE";
	double scaled = (double)bytes;
	size_t unit = 0;

	if (!bytes) {
		fputc('-', out);
		return;
	}
	for (; scaled >= 1024; unit++)
		scaled /= 1024;
	fprintf(out, unit ? "%.1f%c" : "%.0f%c", scaled, units[unit]);
}

static void write_cell(const struct list_line *line, enum column column, FILE *out)
{
	const struct crash_row *row = line->row;
	struct words signal, verdict;

	switch (column) {
	case COLUMN_TIME:
		write_time(row->real_ns, out);
		break;
	case COLUMN_PID:
		/* Of a core that came alone only its own is known. */
		write_number(row->pid || row->namespace_pid, row->pid ?: row->namespace_pid, out);
		break;
	case COLUMN_UID:
		write_number(row->has_uid, row->uid, out);
		break;
	case COLUMN_GID:
		write_number(row->has_gid, row->gid, out);
		break;
	case COLUMN_SIGNAL:
		if (row->signal)
			fputs(words_signal(&signal, row->signal), out);
		else
			fprintf(out, "exit=%d", WEXITSTATUS(row->status));
		break;
	case COLUMN_CORE:
		fputs(crash_core_name(line->core), out);
		break;
	case COLUMN_EXECUTABLE:
		inert_write(row->executable ? row->executable : row->comm[0] ? row->comm : "-", out);
		break;
	case COLUMN_SIZE:
		write_size(line->core_bytes, out);
		break;
	case COLUMN_ID:
		fputs(row->id[0] ? row->id : row->entry ? row->entry : "-", out);
		break;
	case COLUMN_VERDICT:
	case COLUMNS:
		inert_write(row->class ? words_verdict(&verdict, row->class, row->confidence) : "-", out);
		break;
	}
}

static bool fill(const struct list_line *line, struct cells *ret)
{
	*ret = (struct cells){0};
	for (size_t i = 0; i < COLUMNS; i++) {
		size_t size;
		FILE *out = open_memstream(&ret->texts[i], &size);

		if (!out)
			return false;
		write_cell(line, (enum column)i, out);
		if (fclose(out) != 0)
			return false;
	}
	return true;
}

static void write_line(const char *const *texts, const size_t *widths)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		size_t width = width_of(texts[i]);
		int blanks = width < widths[i] ? (int)(widths[i] - width) : 0;

		if (columns[i].right)
			printf("%*s", blanks, "");
		fputs(texts[i], stdout);
		if (i + 1 == COLUMNS)
			break;
		printf("%*s", columns[i].right ? 1 : blanks + 1, "");
	}
	putchar('\n');
}

struct error *list_write_table(const struct list_line *lines, size_t count, bool no_legend)
{
	cleanup_free struct cells *cells = calloc(count ? count : 1, sizeof(*cells));
	size_t widths[COLUMNS], filled = 0;
	const char *headings[COLUMNS];
	bool has_room = cells != NULL;

	for (size_t i = 0; i < COLUMNS; i++) {
		headings[i] = columns[i].heading;
		widths[i] = no_legend ? 1 : strlen(headings[i]);
	}
	while (has_room && filled < count) {
		has_room = fill(&lines[filled], &cells[filled]);
		for (size_t i = 0; has_room && i < COLUMNS; i++) {
			size_t width = width_of(cells[filled].texts[i]);

			widths[i] = width > widths[i] && width <= WIDEST ? width : widths[i];
		}
		filled++;
	}
	if (has_room && !no_legend && count)
		write_line(headings, widths);
	for (size_t i = 0; i < filled; i++) {
		if (has_room)
			write_line((const char *const *)cells[i].texts, widths);
		cells_deinit(&cells[i]);
	}
	return has_room ? NULL : &error_no_memory;
}
