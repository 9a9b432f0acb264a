/* SPDX-License-Identifier: MIT */
#include "analyzer/probe/probe_type.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"

#define WORD_BYTES_MAX 64

struct named_kind {
	const char *name, *kind;
};

/* Of the ABI and of glibc on x86-64; the short ones are the kernel's and Rust's. */
static const struct named_kind c_names[] = {
	{"bool", "u8"},	      {"_Bool", "u8"},	   {"int8_t", "i8"},	 {"uint8_t", "u8"},    {"int16_t", "i16"},
	{"uint16_t", "u16"},  {"int32_t", "i32"},  {"uint32_t", "u32"},	 {"int64_t", "i64"},   {"uint64_t", "u64"},
	{"size_t", "u64"},    {"ssize_t", "i64"},  {"ptrdiff_t", "i64"}, {"intptr_t", "i64"},  {"uintptr_t", "u64"},
	{"off_t", "i64"},     {"off64_t", "i64"},  {"time_t", "i64"},	 {"clock_t", "i64"},   {"pid_t", "i32"},
	{"uid_t", "u32"},     {"gid_t", "u32"},	   {"mode_t", "u32"},	 {"dev_t", "u64"},     {"ino_t", "u64"},
	{"socklen_t", "u32"}, {"wchar_t", "i32"},  {"wint_t", "u32"},	 {"char8_t", "u8"},    {"char16_t", "u16"},
	{"char32_t", "u32"},  {"intmax_t", "i64"}, {"uintmax_t", "u64"}, {"pthread_t", "u64"}, {"u8", "u8"},
	{"i8", "i8"},	      {"u16", "u16"},	   {"i16", "i16"},	 {"u32", "u32"},       {"i32", "i32"},
	{"u64", "u64"},	      {"i64", "i64"},	   {"usize", "u64"},	 {"isize", "i64"},     {"this", "ptr"},
};

static const struct named_kind go_names[] = {
	{"int", "i64"},	 {"int8", "i8"},  {"int16", "i16"},   {"int32", "i32"},	 {"int64", "i64"},
	{"uint", "u64"}, {"uint8", "u8"}, {"uint16", "u16"},  {"uint32", "u32"}, {"uint64", "u64"},
	{"byte", "u8"},	 {"rune", "i32"}, {"uintptr", "u64"}, {"bool", "u8"},	 {"unsafe.Pointer", "ptr"},
};

static const char *find_kind(const struct named_kind *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i].name, name) == 0)
			return names[i].kind;
	}
	return NULL;
}

#define FIND_KIND(names, name) find_kind(names, array_size(names), name)

static unsigned kind_bytes(const char *kind)
{
	return strcmp(kind, "ptr") == 0 ? 8 : (unsigned)strtoul(kind + 1, NULL, 10) / 8;
}

static void set_plain(struct probe_type *type, const char *kind)
{
	*type = (struct probe_type){.shape = PROBE_TYPE_PLAIN, .words = 1};
	snprintf(type->kind, sizeof(type->kind), "%s", kind);
	type->bytes = strcmp(kind, "string") == 0 ? 8 : kind_bytes(kind);
}

static struct error *refuse_float(const char *text)
{
	return error_format(ERROR_INVALID,
			    "'%s' is passed in a vector register, and those are not recorded; leave it out (a "
			    "result: write void), the other arguments stay where they are",
			    text);
}

/* What has been read of a declaration. */
struct declaration {
	unsigned stars, longs;
	bool is_unsigned, is_signed, is_short, is_int, is_char, is_void, is_float, is_tag, is_enum, has_base;
	const char *kind; /* of a name in the table */
	bool has_array;	  /* [...] */
	bool by_argument; /* [argN] */
	unsigned long count;
	unsigned names; /* words that say nothing: of the parameter, of the structure */
};

