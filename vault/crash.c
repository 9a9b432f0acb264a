/* SPDX-License-Identifier: MIT */
/* crash.json: written from a struct vault_crash, and read back with every type and range checked. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/cleanup.h"
#include "common/inert.h"
#include "common/utf8.h"
#include "vault/vault_internal.h"

static const char *const sources[] = {[VAULT_CAPTURE] = "capture", [VAULT_SYSTEMD] = "systemd-coredump"};

#define SOURCES array_size(sources)

/* One row a member: both directions are made from it. */
enum member_kind { MEMBER_TEXT, MEMBER_U32, MEMBER_I32, MEMBER_I64, MEMBER_SIZE, MEMBER_ADDRESS, MEMBER_FLAG };

static const struct member {
	const char *name;
	enum member_kind kind;
	size_t offset;
} members[] = {
#define MEMBER(kind, field)                                                                                            \
	{                                                                                                              \
#field, kind, offsetof(struct vault_crash, field)                                                      \
	}
	MEMBER(MEMBER_TEXT, origin),
	MEMBER(MEMBER_U32, pid),
	MEMBER(MEMBER_U32, tid),
	MEMBER(MEMBER_U32, namespace_pid),
	MEMBER(MEMBER_U32, namespace_tid),
	MEMBER(MEMBER_U32, uid),
	MEMBER(MEMBER_U32, gid),
	MEMBER(MEMBER_I32, signal),
	MEMBER(MEMBER_I64, time_ns),
	MEMBER(MEMBER_SIZE, boot_time_ns),
	MEMBER(MEMBER_TEXT, comm),
	MEMBER(MEMBER_TEXT, thread_comm),
	MEMBER(MEMBER_TEXT, exe),
	MEMBER(MEMBER_TEXT, cmdline),
	MEMBER(MEMBER_TEXT, cgroup),
	MEMBER(MEMBER_TEXT, hostname),
	MEMBER(MEMBER_FLAG, has_auxv),
	MEMBER(MEMBER_ADDRESS, auxv_sysinfo_ehdr),
	MEMBER(MEMBER_ADDRESS, auxv_random),
	MEMBER(MEMBER_ADDRESS, auxv_entry),
	MEMBER(MEMBER_ADDRESS, auxv_base),
	MEMBER(MEMBER_SIZE, core_bytes),
	MEMBER(MEMBER_SIZE, stored_bytes),
	MEMBER(MEMBER_FLAG, truncated),
	MEMBER(MEMBER_FLAG, core_gone),
	MEMBER(MEMBER_TEXT, note),
};

#define MEMBERS array_size(members)

static void *place_of(const struct vault_crash *crash, const struct member *member)
{
	return (char *)crash + member->offset;
}

void vault_crash_deinit(struct vault_crash *crash)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		if (members[i].kind == MEMBER_TEXT)
			free(*(char **)place_of(crash, &members[i]));
	}
	*crash = (struct vault_crash){0};
}

/* ---- writing ---- */

static json_t *text_value(const char *text)
{
	cleanup_free char *clean = text ? utf8_clean(text) : NULL;

	return text ? clean ? json_string(clean) : NULL : json_null();
}

static json_t *address_value(uint64_t address)
{
	char text[19];

	snprintf(text, sizeof(text), "0x%" PRIx64, address);
	return json_string(text);
}

static json_t *value_of(const struct vault_crash *crash, const struct member *member)
{
	const void *place = place_of(crash, member);

	switch (member->kind) {
	case MEMBER_TEXT:
		return text_value(*(char *const *)place);
	case MEMBER_U32:
		return json_integer(*(const uint32_t *)place);
	case MEMBER_I32:
		return json_integer(*(const int32_t *)place);
	case MEMBER_I64:
		return json_integer(*(const int64_t *)place);
	case MEMBER_SIZE:
		return json_integer((json_int_t)(*(const uint64_t *)place & INT64_MAX));
	case MEMBER_ADDRESS:
		return address_value(*(const uint64_t *)place);
	case MEMBER_FLAG:
		return json_boolean(*(const bool *)place);
	}
	return NULL;
}

struct error *vault_crash_format(const struct vault_crash *crash, char **ret_text)
{
	json_t *object = json_object();
	bool made = object && json_object_set_new(object, "format", json_integer(VAULT_FORMAT)) == 0 &&
		    json_object_set_new(object, "source", json_string(sources[crash->source])) == 0 &&
		    json_object_set_new(object, "boot_id", json_string(crash->boot_id)) == 0;
	cleanup_free char *text = NULL;

