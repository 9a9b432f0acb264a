/* SPDX-License-Identifier: MIT */
#include "common/option_table.h"

#include <ctype.h>
#include <string.h>

#define FIRST_ID 1024 /* beyond the ids that rows give themselves */

void option_table_init(struct option_table *table, bool ordered)
{
	*table = (struct option_table){0};
	strcpy(table->letters, ordered ? "+:" : ":");
}

static bool is_known(const struct option_table *table, const struct option_row *row)
{
	for (size_t i = 0; i < table->count; i++) {
		if (strcmp(table->rows[i]->name, row->name) == 0)
			return true;
	}
	return false;
}

void option_table_add(struct option_table *table, const struct option_row *row)
{
	static const char *const colons[] = {"", ":", "::"};
	int has_argument = !row->argument ? no_argument : row->optional ? optional_argument : required_argument;
	int id = row->id ? row->id : FIRST_ID + (int)table->count;

	if (table->count == OPTION_TABLE_MAX || is_known(table, row))
		return;
	if (row->letter && !strchr(table->letters, row->letter)) {
		size_t used = strlen(table->letters);

		id = row->letter;
		snprintf(table->letters + used, sizeof(table->letters) - used, "%c%s", id, colons[has_argument]);
	}
	table->names[table->count] = (struct option){row->name, has_argument, NULL, id};
	table->rows[table->count++] = row;
}

const struct option_row *option_table_find(const struct option_table *table, int option)
{
	for (size_t i = 0; i < table->count; i++) {
		if (table->names[i].val == option)
			return table->rows[i];
	}
	return NULL;
}

const char *option_table_given(char **argv, char text[8])
{
	const char *word = argv[optind - 1];

	/* A letter may stand among others, and then optind has not moved on. */
	if (optopt > 0 && optopt < 128 && isprint(optopt) && strncmp(word, "--", 2) != 0) {
		snprintf(text, 8, "-%c", optopt);
		return text;
	}
	return word;
}

bool option_word_find(const char *words, const char *word, int *ret_index)
{
	size_t length = strlen(word);

	for (int i = 0; length > 0 && *words; i++) {
		size_t this_length = strcspn(words, "|");

		if (this_length == length && memcmp(words, word, length) == 0) {
			*ret_index = i;
			return true;
		}
		words += this_length + (words[this_length] == '|');
	}
	return false;
}

void option_write_folded(const char *text, int indent, FILE *out)
{
	int column = indent;
	bool set = text[0] == ' '; /* this line stands as it is */

	while (*text) {
		int blanks = (int)strspn(text, " "), length = (int)strcspn(text + blanks, " \n");

		if (column + blanks + length > OPTION_HELP_WIDTH && column > indent) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
			text += blanks;
			blanks = 0;
		}
		fprintf(out, "%.*s", blanks + length, text);
		column += blanks + length;
		text += blanks + length;
		if (*text != '\n')
			continue;
		text++;
		/* Within a paragraph the author's line ends are blanks. */
		if (!set && column > indent && *text && *text != ' ' && *text != '\n' &&
		    column + 1 + (int)strcspn(text, " \n") <= OPTION_HELP_WIDTH) {
			fputc(' ', out);
			column++;
			continue;
		}
		set = *text == ' ';
		text += set && text[1] != ' '; /* one blank only begins a line */
		fprintf(out, "\n%*s", *text && *text != '\n' ? indent : 0, "");
		column = indent;
	}
}

static int label(const struct option_row *row, char *ret, size_t size)
{
	bool optional = row->argument && row->optional;

	return snprintf(ret, size, "  %c%c%c --%s%s%s%s", row->letter ? '-' : ' ', row->letter ? row->letter : ' ',
			row->letter ? ',' : ' ', row->name,
			optional	? "[="
			: row->argument ? " "
					: "",
			row->argument ? row->argument : "", optional ? "]" : "");
}

void option_table_write_help(const struct option_row *const *rows, size_t count, FILE *out)
{
	char text[128];
	int width = 0;

	for (size_t i = 0; i < count; i++) {
		int length = rows[i]->help ? label(rows[i], text, sizeof(text)) : 0;

		if (length > width)
			width = length;
	}
	width += 2;
	for (size_t i = 0; i < count; i++) {
		if (!rows[i]->help)
			continue;
		label(rows[i], text, sizeof(text));
		fprintf(out, "%-*s", width, text);
		option_write_folded(rows[i]->help, width, out);
		fputc('\n', out);
	}
}