static bool take_keyword(struct declaration *declaration, const char *word)
{
	static const char *const ignored[] = {"const", "volatile", "restrict", "__restrict", "register", "static"};

	for (size_t i = 0; i < array_size(ignored); i++) {
		if (strcmp(word, ignored[i]) == 0)
			return true;
	}
	if (strcmp(word, "unsigned") == 0)
		declaration->is_unsigned = true;
	else if (strcmp(word, "signed") == 0)
		declaration->is_signed = true;
	else if (strcmp(word, "short") == 0)
		declaration->is_short = true;
	else if (strcmp(word, "long") == 0)
		declaration->longs++;
	else if (strcmp(word, "int") == 0)
		declaration->is_int = true;
	else if (strcmp(word, "char") == 0)
		declaration->is_char = true;
	else if (strcmp(word, "void") == 0)
		declaration->is_void = true;
	else if (strcmp(word, "float") == 0 || strcmp(word, "double") == 0)
		declaration->is_float = true;
	else if (strcmp(word, "struct") == 0 || strcmp(word, "union") == 0 || strcmp(word, "class") == 0)
		declaration->is_tag = true;
	else if (strcmp(word, "enum") == 0)
		declaration->is_enum = true;
	else
		return false;
	declaration->has_base = true;
	return true;
}

static void take_word(struct declaration *declaration, const char *word)
{
	const char *kind;

	if (take_keyword(declaration, word))
		return;
	kind = declaration->has_base ? NULL : FIND_KIND(c_names, word);
	if (kind) {
		declaration->kind = kind;
		declaration->has_base = true;
	} else {
		declaration->names++;
	}
}

/* "[arg1]" or "[16]", from the bracket on. */
static const char *take_array(struct declaration *declaration, const char *at)
{
	const char *digits = at + 1 + strspn(at + 1, " ");
	char *end;

	declaration->by_argument = strncmp(digits, "arg", 3) == 0;
	digits += declaration->by_argument ? 3 : 0;
	declaration->count = strtoul(digits, &end, 0);
	end += strspn(end, " ");
	if (declaration->has_array || !isdigit((unsigned char)*digits) || *end != ']')
		return NULL;
	declaration->has_array = true;
	return end + 1;
}

/* False when the text is no declaration. */
static bool read_declaration(const char *text, struct declaration *ret)
{
	*ret = (struct declaration){0};
	while (text && *text) {
		char word[WORD_BYTES_MAX];
		size_t length = 0;

		if (isspace((unsigned char)*text)) {
			text++;
		} else if (*text == '*' || *text == '&') {
			ret->stars++;
			text++;
		} else if (*text == '[') {
			text = take_array(ret, text);
		} else {
			while (isalnum((unsigned char)text[length]) || text[length] == '_' || text[length] == ':')
				length++;
			if (length == 0 || length >= sizeof(word))
				return false;
			memcpy(word, text, length);
			word[length] = 0;
			take_word(ret, word);
			text += length;
		}
	}
	return text != NULL;
}

static const char *integer_kind(const struct declaration *declaration)
{
	if (declaration->kind)
		return declaration->kind;
	if (declaration->is_char)
		return declaration->is_unsigned ? "u8" : "i8";
	if (declaration->is_short)
		return declaration->is_unsigned ? "u16" : "i16";
	if (declaration->longs)
		return declaration->is_unsigned ? "u64" : "i64";
	if (declaration->is_int || declaration->is_unsigned || declaration->is_signed || declaration->is_enum)
		return declaration->is_unsigned ? "u32" : "i32";
	return NULL;
}

static struct error *make_buffer(const char *text, const struct declaration *declaration, struct probe_type *ret)
{
	const char *kind = integer_kind(declaration);
	unsigned bytes = kind && !declaration->stars ? kind_bytes(kind) : declaration->is_void ? 1 : 0;

