/* SPDX-License-Identifier: MIT */
#include "analyzer/signature_name.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/words.h"
#include "common/array.h"

#define HASH_LENGTH 17 /* of "~" and its digits */

uint64_t signature_hash(const char *text, size_t length)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < length; i++) {
		hash ^= (unsigned char)text[i];
		hash *= 0x100000001b3ULL;
	}
	return hash;
}

static void put(char *out, size_t size, const char *text, size_t length)
{
	size_t kept = length < size ? length : size - 1 - HASH_LENGTH;

	memcpy(out, text, kept);
	out[kept] = 0;
	if (kept < length)
		snprintf(out + kept, size - kept, "~%016" PRIx64, signature_hash(text, length));
}

/* The length of `text` up to a "-1.2.3" at its end, or all of it. */
static size_t without_dashed_version(const char *text, size_t length)
{
	size_t start = length;

	while (start > 0 && (isdigit((unsigned char)text[start - 1]) || text[start - 1] == '.'))
		start--;
	return start > 1 && start < length && text[start - 1] == '-' ? start - 1 : length;
}

void signature_module(const char *path, char *out, size_t size)
{
	static const char deleted[] = " (deleted)";
	const char *name = words_base_name(path);
	size_t length = strlen(name);
	const char *suffix;

	if (length > sizeof(deleted) - 1 && strcmp(name + length - (sizeof(deleted) - 1), deleted) == 0)
		length -= sizeof(deleted) - 1;
	suffix = strstr(name, ".so");
	if (suffix && (size_t)(suffix - name) < length && (suffix[3] == 0 || suffix[3] == '.' || suffix[3] == ' ')) {
		put(out, size - strlen(".so"), name, without_dashed_version(name, (size_t)(suffix - name)));
		strcat(out, ".so");
		return;
	}
	put(out, size, name, length);
}

/* The suffixes that GCC, LLVM and Go's linker give to parts and copies of a function. */
static bool is_copy_suffix(const char *at)
{
	static const char *const suffixes[] = {
		".constprop.", ".isra.",      ".part.",	   ".cold",    ".lto_priv.", ".llvm.",
		".clone.",     ".localalias", ".resolver", ".__uniq.", ".abi0",	     ".abiinternal",
	};

	for (size_t i = 0; i < array_size(suffixes); i++) {
		if (strncmp(at, suffixes[i], strlen(suffixes[i])) == 0)
			return true;
	}
	return false;
}

/* Rust's older mangling ends in 17h, sixteen hexadecimal digits and E: a hash that changes with the compiler. */
static size_t without_rust_hash(const char *name, size_t length)
{
	const char *hash;

	if (length < 20 || name[length - 1] != 'E' || strncmp(name, "_ZN", 3) != 0)
		return length;
	hash = name + length - 20;
	return strncmp(hash, "17h", 3) == 0 && strspn(hash + 3, "0123456789abcdef") >= 16 ? length - 20 : length;
}

/* The length of "s3xY_" at `at`, where a crate's name follows: in Rust's newer mangling (RFC 2603, v0) that is the
 * crate's hash in base 62, which changes with the compiler and with the versions of other crates. 0 where there is
 * none. */
static size_t crate_hash_length(const char *at, const char *end)
{
	const char *digit = at + 1;

	if (at == end || *at != 's')
		return 0;
	while (digit < end && isalnum((unsigned char)*digit))
		digit++;
	return digit + 1 < end && *digit == '_' && isdigit((unsigned char)digit[1]) ? (size_t)(digit + 1 - at) : 0;
}

static void put_rust_v0(char *out, size_t size, const char *name, size_t length)
{
	const char *end = name + length;
	char plain[512];
	size_t used = 0;

	/* A longer one keeps its hashes. */
	if (length >= sizeof(plain)) {
		put(out, size, name, length);
		return;
	}
	for (const char *at = name; at < end; at++) {
		plain[used++] = *at;
		if (*at == 'C')
			at += crate_hash_length(at + 1, end);
	}
	put(out, size, plain, used);
}

void signature_function(const char *name, char *out, size_t size)
{
	size_t length = 0;

	while (name[length] && !(length && is_copy_suffix(name + length)) && !(length && name[length] == '@'))
		length++;
	if (strncmp(name, "_R", 2) == 0)
		put_rust_v0(out, size, name, length);
	else
		put(out, size, name, without_rust_hash(name, length));
}
