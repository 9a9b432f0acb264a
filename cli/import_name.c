/* SPDX-License-Identifier: MIT */
#include "cli/import_name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"

/* A time in microseconds has 16 digits from 2001 to 2286. */
#define SECONDS_MAX 100000000000LL

static bool read_number(const char *text, uint64_t most, uint64_t *ret)
{
	char *end;

	if (!*text || strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return !errno && *ret <= most;
}

bool import_boot_id(const char *digits, char ret[37])
{
	if (strlen(digits) != 32 || strspn(digits, "0123456789abcdef") != 32)
		return false;
	snprintf(ret, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8, digits + 12, digits + 16, digits + 20);
	return true;
}

static int digit(char letter)
{
	const char *digits = "0123456789abcdef", *at = letter ? strchr(digits, letter) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Undoes \xNN. */
static bool read_comm(const char *text, char ret[17])
{
	size_t used = 0;

	for (; *text; text++) {
		char letter = *text;

		if (letter == '\\') {
			int high = text[1] == 'x' ? digit(text[2]) : -1, low = high >= 0 ? digit(text[3]) : -1;

			if (low < 0 || high * 16 + low == 0)
				return false;
			letter = (char)(high * 16 + low);
			text += 3;
		}
		if (used == 16)
			return false;
		ret[used++] = letter;
	}
	ret[used] = 0;
	return true;
}

/* Cuts off the part behind the last dot. */
static char *cut(char *text)
{
	char *dot = strrchr(text, '.');

	if (!dot)
		return NULL;
	*dot = 0;
	return dot + 1;
}

static void cut_suffix(char *text)
{
	static const char *const suffixes[] = {".zst", ".lz4", ".xz"};
	size_t length = strlen(text);

	for (size_t i = 0; i < array_size(suffixes); i++) {
		size_t own = strlen(suffixes[i]);

		if (length > own && strcmp(text + length - own, suffixes[i]) == 0) {
			text[length - own] = 0;
			return;
		}
	}
}

bool import_name_parse(const char *name, struct import_name *ret)
{
	const char *time, *pid, *boot_id, *uid;
	uint64_t number[3];
	char text[256];

	if (strncmp(name, "core.", 5) != 0 || strlen(name) >= sizeof(text))
		return false;
	strcpy(text, name + 5);
	cut_suffix(text);
	time = cut(text);
	pid = time ? cut(text) : NULL;
	boot_id = pid ? cut(text) : NULL;
	uid = boot_id ? cut(text) : NULL;
	if (!uid || !read_number(time, INT64_MAX / 1000, &number[0]) || !read_number(pid, INT32_MAX, &number[1]) ||
	    !read_number(uid, UINT32_MAX, &number[2]) || !number[1])
		return false;
	*ret = (struct import_name){.pid = (uint32_t)number[1], .uid = (uint32_t)number[2]};
	ret->time_ns = number[0] < SECONDS_MAX ? (int64_t)number[0] * 1000000000 : (int64_t)number[0] * 1000;
	if ((int64_t)number[0] < SECONDS_MAX && number[0] > INT64_MAX / 1000000000)
		return false;
	return import_boot_id(boot_id, ret->boot_id) && read_comm(text, ret->comm);
}
