/* SPDX-License-Identifier: MIT */
/*
 * Errors as values.
 *
 * A fallible function returns `struct error *`: NULL on success, otherwise an error that the caller owns and must pass
 * on or destroy. The message is one line for a person, without a trailing newline, and already names the path or
 * address that it is about. Nothing here prints; only cli/ and the main function of corelated do.
 */
#ifndef COMMON_ERROR_H
#define COMMON_ERROR_H

#include <stdbool.h>

/* What a caller can act on. Everything else about an error is text for a person. */
enum error_code {
	ERROR_SYSTEM,	   /* a system or library call failed */
	ERROR_NO_MEMORY,   /* allocation failed; always the static sentinel error_no_memory */
	ERROR_NOT_FOUND,   /* what was asked for is not there */
	ERROR_INVALID,	   /* the input is not what it claims to be: not a core, not our database, a bad argument */
	ERROR_UNSUPPORTED, /* well-formed, but not for this build: another architecture, a newer database */
	ERROR_PERMISSION,  /* privilege is missing */
};

struct error {
	enum error_code code;
	int system_errno; /* 0 unless a system call failed */
	char *message;	  /* never NULL */
	bool is_static;	  /* a sentinel: error_destroy() leaves it alone */
};

#define must_check __attribute__((warn_unused_result))

/* Static sentinels; may be returned any number of times. */
extern struct error error_no_memory;
extern struct error error_not_found;

/* A new error with a formatted message; error_no_memory when even that cannot be allocated. Never NULL. */
struct error *error_format(enum error_code code, const char *format, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull)) must_check;

/* As error_format, with ": " and the text of `system_errno` appended. EPERM and EACCES give ERROR_PERMISSION, ENOENT
 * gives ERROR_NOT_FOUND, ENOMEM gives ERROR_NO_MEMORY, all others ERROR_SYSTEM. */
struct error *error_errno(int system_errno, const char *format, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull)) must_check;

/* Puts "PREFIX: " before the message of `err`, which it consumes. Passes NULL and sentinels' codes through. */
struct error *error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3))) must_check;

/* Frees an error. NULL and sentinels are fine. */
void error_destroy(struct error *err);

/* If *err is an error of this code: destroys it, leaves NULL there, and returns true. For what may fail that way, so
 * that the caller goes on: error_catch(&err, ERROR_NOT_FOUND); return err; */
bool error_catch(struct error **err, enum error_code code);

#endif
