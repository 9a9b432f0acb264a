/* SPDX-License-Identifier: MIT */
#include "cli/match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"

enum field {
	FIELD_NONE,
	FIELD_PID,
	FIELD_UID,
	FIELD_GID,
	FIELD_SIGNAL,
	FIELD_COMM,
	FIELD_EXE,
	FIELD_HOSTNAME,
	FIELD_BOOT_ID,
};

static const struct {
	const char *name;
	enum field field;
} fields[] = {
	{"COREDUMP_PID", FIELD_PID},	   {"COREDUMP_UID", FIELD_UID},	  {"COREDUMP_GID", FIELD_GID},
	{"COREDUMP_SIGNAL", FIELD_SIGNAL}, {"COREDUMP_COMM", FIELD_COMM}, {"COREDUMP_EXE", FIELD_EXE},
	{"_HOSTNAME", FIELD_HOSTNAME},	   {"_BOOT_ID", FIELD_BOOT_ID},
};

static enum field field_of(const char *argument, const char **ret_value)
{
	const char *equals = strchr(argument, '=');

	for (size_t i = 0; equals && i < array_size(fields); i++) {
		size_t length = strlen(fields[i].name);

		if (length == (size_t)(equals - argument) && strncmp(argument, fields[i].name, length) == 0) {
			*ret_value = equals + 1;
			return fields[i].field;
		}
	}
	return FIELD_NONE;
}

/* As the journal names fields: capital letters, digits, underscores. Anything else with a '=' in it is a name. */
static bool looks_like_field(const char *argument)
{
	size_t length = strspn(argument, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return length > 0 && argument[length] == '=';
}

static bool is_number(const char *text, uint64_t *ret)
{
	char *end;

	if (!*text || strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return !errno;
}

enum match_kind match_kind_of(const char *argument)
{
	if (looks_like_field(argument))
		return MATCH_FIELD;
	if (strchr(argument, '/'))
		return MATCH_EXECUTABLE;
	if (strlen(argument) == 16 && strspn(argument, "0123456789abcdef") == 16)
		return MATCH_ID;
	if (*argument && strspn(argument, "0123456789") == strlen(argument))
		return MATCH_PID;
	return MATCH_NAME;
}

static bool same(const char *known, const char *wanted)
{
	return known && *known && strcmp(known, wanted) == 0;
}

static bool fits_name(const struct match_facts *facts, const char *name)
{
	const char *base = facts->executable ? strrchr(facts->executable, '/') : NULL;

	return same(facts->comm, name) || same(facts->process_comm, name) || same(base ? base + 1 : NULL, name) ||
	       same(facts->entry, name);
}

static bool fits_pid(const struct match_facts *facts, const char *text)
{
	uint64_t pid;

	return is_number(text, &pid) && pid > 0 && (facts->pid == pid || facts->namespace_pid == pid);
}

/* The journal writes boot ids without hyphens. */
static bool fits_boot_id(const char *known, const char *wanted)
{
	if (!known || !*known || !*wanted)
		return false;
	while (*known && *wanted) {
		while (*known == '-')
			known++;
		while (*wanted == '-')
			wanted++;
		if (*known != *wanted)
			return false;
		known += *known != 0;
		wanted += *wanted != 0;
	}
	return *known == *wanted;
}

static bool fits_field(const struct match_facts *facts, enum field field, const char *value)
{
	uint64_t number;

	switch (field) {
	case FIELD_PID:
		return fits_pid(facts, value);
	case FIELD_UID:
		return facts->has_uid && is_number(value, &number) && facts->uid == number;
	case FIELD_GID:
		return facts->has_gid && is_number(value, &number) && facts->gid == number;
	case FIELD_SIGNAL:
		return is_number(value, &number) && facts->signal > 0 && (uint64_t)facts->signal == number;
	case FIELD_COMM:
		return same(facts->comm, value) || same(facts->process_comm, value);
	case FIELD_EXE:
		return same(facts->executable, value);
	case FIELD_HOSTNAME:
		return same(facts->hostname, value);
	case FIELD_BOOT_ID:
		return fits_boot_id(facts->boot_id, value);
	case FIELD_NONE:
		break;
	}
	return false;
}

static bool fits(const struct match_facts *facts, const char *argument)
{
	const char *value = NULL;
	enum field field;

	switch (match_kind_of(argument)) {
	case MATCH_ID:
		/* A program may be called so. */
		return same(facts->id, argument) || fits_name(facts, argument);
	case MATCH_PID:
		return fits_pid(facts, argument);
	case MATCH_EXECUTABLE:
		return same(facts->executable, argument);
	case MATCH_FIELD:
		field = field_of(argument, &value);
		return fits_field(facts, field, value);
	case MATCH_NAME:
		break;
	}
	return fits_name(facts, argument);
}

static bool same_kind(const char *one, const char *other)
{
	const char *value;

	if (match_kind_of(one) != match_kind_of(other))
		return false;
	return match_kind_of(one) != MATCH_FIELD || field_of(one, &value) == field_of(other, &value);
}

bool match_fits(const struct match_query *query, const struct match_facts *facts)
{
	if ((query->has_since || query->has_until) && !facts->real_ns)
		return false;
	if ((query->has_since && facts->real_ns < query->since_ns) ||
	    (query->has_until && facts->real_ns > query->until_ns))
		return false;
	for (size_t i = 0; i < query->argument_count; i++) {
		bool any = false;

		for (size_t j = 0; j < query->argument_count && !any; j++)
			any = same_kind(query->arguments[i], query->arguments[j]) && fits(facts, query->arguments[j]);
		if (!any)
			return false;
	}
	return true;
}

bool match_has_id(const struct match_query *query)
{
	for (size_t i = 0; i < query->argument_count; i++) {
		if (match_kind_of(query->arguments[i]) == MATCH_ID)
			return true;
	}
	return false;
}

const char *match_unknown_field(const struct match_query *query)
{
	const char *value;

	for (size_t i = 0; i < query->argument_count; i++) {
		if (match_kind_of(query->arguments[i]) == MATCH_FIELD &&
		    field_of(query->arguments[i], &value) == FIELD_NONE)
			return query->arguments[i];
	}
	return NULL;
}
