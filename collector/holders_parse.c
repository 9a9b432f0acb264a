/* SPDX-License-Identifier: MIT */
#include "collector/holders_parse.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool holders_parse_tracefs_line(const char *line, struct tracefs_line *ret_line)
{
	const char *path, *path_end, *colon = NULL;
	size_t event_length;
	char *end;

	if ((line[0] != 'p' && line[0] != 'r') || line[1] != ':')
		return false;
	event_length = strcspn(line + 2, " \n");
	if (!event_length || event_length >= sizeof(ret_line->event) || line[2 + event_length] != ' ')
		return false;
	path = line + 2 + event_length + 1;
	path_end = path + strcspn(path, " \n");
	for (const char *c = path; c < path_end; c++)
		if (c[0] == ':' && c[1] == '0' && c[2] == 'x')
			colon = c;
	if (path[0] != '/' || !colon || (size_t)(colon - path) >= sizeof(ret_line->path))
		return false;
	ret_line->at_return = line[0] == 'r';
	ret_line->offset = strtoull(colon + 1, &end, 16);
	if (end == colon + 3 || (end != path_end && *end != '('))
		return false;
	memcpy(ret_line->event, line + 2, event_length);
	ret_line->event[event_length] = 0;
	memcpy(ret_line->path, path, (size_t)(colon - path));
	ret_line->path[colon - path] = 0;
	return true;
}

bool holders_parse_stat(const char *text, char ret_comm[16], uint64_t *ret_start_ticks)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	size_t length;
	char *end;

	if (!open || !close || close < open)
		return false;
	length = (size_t)(close - open - 1);
	if (length > 15)
		length = 15;
	memset(ret_comm, 0, 16);
	memcpy(ret_comm, open + 1, length);
	/* After the name come " STATE PPID ...": the start time is the twentieth word. */
	text = close + 1;
	for (int word = 1; word < 20; word++) {
		text += strspn(text, " ");
		text += strcspn(text, " ");
	}
	*ret_start_ticks = strtoull(text, &end, 10);
	return end != text && *text == ' ';
}

uint32_t holders_parse_link_id(const char *text)
{
	const char *found = strstr(text, "link_id:");

	/* At the beginning of a line: a type could be called so. */
	if (!found || (found != text && found[-1] != '\n'))
		return 0;
	return (uint32_t)strtoul(found + strlen("link_id:"), NULL, 10);
}

void holders_escape(const char *text, char *out, size_t size)
{
	char *end = out + size;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = c >= 32 && c != 127 && c != '\\';

		if (end - out < (plain ? 2 : 5))
			break;
		if (plain)
			*out++ = (char)c;
		else
			out += snprintf(out, 5, "\\x%02x", c);
	}
	*out = 0;
}
