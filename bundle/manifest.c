/* SPDX-License-Identifier: MIT */
#include "bundle/manifest.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/cleanup.h"
#include "common/inert.h"

void bundle_manifest_deinit(struct bundle_manifest *manifest)
{
	char *texts[] = {manifest->corelate_version, manifest->made,	manifest->crash_id, manifest->host_name,
			 manifest->kernel,	     manifest->machine, manifest->boot_id,  manifest->core_name};

	for (size_t i = 0; i < array_size(texts); i++)
		free(texts[i]);
	for (size_t i = 0; i < manifest->member_count; i++)
		free(manifest->members[i].name);
	for (size_t i = 0; i < manifest->look_count; i++) {
		free(manifest->looks[i].path);
		free(manifest->looks[i].content);
	}
	free(manifest->members);
	free(manifest->looks);
	*manifest = (struct bundle_manifest){0};
}

/* ---- names of members ---- */

static bool is_hex(const char *text, size_t length)
{
	return strlen(text) >= length && strspn(text, "0123456789abcdef") >= length;
}

enum bundle_member_kind bundle_member_kind(const char *name)
{
	static const char by_id[] = "files/.build-id/", other[] = "files/other/";
	const char *rest;
	size_t digits;

	if (strcmp(name, "report.json") == 0 || strcmp(name, "report.html") == 0)
		return MEMBER_REPORT;
	if (strcmp(name, "record.db") == 0)
		return MEMBER_RECORD;
	if (strcmp(name, "core") == 0)
		return MEMBER_CORE;
	if (strcmp(name, "files/vdso") == 0)
		return MEMBER_VDSO;
	if (strncmp(name, other, sizeof(other) - 1) == 0) {
		rest = name + sizeof(other) - 1;
		digits = strspn(rest, "0123456789");
		return digits > 0 && digits < 9 && !rest[digits] ? MEMBER_FILE : MEMBER_UNKNOWN;
	}
	if (strncmp(name, by_id, sizeof(by_id) - 1) != 0)
		return MEMBER_UNKNOWN;
	rest = name + sizeof(by_id) - 1;
	if (!is_hex(rest, 2) || rest[2] != '/')
		return MEMBER_UNKNOWN;
	digits = strspn(rest + 3, "0123456789abcdef");
	if (digits == 0 || digits > 126)
		return MEMBER_UNKNOWN;
	rest += 3 + digits;
	return !*rest || strcmp(rest, ".debug") == 0 ? MEMBER_FILE : MEMBER_UNKNOWN;
}

/* ---- paths ---- */

static char *encode(const char *path)
{
	static const char digits[] = "0123456789ABCDEF";
	char *text = malloc(3 * strlen(path) + 1), *at = text;

	for (; text && *path; path++) {
		unsigned char c = (unsigned char)*path;

		if (c > 0x20 && c < 0x7f && c != '%') {
			*at++ = *path;
			continue;
		}
		*at++ = '%';
		*at++ = digits[c >> 4];
		*at++ = digits[c & 15];
	}
	if (text)
		*at = 0;
	return text;
}

static int digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* NULL when it is not what encode() makes, or without memory. */
static char *decode(const char *text)
{
	char *path = malloc(strlen(text) + 1), *at = path;

	for (; path && *text; text++) {
		if (*text != '%') {
			*at++ = *text;
			continue;
		}
		if (digit(text[1]) < 0 || digit(text[2]) < 0 || (text[1] == '0' && text[2] == '0')) {
			free(path);
			return NULL;
		}
		*at++ = (char)(digit(text[1]) * 16 + digit(text[2]));
		text += 2;
	}
	if (path)
		*at = 0;
	return path;
}

/* ---- writing ---- */

/* Names of a host may be anything; what is not UTF-8 is left out. */
static json_t *text_json(const char *text)
{
	json_t *string = text ? json_string(text) : NULL;

	return string ?: json_null();
}

static json_t *path_json(const char *path)
{
	cleanup_free char *text = encode(path);

	return text ? json_string(text) : NULL;
}

