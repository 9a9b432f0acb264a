/* SPDX-License-Identifier: MIT */
#include "common/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct error error_no_memory = {.code = ERROR_NO_MEMORY, .message = (char *)"out of memory", .is_static = true};
struct error error_not_found = {.code = ERROR_NOT_FOUND, .message = (char *)"not found", .is_static = true};

/* Takes ownership of `message`. */
static struct error *error_wrap(enum error_code code, int system_errno, char *message)
{
	struct error *err = malloc(sizeof(*err));

	if (!message || !err) {
		free(message);
		free(err);
		return &error_no_memory;
	}
	*err = (struct error){.code = code, .system_errno = system_errno, .message = message};
	return err;
}

struct error *error_format(enum error_code code, const char *format, ...)
{
	char *message = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&message, format, args) < 0)
		message = NULL;
	va_end(args);
	return error_wrap(code, 0, message);
}

static enum error_code code_of_errno(int system_errno)
{
	switch (system_errno) {
	case EPERM:
	case EACCES:
		return ERROR_PERMISSION;
	case ENOENT:
		return ERROR_NOT_FOUND;
	case ENOMEM:
		return ERROR_NO_MEMORY;
	default:
		return ERROR_SYSTEM;
	}
}

struct error *error_errno(int system_errno, const char *format, ...)
{
	char *what = NULL;
	char *message = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&what, format, args) < 0)
		what = NULL;
	va_end(args);
	if (what && asprintf(&message, "%s: %s", what, strerror(system_errno)) < 0)
		message = NULL;
	free(what);
	return error_wrap(code_of_errno(system_errno), system_errno, message);
}

struct error *error_prefix(struct error *err, const char *format, ...)
{
	char *prefix = NULL;
	char *message = NULL;
	struct error *wrapped;
	va_list args;

	if (!err)
		return NULL;
	va_start(args, format);
	if (vasprintf(&prefix, format, args) < 0)
		prefix = NULL;
	va_end(args);
	if (prefix && asprintf(&message, "%s: %s", prefix, err->message) < 0)
		message = NULL;
	free(prefix);
	wrapped = error_wrap(err->code, err->system_errno, message);
	error_destroy(err);
	return wrapped;
}

void error_destroy(struct error *err)
{
	if (!err || err->is_static)
		return;
	free(err->message);
	free(err);
}

bool error_catch(struct error **err, enum error_code code)
{
	if (!*err || (*err)->code != code)
		return false;
	error_destroy(*err);
	*err = NULL;
	return true;
}
