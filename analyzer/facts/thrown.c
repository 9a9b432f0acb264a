/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/thrown.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/elf/elf_demangle.h"
#include "common/cleanup.h"

/* From the header's fields to the class of exception in its end: exceptionType is the first field, and there are eighty
 * bytes of fields in front of the unwinder's part. */
#define TYPE_BEFORE_CLASS 80
#define HANDLERS_BEFORE_CLASS 40
#define HANDLERS_MAX 1000000
#define OBJECT_AFTER_CLASS 32
#define TLS_BYTES (64u << 10)
#define STACK_BYTES (64u << 10)
#define BASES_MAX 8

static bool is_class(uint64_t word)
{
	/* "GNUCC++" and "CLNGC++" with a last byte of 0; of 1 for one that was rethrown by std::rethrow_exception,
	 * whose header is another. */
	return word == 0x474e5543432b2b00 || word == 0x434c4e47432b2b00;
}

static bool is_dependent(uint64_t word)
{
	return word == 0x474e5543432b2b01 || word == 0x434c4e47432b2b01;
}

/* The name in a type_info: its second word. */
static bool read_type_name(const struct core *core, uint64_t type, char *name, size_t size)
{
	uint64_t address;
	size_t length;

	if (!type || type % 8 || !core_read_word(core, type + 8, &address))
		return false;
	size = core_read(core, address, name, size - 1);
	name[size] = 0;
	length = strnlen(name, size);
	if (!length || length == size)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!isalnum((unsigned char)name[i]) && name[i] != '_' && !(i == 0 && name[i] == '*') && name[i] != '.')
			return false;
	}
	return true;
}

static bool read_text(const struct core *core, uint64_t address, size_t length, struct thrown *thrown)
{
	size_t size = length < sizeof(thrown->text) - 1 ? length : sizeof(thrown->text) - 1;

	size = core_read(core, address, thrown->text, size);
	thrown->text[size] = 0;
	return size > 0 || length == 0;
}

/* std::runtime_error and std::logic_error keep a pointer to their text behind the pointer to their table; derived
 * classes have them for a first base. __si_class_type_info has its base in the third word. */
static bool keeps_text(const struct core *core, uint64_t type)
{
	char name[256];

	for (int i = 0; i < BASES_MAX && read_type_name(core, type, name, sizeof(name)); i++) {
		if (strcmp(name, "St13runtime_error") == 0 || strcmp(name, "St11logic_error") == 0)
			return true;
		if (!core_read_word(core, type + 16, &type))
			break;
	}
	return false;
}

static void read_value(const struct core *core, uint64_t type, const char *name, struct thrown *thrown)
{
	uint64_t words[2] = {0};

	if (core_read(core, thrown->object, words, sizeof(words)) < sizeof(words[0]))
		return;
	if (keeps_text(core, type)) {
		thrown->has_text = read_text(core, words[1], SIZE_MAX, thrown);
	} else if (strcmp(name, "PKc") == 0 || strcmp(name, "Pc") == 0) {
		thrown->has_text = read_text(core, words[0], SIZE_MAX, thrown);
	} else if (strncmp(name, "NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE", 52) == 0) {
		thrown->has_text = read_text(core, words[0], words[1] < 1 << 20 ? words[1] : 0, thrown);
	} else if (strcmp(name, "i") == 0 || strcmp(name, "j") == 0 || strcmp(name, "l") == 0 ||
		   strcmp(name, "m") == 0) {
		thrown->has_text = true;
		snprintf(thrown->text, sizeof(thrown->text), "%lld",
			 name[0] == 'i'	  ? (long long)(int32_t)words[0]
			 : name[0] == 'j' ? (long long)(uint32_t)words[0]
					  : (long long)words[0]);
	}
}

/* How many handlers it is in (negative while it is thrown again) is a field of the header, of the dependent kind's too.
 * Whoever ends the program for an exception enters one first (__cxa_begin_catch); one that was dealt with, or is only
 * kept, is in none, and its memory may still look like one. */
static bool is_handled(const struct core *core, uint64_t place)
{
	int32_t handlers;

	return core_read(core, place - HANDLERS_BEFORE_CLASS, &handlers, sizeof(handlers)) == sizeof(handlers) &&
	       handlers != 0 && handlers > -HANDLERS_MAX && handlers < HANDLERS_MAX;
}