	if (bytes == 0 || (declaration->by_argument && bytes != 1))
		return error_format(ERROR_INVALID,
				    "'%s': a buffer is char[argN], of as many bytes as argument N (from 0) "
				    "says, or char[BYTES]",
				    text);
	if (declaration->count == 0 && !declaration->by_argument)
		return error_format(ERROR_INVALID, "'%s' is a buffer of no bytes", text);
	if (declaration->count > 1u << 20)
		return error_format(ERROR_INVALID, "'%s' is too large a buffer", text);
	set_plain(ret, "ptr");
	if (declaration->by_argument) {
		ret->shape = PROBE_TYPE_BUFFER;
		ret->length_argument = (unsigned)declaration->count;
	} else {
		snprintf(ret->kind, sizeof(ret->kind), "buffer:=%lu", declaration->count * bytes);
	}
	return NULL;
}

struct error *probe_type_read_c(const char *text, struct probe_type *ret)
{
	struct declaration declaration;
	const char *kind;

	if (strcmp(text, "_") == 0) {
		set_plain(ret, "u64");
		ret->shape = PROBE_TYPE_SKIPPED;
		return NULL;
	}
	if (strcmp(text, "...") == 0)
		return error_format(ERROR_INVALID, "'...': write the types of the arguments that a call has");
	if (!read_declaration(text, &declaration))
		return error_format(ERROR_INVALID,
				    "'%s' is not a type that is understood: an integer, a pointer, "
				    "char *, char[argN] or char[BYTES]",
				    text);
	if (declaration.has_array)
		return make_buffer(text, &declaration, ret);
	if (declaration.stars > 0) {
		bool is_string = declaration.stars == 1 && declaration.is_char && !declaration.is_unsigned &&
				 !declaration.is_signed && !strchr(text, '&');

		set_plain(ret, is_string ? "string" : "ptr");
		return NULL;
	}
	if (declaration.is_float && !declaration.longs)
		return refuse_float(text);
	if (declaration.is_float || declaration.is_tag)
		return error_format(ERROR_INVALID, "'%s' is passed by value in memory; that is not supported", text);
	kind = integer_kind(&declaration);
	if (!kind && declaration.is_void)
		return error_format(ERROR_INVALID, "'%s': an argument cannot be void", text);
	/* One name may follow, that of the parameter; and enum and its like have one. */
	if (!kind || declaration.names > 1u + declaration.is_enum)
		return error_format(ERROR_INVALID,
				    "'%s' is not a type that is known; write the integer that it is "
				    "(int, uint64_t, ...), or a pointer",
				    text);
	set_plain(ret, kind);
	return NULL;
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

struct error *probe_type_read_go(const char *text, struct probe_type *ret)
{
	const char *kind = FIND_KIND(go_names, text);

	if (strcmp(text, "_") == 0) {
		set_plain(ret, "u64");
		ret->shape = PROBE_TYPE_SKIPPED;
		return NULL;
	}
	if (kind) {
		set_plain(ret, kind);
		return NULL;
	}
	set_plain(ret, "ptr");
	if (*text == '*' || starts_with(text, "map[") || starts_with(text, "chan ") || starts_with(text, "<-chan ") ||
	    starts_with(text, "func("))
		return NULL;
	if (strcmp(text, "string") == 0 || starts_with(text, "[]")) {
		ret->shape = PROBE_TYPE_COUNTED;
		ret->words = *text == '[' ? 3 : 2;
		/* What a slice counts is elements; their size is known of bytes alone. */
		if (*text == '[' && strcmp(text, "[]byte") != 0 && strcmp(text, "[]uint8") != 0)
			ret->shape = PROBE_TYPE_PAIR;
		return NULL;
	}
	if (strcmp(text, "error") == 0 || strcmp(text, "any") == 0 || starts_with(text, "interface")) {
		ret->shape = PROBE_TYPE_PAIR;
		ret->words = 2;
		return NULL;
	}
	if (starts_with(text, "float") || starts_with(text, "complex"))
		return refuse_float(text);
	return error_format(ERROR_INVALID,
			    "'%s' is not a type of Go that is known; write what it is made of (int, string, "
			    "[]byte, *T, error, ...)",
			    text);
}
