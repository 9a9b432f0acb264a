/* SPDX-License-Identifier: MIT */
#include "analyzer/demangle.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/demangle_rust.h"

#define DEPTH_MAX 16

struct demangler {
	const char *at;
	char *out;
	size_t size, length;
	bool failed;
	int depth;
	/* The last part of a name: what a constructor is called after. */
	size_t part_start, part_length;
};

static void put(struct demangler *d, const char *text, size_t length)
{
	if (d->length + length + 1 > d->size) {
		d->failed = true;
		return;
	}
	memcpy(d->out + d->length, text, length);
	d->length += length;
	d->out[d->length] = 0;
}

static void put_text(struct demangler *d, const char *text)
{
	put(d, text, strlen(text));
}

/* "$LT$", "$u20$" and so on, and ".." for "::" (rustc, legacy symbol names). */
static size_t rust_escape(const char *at, size_t left, char *ret)
{
	static const struct {
		const char *escape;
		char character;
	} escapes[] = {{"$SP$", '@'},  {"$BP$", '*'},  {"$RF$", '&'},  {"$LT$", '<'},	{"$GT$", '>'},	{"$LP$", '('},
		       {"$RP$", ')'},  {"$C$", ','},   {"$u20$", ' '}, {"$u27$", '\''}, {"$u5b$", '['}, {"$u5d$", ']'},
		       {"$u7b$", '{'}, {"$u7d$", '}'}, {"$u3b$", ';'}, {"$u2b$", '+'},	{"$u22$", '"'}};

	for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
		size_t length = strlen(escapes[i].escape);

		if (length <= left && strncmp(at, escapes[i].escape, length) == 0) {
			*ret = escapes[i].character;
			return length;
		}
	}
	return 0;
}

static void put_identifier(struct demangler *d, const char *name, size_t length)
{
	/* A Rust name may not begin with an escape: it gets an underscore in front. */
	if (length > 1 && name[0] == '_' && name[1] == '$') {
		name++;
		length--;
	}
	for (size_t i = 0; i < length;) {
		char character;
		size_t escape = rust_escape(name + i, length - i, &character);

		if (escape) {
			put(d, &character, 1);
			i += escape;
		} else if (i + 1 < length && name[i] == '.' && name[i + 1] == '.') {
			put_text(d, "::");
			i += 2;
		} else {
			put(d, name + i++, 1);
		}
	}
}

static bool is_rust_hash(const char *name, size_t length)
{
	if (length != 17 || name[0] != 'h')
		return false;
	for (size_t i = 1; i < length; i++) {
		if (!isxdigit((unsigned char)name[i]))
			return false;
	}
	return true;
}

static void parse_type(struct demangler *d);

/* I <types> E: printed as <…>, with what cannot be read left out. */
static void parse_arguments(struct demangler *d)
{
	bool first = true;

	put_text(d, "<");
	d->at++;
	while (*d->at && *d->at != 'E' && !d->failed) {
		if (!first)
			put_text(d, ", ");
		first = false;
		if (*d->at == 'L') { /* a literal: its digits */
			d->at += 2;
			put(d, d->at, strspn(d->at, "n0123456789"));
			d->at += strspn(d->at, "n0123456789");
			if (*d->at++ != 'E')
				d->failed = true;
		} else {
			parse_type(d);
		}
	}
	if (*d->at != 'E')
		d->failed = true;
	else
		d->at++;
	put_text(d, ">");
}

/* <length> <name>, a constructor, a destructor, or an operator, which is only called so. */
static void parse_part(struct demangler *d, bool separate)
{
	size_t length = 0;

	if (isdigit((unsigned char)*d->at)) {
		while (isdigit((unsigned char)*d->at) && length < 4096)
			length = length * 10 + (size_t)(*d->at++ - '0');
		if (length == 0 || strnlen(d->at, length) < length) {
			d->failed = true;
			return;
		}
		if (separate && is_rust_hash(d->at, length) && d->at[length] == 'E') {
			d->at += length;
			return;
		}
		if (separate)
			put_text(d, "::");
		d->part_start = d->length;
		if (strncmp(d->at, "_GLOBAL__N_", 11) == 0)
			put_text(d, "(anonymous)");
		else
			put_identifier(d, d->at, length);
		d->part_length = d->length - d->part_start;
		d->at += length;
	} else if ((d->at[0] == 'C' || d->at[0] == 'D') && d->at[1] >= '0' && d->at[1] <= '5' && separate) {
		char name[128];
		size_t keep = d->part_length < sizeof(name) ? d->part_length : sizeof(name);

		memcpy(name, d->out + d->part_start, keep);
		put_text(d, d->at[0] == 'C' ? "::" : "::~");
		put(d, name, keep);
		d->at += 2;
	} else if (islower((unsigned char)d->at[0]) && islower((unsigned char)d->at[1]) && separate) {
		put_text(d, "::operator");
		d->at += 2;
	} else {
		d->failed = true;
	}
}