static json_t *members_json(const struct bundle_manifest *manifest)
{
	json_t *array = json_array();

	for (size_t i = 0; i < manifest->member_count; i++) {
		const struct bundle_member *member = &manifest->members[i];
		json_t *object = json_object();
		char crc[9];

		snprintf(crc, sizeof(crc), "%08" PRIx32, member->crc);
		json_object_set_new(object, "name", json_string(member->name));
		json_object_set_new(object, "bytes", json_integer((json_int_t)member->bytes));
		json_object_set_new(object, "stored", json_integer((json_int_t)member->stored));
		json_object_set_new(object, "crc32", json_string(crc));
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *look_json(const struct elf_host_entry *look)
{
	const struct elf_host_facts *facts = &look->facts;
	json_t *object = json_object(), *device = json_array();

	json_object_set_new(object, "path", path_json(look->path));
	if (look->error) {
		json_decref(device);
		json_object_set_new(object, "error", json_integer(look->error));
		return object;
	}
	json_array_append_new(device, json_integer(facts->device_major));
	json_array_append_new(device, json_integer(facts->device_minor));
	json_object_set_new(object, "regular", json_boolean(facts->regular));
	json_object_set_new(object, "device", device);
	json_object_set_new(object, "inode", json_integer((json_int_t)facts->inode));
	json_object_set_new(object, "bytes", json_integer((json_int_t)facts->bytes));
	json_object_set_new(object, "modified_ns", json_integer(facts->modified_ns));
	json_object_set_new(object, "changed_ns", json_integer(facts->changed_ns));
	json_object_set_new(object, "member", text_json(look->content));
	return object;
}

static json_t *core_json(const struct bundle_manifest *manifest)
{
	json_t *object;

	if (!manifest->core_name)
		return json_null();
	object = json_object();
	json_object_set_new(object, "name", path_json(manifest->core_name));
	json_object_set_new(object, "modified_ns", json_integer(manifest->core_modified_ns));
	return object;
}

struct error *bundle_manifest_format(const struct bundle_manifest *manifest, char **ret_text)
{
	json_t *root = json_object(), *host = json_object(), *looks = json_array();
	cleanup_free char *text = NULL;

	json_object_set_new(root, "format", json_string("corelate-bundle"));
	json_object_set_new(root, "version", json_integer(BUNDLE_VERSION));
	json_object_set_new(root, "corelate_version", text_json(manifest->corelate_version));
	json_object_set_new(root, "made", text_json(manifest->made));
	json_object_set_new(root, "crash_id", text_json(manifest->crash_id));
	json_object_set_new(host, "name", text_json(manifest->host_name));
	json_object_set_new(host, "kernel", text_json(manifest->kernel));
	json_object_set_new(host, "machine", text_json(manifest->machine));
	json_object_set_new(host, "boot_id", text_json(manifest->boot_id));
	json_object_set_new(root, "host", host);
	json_object_set_new(root, "core", core_json(manifest));
	json_object_set_new(root, "signal_id", json_integer(manifest->signal_id));
	json_object_set_new(root, "exit_state_id", json_integer(manifest->exit_state_id));
	json_object_set_new(root, "members", members_json(manifest));
	for (size_t i = 0; i < manifest->look_count; i++)
		json_array_append_new(looks, look_json(&manifest->looks[i]));
	json_object_set_new(root, "looks", looks);
	text = json_dumps(root, JSON_INDENT(1));
	json_decref(root);
	*ret_text = text ? inert_json_text(text) : NULL;
	return *ret_text ? NULL : &error_no_memory;
}

/* ---- reading: each take_ function says false for what makes no sense ---- */

static bool take_number(const json_t *object, const char *name, int64_t least, int64_t most, int64_t *ret)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_integer(value) || json_integer_value(value) < least || json_integer_value(value) > most)
		return false;
	*ret = json_integer_value(value);
	return true;
}

/* NULL for null. */
static bool take_text(const json_t *object, const char *name, char **ret)
{
	const json_t *value = json_object_get(object, name);

	if (json_is_null(value))
		return true;
	if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
		return false;
	*ret = strdup(json_string_value(value));
	return *ret != NULL;
}

static bool take_path(const json_t *object, const char *name, char **ret)
{
	const json_t *value = json_object_get(object, name);

	*ret = json_is_string(value) ? decode(json_string_value(value)) : NULL;
	return *ret && **ret;
}

static bool take_member(const json_t *object, struct bundle_member *member)
{
	cleanup_free char *crc = NULL;
	int64_t bytes, stored;

	if (!take_text(object, "name", &member->name) || !member->name ||
	    !take_number(object, "bytes", 0, INT64_MAX, &bytes) || !take_number(object, "stored", 0, bytes, &stored) ||
	    !take_text(object, "crc32", &crc) || !crc || strlen(crc) != 8 || !is_hex(crc, 8))
		return false;
	member->bytes = (uint64_t)bytes;
	member->stored = (uint64_t)stored;
	member->crc = (uint32_t)strtoul(crc, NULL, 16);
	return true;
}

static bool take_members(const json_t *array, struct bundle_manifest *manifest)
{
	size_t count = json_array_size(array);

	if (!json_is_array(array) || count > MANIFEST_MEMBERS_MAX)
		return false;
	manifest->members = calloc(count + 1, sizeof(*manifest->members));
	for (size_t i = 0; manifest->members && i < count; i++) {
		if (!take_member(json_array_get(array, i), &manifest->members[manifest->member_count++]))
			return false;
	}
	return manifest->members;
}

