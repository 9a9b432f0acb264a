/* SPDX-License-Identifier: MIT */
#include "cli/complete.h"

#include <string.h>

#include "common/array.h"

/* JSON, because its members keep their names; a slow record must not hold up a key. */
const char complete_crash_ids[] = "timeout 2 corelate list --json=short 2>/dev/null | tr \"{,\" \"\\n\\n\" | "
				  "sed -n \"s/^ *\\\"id\\\": *\\\"\\([0-9a-f]*\\)\\\".*/\\1/p\"";
const char complete_query_names[] =
	"timeout 2 corelate sql --list 2>/dev/null | sed -n \"s/^\\([a-z][a-z0-9-]*\\).*/\\1/p\"";

enum complete_kind complete_kind_of(const char *name)
{
	static const struct {
		const char *name;
		enum complete_kind kind;
	} kinds[] = {
		{"FILE", COMPLETE_FILE},   {"ELF", COMPLETE_FILE},	  {"CORE", COMPLETE_FILE},
		{"BUNDLE", COMPLETE_FILE}, {"PATH", COMPLETE_FILE},	  {"DIRECTORY", COMPLETE_DIRECTORY},
		{"PID", COMPLETE_PID},	   {"USER", COMPLETE_USER},	  {"COMM", COMPLETE_COMM},
		{"CRASH", COMPLETE_CRASH}, {"VERB", COMPLETE_VERB},	  {"QUERY", COMPLETE_QUERY},
		{"NAME", COMPLETE_QUERY},  {"COMMAND", COMPLETE_COMMAND}, {"PROGRAM", COMPLETE_COMMAND},
	};
	size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	for (size_t i = 0; i < array_size(kinds); i++) {
		if (strlen(kinds[i].name) == length && memcmp(kinds[i].name, name, length) == 0)
			return kinds[i].kind;
	}
	return COMPLETE_NOTHING;
}

size_t complete_operands(const char *arguments, enum complete_kind ret_kinds[COMPLETE_OPERANDS])
{
	size_t count = 0;
	bool repeats = false; /* "CRASH..." */

	while (*arguments && count < COMPLETE_OPERANDS && !repeats) {
		size_t length = strcspn(arguments, " "), skip = strspn(arguments, "[(|");

		if (skip < length && arguments[skip] >= 'A' && arguments[skip] <= 'Z') {
			ret_kinds[count++] = complete_kind_of(arguments + skip);
			repeats = memmem(arguments, length, "...", 3) != NULL;
		}
		/* What follows a command is the command's. */
		if (count > 0 && ret_kinds[count - 1] == COMPLETE_COMMAND)
			return count;
		arguments += length + (arguments[length] == ' ');
	}
	for (; repeats && count < COMPLETE_OPERANDS; count++)
		ret_kinds[count] = ret_kinds[count - 1];
	return count;
}

int complete_help_length(const char *help)
{
	size_t length = strcspn(help, "\n;(");

	while (length > 1 && help[length - 1] == ' ')
		length--;
	return (int)(length < 90 ? length : 90);
}

void complete_write_quoted(const char *text, int length, const char *special, FILE *out)
{
	for (int i = 0; i < length && text[i]; i++) {
		if (text[i] == '\'')
			fputs("'\\''", out);
		else
			fprintf(out, "%s%c", strchr(special, text[i]) ? "\\" : "", text[i] == '\n' ? ' ' : text[i]);
	}
}

void complete_write_words(const char *words, char between, FILE *out)
{
	for (; *words; words++)
		fputc(*words == '|' ? between : *words, out);
}
