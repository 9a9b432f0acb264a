/* SPDX-License-Identifier: MIT */
/* Rust's newer names, "_R…" (The rustc book, "v0 Symbol Format"): the path of the item. Generic arguments are read, for
 * what follows them, but not printed. */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/demangle_rust.h"

#define DEPTH_MAX 32
#define STEPS_MAX 4096

struct reader {
	const char *start; /* behind "_R": what back references count from */
	const char *at;
	char *out;
	size_t size, length;
	int depth, silent;
	unsigned steps; /* back references could make a short name long */
	bool failed;
};

static void put(struct reader *r, const char *text, size_t length)
{
	if (r->silent || r->failed)
		return;
	if (r->length + length + 1 > r->size) {
		r->failed = true;
		return;
	}
	memcpy(r->out + r->length, text, length);
	r->length += length;
	r->out[r->length] = 0;
}

static bool take(struct reader *r, char character)
{
	if (*r->at != character)
		return false;
	r->at++;
	return true;
}

/* [0-9a-zA-Z]* _ : nothing is 0, else the number plus one. */
static uint64_t read_base62(struct reader *r)
{
	uint64_t value = 0;

	if (take(r, '_'))
		return 0;
	/* A crate's number has 64 bits; where it is a place, the caller checks it. */
	for (; isalnum((unsigned char)*r->at); r->at++) {
		char c = *r->at;

		value = value * 62 + (uint64_t)(isdigit((unsigned char)c)   ? c - '0'
						: islower((unsigned char)c) ? c - 'a' + 10
									    : c - 'A' + 36);
	}
	if (!take(r, '_'))
		r->failed = true;
	return value + 1;
}

static void skip_disambiguator(struct reader *r)
{
	if (take(r, 's'))
		read_base62(r);
}

static void read_identifier(struct reader *r, bool separate, bool closure)
{
	size_t length = 0;

	skip_disambiguator(r);
	take(r, 'u');
	while (isdigit((unsigned char)*r->at) && length < 4096)
		length = length * 10 + (size_t)(*r->at++ - '0');
	take(r, '_');
	if (strnlen(r->at, length) < length) {
		r->failed = true;
		return;
	}
	if (separate && (length || closure))
		put(r, "::", 2);
	if (closure && !length)
		put(r, "{closure}", 9);
	put(r, r->at, length);
	r->at += length;
}

static void read_path(struct reader *r);

static void follow_back(struct reader *r, void (*read)(struct reader *r))
{
	const char *back;
	uint64_t offset = read_base62(r);

	if (r->failed || offset >= (uint64_t)(r->at - r->start)) {
		r->failed = true;
		return;
	}
	back = r->at;
	r->at = r->start + offset;
	read(r);
	r->at = back;
}

static void read_type(struct reader *r)
{
	static const char basic[] = "abcdefhijlmnopstuvxyz";

	if (++r->depth > DEPTH_MAX || ++r->steps > STEPS_MAX) {
		r->failed = true;
		return;
	}
	if (strchr("CMXYNI", *r->at) && *r->at) {
		read_path(r);
	} else if (take(r, 'B')) {
		follow_back(r, read_type);
	} else if (take(r, 'R') || take(r, 'Q')) {
		if (take(r, 'L'))
			read_base62(r);
		put(r, "&", 1);
		read_type(r);
	} else if (take(r, 'P') || take(r, 'O')) {
		put(r, "*", 1);
		read_type(r);
	} else if (take(r, 'S')) {
		read_type(r);
	} else if (take(r, 'T')) {
		while (!r->failed && *r->at && *r->at != 'E')
			read_type(r);
		if (!take(r, 'E'))
			r->failed = true;
	} else if (*r->at && strchr(basic, *r->at)) {
		put(r, "_", 1);
		r->at++;
	} else {
		r->failed = true; /* arrays, functions, traits: not needed for a path */
	}
	r->depth--;
}

static void skip_arguments(struct reader *r)
{
	r->silent++;
	while (!r->failed && *r->at && *r->at != 'E') {
		if (take(r, 'L'))
			read_base62(r);
		else if (*r->at == 'K')
			r->failed = true;
		else
			read_type(r);
	}
	if (!take(r, 'E'))
		r->failed = true;
	r->silent--;
}

static void skip_path(struct reader *r)
{
	r->silent++;
	skip_disambiguator(r);
	read_path(r);
	r->silent--;
}

static void read_path(struct reader *r)
{
	char namespace;

	if (r->failed || ++r->depth > DEPTH_MAX || ++r->steps > STEPS_MAX) {
		r->failed = true;
		return;
	}
	if (take(r, 'C')) {
		read_identifier(r, false, false);
	} else if (take(r, 'N')) {
		namespace = *r->at;
		if (namespace)
			r->at++;
		read_path(r);
		read_identifier(r, true, namespace == 'C');
	} else if (take(r, 'M')) {
		skip_path(r);
		read_type(r);
	} else if (take(r, 'X') || take(r, 'Y')) {
		if (r->at[-1] == 'X')
			skip_path(r);
		read_type(r);
		r->silent++;
		read_path(r);
		r->silent--;
	} else if (take(r, 'I')) {
		read_path(r);
		skip_arguments(r);
	} else if (take(r, 'B')) {
		follow_back(r, read_path);
	} else {
		r->failed = true;
	}
	r->depth--;
}

bool demangle_rust(const char *mangled, char *out, size_t size)
{
	struct reader r = {.start = mangled + 2, .at = mangled + 2, .out = out, .size = size};

	if (!size || mangled[0] != '_' || mangled[1] != 'R')
		return false;
	out[0] = 0;
	read_path(&r);
	return !r.failed && r.length > 0;
}