static bool take_device(const json_t *array, struct elf_host_facts *facts)
{
	const json_t *major = json_array_get(array, 0), *minor = json_array_get(array, 1);

	if (!json_is_integer(major) || !json_is_integer(minor))
		return false;
	facts->device_major = (uint32_t)json_integer_value(major);
	facts->device_minor = (uint32_t)json_integer_value(minor);
	return true;
}

static bool take_look(const json_t *object, struct elf_host_entry *look)
{
	struct elf_host_facts *facts = &look->facts;
	int64_t error = 0, inode, bytes;

	if (!take_path(object, "path", &look->path))
		return false;
	if (json_object_get(object, "error")) {
		if (!take_number(object, "error", 1, 4095, &error))
			return false;
		look->error = (int)error;
		return true;
	}
	if (!json_is_boolean(json_object_get(object, "regular")) ||
	    !take_device(json_object_get(object, "device"), facts) ||
	    !take_number(object, "inode", INT64_MIN, INT64_MAX, &inode) ||
	    !take_number(object, "bytes", 0, INT64_MAX, &bytes) ||
	    !take_number(object, "modified_ns", INT64_MIN, INT64_MAX, &facts->modified_ns) ||
	    !take_number(object, "changed_ns", INT64_MIN, INT64_MAX, &facts->changed_ns) ||
	    !take_text(object, "member", &look->content))
		return false;
	facts->regular = json_is_true(json_object_get(object, "regular"));
	facts->inode = (uint64_t)inode;
	facts->bytes = (uint64_t)bytes;
	return !look->content || bundle_member_kind(look->content) == MEMBER_FILE;
}

static bool take_looks(const json_t *array, struct bundle_manifest *manifest)
{
	size_t count = json_array_size(array);

	if (!json_is_array(array) || count > MANIFEST_LOOKS_MAX)
		return false;
	manifest->looks = calloc(count + 1, sizeof(*manifest->looks));
	for (size_t i = 0; manifest->looks && i < count; i++) {
		if (!take_look(json_array_get(array, i), &manifest->looks[manifest->look_count++]))
			return false;
	}
	return manifest->looks;
}

static bool take_core(const json_t *object, struct bundle_manifest *manifest)
{
	return json_is_null(object) ||
	       (take_path(object, "name", &manifest->core_name) &&
		take_number(object, "modified_ns", INT64_MIN, INT64_MAX, &manifest->core_modified_ns));
}

static bool take_all(const json_t *root, struct bundle_manifest *manifest)
{
	const json_t *host = json_object_get(root, "host");

	return take_text(root, "corelate_version", &manifest->corelate_version) &&
	       take_text(root, "made", &manifest->made) && take_text(root, "crash_id", &manifest->crash_id) &&
	       take_text(host, "name", &manifest->host_name) && take_text(host, "kernel", &manifest->kernel) &&
	       take_text(host, "machine", &manifest->machine) && take_text(host, "boot_id", &manifest->boot_id) &&
	       take_core(json_object_get(root, "core"), manifest) &&
	       take_number(root, "signal_id", 0, INT64_MAX, &manifest->signal_id) &&
	       take_number(root, "exit_state_id", 0, INT64_MAX, &manifest->exit_state_id) &&
	       take_members(json_object_get(root, "members"), manifest) &&
	       take_looks(json_object_get(root, "looks"), manifest);
}

static struct error *take_root(const json_t *root, struct bundle_manifest *manifest)
{
	const char *format = json_string_value(json_object_get(root, "format"));
	int64_t version;

	if (!format || strcmp(format, "corelate-bundle") != 0 || !take_number(root, "version", 1, INT64_MAX, &version))
		return error_format(ERROR_INVALID, "its " MANIFEST_NAME " is not that of a bundle");
	if (version > BUNDLE_VERSION)
		return error_format(ERROR_UNSUPPORTED,
				    "made by a newer corelate (version %" PRId64 " of bundles, this build knows %d)",
				    version, BUNDLE_VERSION);
	if (!take_all(root, manifest))
		return error_format(ERROR_INVALID, "its " MANIFEST_NAME " makes no sense");
	return NULL;
}

struct error *bundle_manifest_parse(const char *text, size_t bytes, struct bundle_manifest *ret)
{
	struct bundle_manifest manifest = {0};
	json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);
	struct error *err;

	if (!root)
		return error_format(ERROR_INVALID, "its " MANIFEST_NAME " cannot be read");
	err = take_root(root, &manifest);
	json_decref(root);
	if (err)
		bundle_manifest_deinit(&manifest);
	else
		*ret = manifest;
	return err;
}