/* In front of the header stands how many hold the object: 0 once it is gone, or what the allocator writes into a free
 * block (libstdc++: an int 16 bytes before the type; libc++abi: a word right before it). */
static bool is_alive(const struct core *core, uint64_t object, uint64_t class)
{
	uint64_t type = object - OBJECT_AFTER_CLASS - TYPE_BEFORE_CLASS, word;
	bool is_gnu = class == 0x474e5543432b2b00;

	if (!core_read_word(core, type - (is_gnu ? 16 : 8), &word))
		return false;
	word = is_gnu ? (uint32_t)word : word;
	return word > 0 && word < HANDLERS_MAX;
}

/* `place` is where the class of exception stands. */
static bool read_exception(const struct core *core, uint64_t place, struct thrown *thrown)
{
	cleanup_free char *readable = NULL;
	uint64_t word, type;
	char name[256];

	if (place % 8 || !core_read_word(core, place, &word) || !(is_class(word) || is_dependent(word)) ||
	    !is_handled(core, place))
		return false;
	thrown->object = place + OBJECT_AFTER_CLASS;
	if (is_dependent(word)) {
		/* The primary object's address stands in the place of the type. */
		if (!core_read_word(core, place - TYPE_BEFORE_CLASS, &thrown->object) ||
		    !core_read_word(core, thrown->object - OBJECT_AFTER_CLASS, &word))
			return false;
	}
	if (!is_class(word) || !is_alive(core, thrown->object, word) ||
	    !core_read_word(core, thrown->object - OBJECT_AFTER_CLASS - TYPE_BEFORE_CLASS, &type) ||
	    !read_type_name(core, type, name, sizeof(name)))
		return false;
	thrown->found = true;
	readable = elf_demangle_type(name);
	snprintf(thrown->type, sizeof(thrown->type), "%s", readable ?: name);
	read_value(core, type, name, thrown);
	return true;
}

/* Reads the words of [start, end) that lie in the core; the caller frees them. */
static size_t read_words(const struct core *core, uint64_t start, uint64_t end, uint64_t **ret_words)
{
	uint64_t *words = end > start ? malloc(end - start) : NULL;

	*ret_words = words;
	return words ? core_read_dumped(core, start, words, end - start) / sizeof(*words) : 0;
}

static bool find_in_list(const struct core *core, struct thrown *thrown)
{
	uint64_t pointer = core->threads[0].registers[CORE_FS_BASE] & ~7ULL;
	const struct core_segment *segment = core_find_segment(core, pointer);
	cleanup_free uint64_t *words = NULL;
	uint64_t start;
	size_t count;

	if (!segment)
		return false;
	start = pointer - segment->start < TLS_BYTES ? segment->start : pointer - TLS_BYTES;
	count = read_words(core, start, pointer, &words);
	for (size_t i = count; i-- > 0;) {
		/* caughtExceptions points to the first field of the header. */
		if (words[i] > 4096 && words[i] % 8 == 0 &&
		    read_exception(core, words[i] + TYPE_BEFORE_CLASS, thrown)) {
			thrown->from_list = true;
			return true;
		}
	}
	return false;
}

void thrown_find(const struct core *core, uint64_t limit, struct thrown *ret_thrown)
{
	uint64_t start = core->threads[0].registers[CORE_RSP] & ~7ULL;
	cleanup_free uint64_t *words = NULL;
	size_t count;

	*ret_thrown = (struct thrown){0};
	if (find_in_list(core, ret_thrown))
		return;
	count = read_words(core, start, limit > start && limit - start < STACK_BYTES ? limit : start + STACK_BYTES,
			   &words);
	for (size_t i = 0; i < count; i++) {
		if (words[i] > 4096 && words[i] % 8 == 0 &&
		    (read_exception(core, words[i], ret_thrown) ||
		     read_exception(core, words[i] - OBJECT_AFTER_CLASS, ret_thrown) ||
		     read_exception(core, words[i] + TYPE_BEFORE_CLASS, ret_thrown)))
			return;
	}
}