/* B <length> <name>: an ABI tag */
static void skip_tag(struct demangler *d)
{
	size_t kept = d->length;

	d->at++;
	parse_part(d, false);
	d->length = kept;
	d->out[kept] = 0;
}

/* N [qualifiers] <parts> E */
static void parse_nested(struct demangler *d)
{
	bool separate = false;

	d->at++;
	while (*d->at == 'K' || *d->at == 'V' || *d->at == 'r' || *d->at == 'R' || *d->at == 'O')
		d->at++;
	if (d->at[0] == 'S' && d->at[1] == 't') {
		put_text(d, "std");
		d->at += 2;
		separate = true;
	} else if (d->at[0] == 'S' && (d->at[1] == 's' || d->at[1] == 'a')) {
		put_text(d, d->at[1] == 's' ? "std::string" : "std::allocator");
		d->at += 2;
		separate = true;
	}
	while (*d->at && *d->at != 'E' && !d->failed) {
		if (*d->at == 'I')
			parse_arguments(d);
		else if (*d->at == 'B')
			skip_tag(d);
		else
			parse_part(d, separate);
		separate = true;
	}
	if (*d->at != 'E')
		d->failed = true;
	else
		d->at++;
}

static bool put_standard(struct demangler *d)
{
	static const struct {
		const char *code, *name;
	} names[] = {{"Ss", "std::string"},  {"Sa", "std::allocator"}, {"Sb", "std::basic_string"},
		     {"Si", "std::istream"}, {"So", "std::ostream"},   {"Sd", "std::iostream"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncmp(d->at, names[i].code, 2) == 0) {
			put_text(d, names[i].name);
			d->at += 2;
			return true;
		}
	}
	return false;
}

static bool put_builtin(struct demangler *d)
{
	static const struct {
		char code;
		const char *name;
	} names[] = {{'v', "void"},
		     {'b', "bool"},
		     {'c', "char"},
		     {'a', "signed char"},
		     {'h', "unsigned char"},
		     {'s', "short"},
		     {'t', "unsigned short"},
		     {'i', "int"},
		     {'j', "unsigned int"},
		     {'l', "long"},
		     {'m', "unsigned long"},
		     {'x', "long long"},
		     {'y', "unsigned long long"},
		     {'f', "float"},
		     {'d', "double"},
		     {'e', "long double"},
		     {'w', "wchar_t"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (*d->at == names[i].code) {
			put_text(d, names[i].name);
			d->at++;
			return true;
		}
	}
	return false;
}

static void parse_type(struct demangler *d)
{
	const char *suffix = *d->at == 'P'   ? "*"
			     : *d->at == 'R' ? "&"
			     : *d->at == 'O' ? "&&"
			     : *d->at == 'K' ? " const"
					     : NULL;

	if (++d->depth > DEPTH_MAX) {
		d->failed = true;
		return;
	}
	if (suffix) {
		d->at++;
		parse_type(d);
		put_text(d, suffix);
	} else if (*d->at == 'N') {
		parse_nested(d);
	} else if (d->at[0] == 'S' && d->at[1] == 't') {
		put_text(d, "std::");
		d->at += 2;
		parse_part(d, false);
		if (*d->at == 'I')
			parse_arguments(d);
	} else if (isdigit((unsigned char)*d->at)) {
		parse_part(d, false);
		if (*d->at == 'I')
			parse_arguments(d);
	} else if (!put_standard(d) && !put_builtin(d)) {
		d->failed = true;
	}
	d->depth--;
}

bool demangle_type(const char *mangled, char *out, size_t size)
{
	struct demangler d = {.at = mangled + (*mangled == '*'), .out = out, .size = size};

	if (!size)
		return false;
	out[0] = 0;
	parse_type(&d);
	/* What every program has under a name that nobody writes. */
	if (!d.failed && !*d.at)
		return true;
	if (strncmp(d.at, "NSt7__cxx1112basic_string", 25) == 0 ||
	    strncmp(mangled, "NSt7__cxx1112basic_string", 25) == 0)
		return snprintf(out, size, "std::string") < (int)size;
	return false;
}

bool demangle_function(const char *mangled, char *out, size_t size)
{
	struct demangler d = {.at = mangled + 2, .out = out, .size = size};

	if (demangle_rust(mangled, out, size))
		return true;
	if (!size || mangled[0] != '_' || mangled[1] != 'Z')
		return false;
	out[0] = 0;
	if (*d.at == 'L') /* a static function */
		d.at++;
	if (*d.at == 'N') {
		parse_nested(&d);
	} else if (d.at[0] == 'S' && d.at[1] == 't') {
		put_text(&d, "std::");
		d.at += 2;
		parse_part(&d, false);
	} else {
		parse_part(&d, false);
	}
	/* The parameters follow. A name whose template arguments hold what is not known here: its own part will do. */
	return !d.failed && d.length > 0;
}