	for (size_t i = 0; made && i < MEMBERS; i++)
		made = json_object_set_new(object, members[i].name, value_of(crash, &members[i])) == 0;
	if (made)
		text = json_dumps(object, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	json_decref(object);
	*ret_text = text ? inert_json_text(text) : NULL;
	return *ret_text ? NULL : &error_no_memory;
}

/* ---- reading ---- */

static bool is_boot_id(const char *text)
{
	return strlen(text) == 36 && strspn(text, "0123456789abcdef-") == 36;
}

static bool take_address(const json_t *value, uint64_t *ret)
{
	const char *text = json_string_value(value);

	if (!text || strncmp(text, "0x", 2) != 0 || strlen(text) < 3 || strlen(text) > 18 ||
	    strspn(text + 2, "0123456789abcdef") != strlen(text) - 2)
		return false;
	*ret = strtoull(text + 2, NULL, 16);
	return true;
}

static bool take_integer(const json_t *value, int64_t least, int64_t most, int64_t *ret)
{
	if (!json_is_integer(value) || json_integer_value(value) < least || json_integer_value(value) > most)
		return false;
	*ret = json_integer_value(value);
	return true;
}

static bool take_text(const json_t *value, char **ret)
{
	if (json_is_null(value))
		return true;
	/* JSON may carry a NUL (\u0000), at which C would cut the name into another. */
	if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
		return false;
	*ret = strdup(json_string_value(value));
	return *ret != NULL;
}

static bool take(const json_t *value, const struct member *member, struct vault_crash *crash)
{
	void *place = place_of(crash, member);
	int64_t number;
	bool good;

	switch (member->kind) {
	case MEMBER_TEXT:
		return take_text(value, place);
	case MEMBER_U32:
		good = take_integer(value, 0, UINT32_MAX, &number);
		if (good)
			*(uint32_t *)place = (uint32_t)number;
		return good;
	case MEMBER_I32:
		good = take_integer(value, INT32_MIN, INT32_MAX, &number);
		if (good)
			*(int32_t *)place = (int32_t)number;
		return good;
	case MEMBER_I64:
		return take_integer(value, INT64_MIN, INT64_MAX, place);
	case MEMBER_SIZE:
		return take_integer(value, 0, INT64_MAX, place);
	case MEMBER_ADDRESS:
		return take_address(value, place);
	case MEMBER_FLAG:
		*(bool *)place = json_is_true(value);
		return json_is_boolean(value);
	}
	return false;
}

static bool take_source(const json_t *value, struct vault_crash *crash)
{
	for (size_t i = 0; json_is_string(value) && i < SOURCES; i++) {
		if (strcmp(json_string_value(value), sources[i]) == 0) {
			crash->source = (enum vault_source)i;
			return true;
		}
	}
	return false;
}

static struct error *take_all(const json_t *object, const char *what, struct vault_crash *crash)
{
	const json_t *format = json_object_get(object, "format"), *value;
	const char *boot_id = json_string_value(json_object_get(object, "boot_id"));

	if (!json_is_integer(format) || json_integer_value(format) < 1)
		return error_format(ERROR_INVALID, "%s/" VAULT_CRASH " has no format", what);
	if (json_integer_value(format) > VAULT_FORMAT)
		return error_format(ERROR_UNSUPPORTED,
				    "%s/" VAULT_CRASH " was written by a newer corelate (format %" JSON_INTEGER_FORMAT
				    ")",
				    what, json_integer_value(format));
	if (!take_source(json_object_get(object, "source"), crash))
		return error_format(ERROR_INVALID, "%s/" VAULT_CRASH ": 'source' makes no sense", what);
	/* An import may not know the boot. */
	if (!boot_id || (boot_id[0] && !is_boot_id(boot_id)))
		return error_format(ERROR_INVALID, "%s/" VAULT_CRASH ": 'boot_id' makes no sense", what);
	memcpy(crash->boot_id, boot_id, strlen(boot_id) + 1);
	for (size_t i = 0; i < MEMBERS; i++) {
		/* A member that is missing is not known. */
		value = json_object_get(object, members[i].name);
		if (value && !take(value, &members[i], crash))
			return error_format(ERROR_INVALID, "%s/" VAULT_CRASH ": '%s' makes no sense", what,
					    members[i].name);
	}
	return NULL;
}

struct error *vault_crash_parse(const char *text, size_t bytes, const char *what, struct vault_crash *ret)
{
	json_error_t failure;
	json_t *object = json_loadb(text, bytes, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &failure);
	struct vault_crash crash = {0};
	struct error *err;

	if (!object)
		return error_format(ERROR_INVALID, "%s/" VAULT_CRASH " is not JSON: %s", what, failure.text);
	err = json_is_object(object) ? take_all(object, what, &crash)
				     : error_format(ERROR_INVALID, "%s/" VAULT_CRASH " is not an object", what);
	json_decref(object);
	if (err) {
		vault_crash_deinit(&crash);
		return err;
	}
	*ret = crash;
	return NULL;
}
