/* SPDX-License-Identifier: MIT */
#include "vault/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/statvfs.h>

#include "common/array.h"
#include "common/cleanup.h"
#include "common/limits.h"
#include "common/paths.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit sizes[] = {
	{"", 1}, {"B", 1}, {"K", 1ull << 10}, {"M", 1ull << 20}, {"G", 1ull << 30}, {"T", 1ull << 40}, {NULL, 0},
};
static const struct unit times[] = {
	{"", 1}, {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}, {"w", 7 * 86400}, {NULL, 0},
};

static bool parse_number(const char *text, const struct unit *units, uint64_t *ret)
{
	unsigned long long number;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno)
		return false;
	while (*end == ' ')
		end++;
	for (; units->name; units++) {
		if (strcmp(end, units->name) != 0)
			continue;
		if (number > INT64_MAX / units->factor)
			return false;
		*ret = number * units->factor;
		return true;
	}
	return false;
}

bool vault_parse_size(const char *text, uint64_t *ret_bytes)
{
	return parse_number(text, sizes, ret_bytes);
}

bool vault_parse_time(const char *text, uint64_t *ret_seconds)
{
	return parse_number(text, times, ret_seconds);
}

void vault_settings_default(struct vault_settings *ret)
{
	*ret = (struct vault_settings){
		.most_core_bytes = 8ull << 30,
		.most_bytes = 10ull << 30,
		.most_age_s = 30 * 86400,
		.most_database_bytes = 3ull << 30,
		.most_database_age_s = 30 * 86400,
		.explain = true,
		.explain_time_ns = LIMITS_TIME_NS,
		.explain_memory_bytes = LIMITS_MEMORY_BYTES,
		.hooks = "/etc/corelate/hooks.d",
		.hook_timeout_s = 30,
		.core_timeout_s = 300,
	};
	snprintf(ret->vault, sizeof(ret->vault), "%s", paths_vault());
	snprintf(ret->database, sizeof(ret->database), "%s", paths_database());
}

/* ---- the file ---- */

enum key_kind { KEY_PATH, KEY_SIZE, KEY_TIME, KEY_TIME_NS, KEY_FLAG };

static const struct key {
	const char *name;
	enum key_kind kind;
	size_t offset;
} keys[] = {
	{"Vault", KEY_PATH, offsetof(struct vault_settings, vault)},
	{"Database", KEY_PATH, offsetof(struct vault_settings, database)},
	{"MaxCoreSize", KEY_SIZE, offsetof(struct vault_settings, most_core_bytes)},
	{"KeepFree", KEY_SIZE, offsetof(struct vault_settings, keep_free_bytes)},
	{"MaxUse", KEY_SIZE, offsetof(struct vault_settings, most_bytes)},
	{"MaxAge", KEY_TIME, offsetof(struct vault_settings, most_age_s)},
	{"MaxDatabaseSize", KEY_SIZE, offsetof(struct vault_settings, most_database_bytes)},
	{"MaxDatabaseAge", KEY_TIME, offsetof(struct vault_settings, most_database_age_s)},
	{"ExplainTime", KEY_TIME_NS, offsetof(struct vault_settings, explain_time_ns)},
	{"ExplainMemory", KEY_SIZE, offsetof(struct vault_settings, explain_memory_bytes)},
	{"Explain", KEY_FLAG, offsetof(struct vault_settings, explain)},
	{"Hooks", KEY_PATH, offsetof(struct vault_settings, hooks)},
	{"HookTimeout", KEY_TIME, offsetof(struct vault_settings, hook_timeout_s)},
	{"CoreTimeout", KEY_TIME, offsetof(struct vault_settings, core_timeout_s)},
};

#define KEYS array_size(keys)

static bool take_flag(const char *value, bool *ret)
{
	bool yes = strcasecmp(value, "yes") == 0 || strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0;
	bool no = strcasecmp(value, "no") == 0 || strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0;

	if (yes || no)
		*ret = yes;
	return yes || no;
}

static bool take_path(const char *value, char *ret)
{
	if (value[0] != '/' || strlen(value) >= PATH_MAX)
		return false;
	memcpy(ret, value, strlen(value) + 1);
	return true;
}

static bool take_time_ns(const char *value, int64_t *ret_ns)
{
	uint64_t seconds = 0;

	if (strcasecmp(value, "no") != 0 && !vault_parse_time(value, &seconds))
		return false;
	return !__builtin_mul_overflow(seconds, 1000000000LL, ret_ns);
}

static bool take_value(const struct key *key, const char *value, struct vault_settings *settings)
{
	void *place = (char *)settings + key->offset;
	bool is_off = strcasecmp(value, "no") == 0;

	switch (key->kind) {
	case KEY_PATH:
		return take_path(value, place);
	case KEY_FLAG:
		return take_flag(value, place);
	case KEY_TIME_NS:
		return take_time_ns(value, place);
	case KEY_SIZE:
	case KEY_TIME:
		if (is_off)
			*(uint64_t *)place = 0;
		else if (!(key->kind == KEY_SIZE ? vault_parse_size(value, place) : vault_parse_time(value, place)))
			return false;
		/* A core whose notes do not fit is worth nothing. */
		if (place == &settings->most_core_bytes && settings->most_core_bytes &&
		    settings->most_core_bytes < 1u << 20) {
			settings->most_core_bytes = 8ull << 30;
			return false;
		}
		settings->has_keep_free |= place == &settings->keep_free_bytes;
		return true;
	}
	return false;
}

static char *trim(char *text)
{
	size_t length;

	while (isspace((unsigned char)*text))
		text++;
	length = strlen(text);
	while (length && isspace((unsigned char)text[length - 1]))
		text[--length] = 0;
	return text;
}

static struct error *take_line(const char *path, unsigned number, char *line, struct vault_settings *settings)
{
	char *text = trim(line), *value = strchr(text, '=');

	if (!text[0] || text[0] == '#' || text[0] == ';')
		return NULL;
	if (!value)
		return error_format(ERROR_INVALID, "%s:%u: not of the form Key=value: %s", path, number, text);
	*value = 0;
	value = trim(value + 1);
	text = trim(text);
	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(text, keys[i].name) != 0)
			continue;
		return take_value(&keys[i], value, settings)
			       ? NULL
			       : error_format(ERROR_INVALID, "%s:%u: '%s' is no value for %s", path, number, value,
					      text);
	}
	return error_format(ERROR_INVALID, "%s:%u: there is no key '%s'", path, number, text);
}

struct error *vault_settings_read(const char *path, bool must_exist, struct vault_settings *ret)
{
	cleanup_file FILE *file = NULL;
	struct error *first = NULL, *err;
	char line[PATH_MAX + 64];

	vault_settings_default(ret);
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT && !must_exist ? NULL : error_errno(errno, "%s", path);
	for (unsigned number = 1; fgets(line, sizeof(line), file); number++) {
		err = take_line(path, number, line, ret);
		/* The first is told, the others do not hide what can be understood. */
		if (first)
			error_destroy(err);
		else
			first = err;
	}
	if (!first && ferror(file))
		first = error_errno(errno, "%s", path);
	return first;
}

uint64_t vault_settings_keep_free(const struct vault_settings *settings, const char *directory)
{
	const uint64_t most = 1ull << 30;
	struct statvfs status;
	uint64_t tenth;

	if (settings->has_keep_free)
		return settings->keep_free_bytes;
	if (statvfs(directory, &status) != 0)
		return 0;
	tenth = (uint64_t)status.f_blocks * status.f_frsize / 10;
	return tenth < most ? tenth : most;
}
