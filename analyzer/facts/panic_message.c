/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/panic_message.h"

#include <elf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#define FRAMES_BYTES_MAX 65536
#define TEXT_BYTES_MAX 400 /* of a longer one its beginning */
#define LENGTH_MAX (1 << 20)

/* UTF-8, as the strings of both languages are; the last character may be cut off. No control characters but white
 * space, which becomes blanks. */
static bool is_text(char *text, size_t size)
{
	size_t left = 0; /* bytes of the character that are to come */

	for (size_t i = 0; i < size; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (left) {
			if ((byte & 0xc0) != 0x80)
				return false;
			left--;
		} else if (byte == '\n' || byte == '\t') {
			text[i] = ' ';
		} else if (byte >= 0xc2 && byte < 0xf5) {
			left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
		} else if (byte < ' ' || byte >= 0x7f) {
			return false;
		}
	}
	return left == 0 || size == TEXT_BYTES_MAX;
}

/* A text of `length` bytes, as far as TEXT_BYTES_MAX. */
static char *read_text(const struct core *core, uint64_t address, uint64_t length)
{
	size_t size = length < TEXT_BYTES_MAX ? length : TEXT_BYTES_MAX;
	char *text = length && length < LENGTH_MAX ? malloc(size + 1) : NULL;

	if (!text)
		return NULL;
	if (core_read(core, address, text, size) != size || !is_text(text, size)) {
		free(text);
		return NULL;
	}
	text[size] = 0;
	return text;
}

static bool is_read_only(const struct core *core, uint64_t address)
{
	const struct core_segment *segment = core_find_segment(core, address);

	return segment && !(segment->flags & (PF_W | PF_X)) && core_find_module(core, address);
}

static uint64_t *read_frames(const struct core *core, uint64_t start, uint64_t end, size_t *ret_count)
{
	uint64_t *words;

	*ret_count = 0;
	start = (start + 7) & ~7ULL;
	if (end <= start)
		return NULL;
	if (end - start > FRAMES_BYTES_MAX)
		end = start + FRAMES_BYTES_MAX;
	words = malloc(end - start);
	if (words)
		*ret_count = core_read_dumped(core, start, words, end - start) / sizeof(*words);
	return words;
}

/* ---- Go ---- */

/* reflect.Kind, in the low five bits */
enum { GO_INT = 2, GO_UINTPTR = 12, GO_STRING = 24 };

/* The kind of the type at that address; 0 when it is none. */
static unsigned go_kind(const struct core *core, uint64_t type, uint64_t *ret_size)
{
	uint8_t head[24];

	if (type % 8 || !is_read_only(core, type) || core_read(core, type, head, sizeof(head)) != sizeof(head))
		return 0;
	memcpy(ret_size, head, sizeof(*ret_size));
	return head[23] & 31;
}

static char *go_value(const struct core *core, uint64_t type, uint64_t data, unsigned wanted)
{
	uint64_t size, value[2] = {0};
	unsigned kind = go_kind(core, type, &size);
	char *text = NULL;

	if (wanted == GO_STRING)
		return kind == GO_STRING && size == sizeof(value) &&
				       core_read(core, data, value, sizeof(value)) == sizeof(value)
			       ? read_text(core, value[0], value[1])
			       : NULL;
	/* Integers of eight bytes, with a sign up to int64. */
	if (kind < GO_INT || kind > GO_UINTPTR || size != sizeof(*value) || !core_read_word(core, data, &value[0]))
		return NULL;
	if (asprintf(&text, kind <= 6 ? "%lld" : "%llu", (long long)value[0]) < 0)
		return NULL;
	return text;
}

char *panic_message_of_go(const struct core *core, uint64_t start, uint64_t end)
{
	static const unsigned wanted[] = {GO_STRING, GO_INT};
	size_t count;
	cleanup_free uint64_t *words = read_frames(core, start, end, &count);
	char *text = NULL;

	for (size_t which = 0; which < 2 && !text; which++) {
		for (size_t i = 0; i + 1 < count && !text; i++)
			text = go_value(core, words[i], words[i + 1], wanted[which]);
	}
	return text;
}

char *panic_message_of_go_throw(const struct core *core, uint64_t start, uint64_t end)
{
	size_t count;
	cleanup_free uint64_t *words = read_frames(core, start, end, &count);
	char *text = NULL;

	for (size_t i = 0; i + 2 < count && !text; i++) {
		const struct core_segment *code = core_find_segment(core, words[i]);

		if (code && code->flags & PF_X && is_read_only(core, words[i + 1]) && words[i + 2] > 3)
			text = read_text(core, words[i + 1], words[i + 2]);
	}
	return text;
}

/* ---- Rust ---- */

/* Size of the values that a virtual table is for; 0 when it is none. */
static uint64_t table_size(const struct core *core, uint64_t table)
{
	uint64_t words[4]; /* drop, size, alignment, the first method */
	const struct core_segment *code;

	if (table % 8 || !core_find_module(core, table) ||
	    core_read(core, table, words, sizeof(words)) != sizeof(words))
		return 0;
	code = core_find_segment(core, words[3]);
	if (words[2] != 8 || !code || !(code->flags & PF_X))
		return 0;
	code = core_find_segment(core, words[0]);
	return words[0] && (!code || !(code->flags & PF_X)) ? 0 : words[1];
}

/* A String's words: capacity, pointer, length in Rust 1.95, pointer, capacity, length in 1.63. */
static char *rust_string(const struct core *core, const uint64_t words[3])
{
	bool older = words[0] >= LENGTH_MAX;
	uint64_t capacity = older ? words[1] : words[0], pointer = older ? words[0] : words[1], length = words[2];

	return length && length <= capacity && capacity < LENGTH_MAX && !is_read_only(core, pointer)
		       ? read_text(core, pointer, length)
		       : NULL;
}

/* `payload` is one of std's two. */
static char *rust_payload(const struct core *core, uint64_t payload, uint64_t size)
{
	uint64_t words[4];
	char *text;

	if (core_read(core, payload, words, size) != size)
		return NULL;
	if (size == 16)
		return is_read_only(core, words[0]) ? read_text(core, words[0], words[1]) : NULL;
	/* The reference stands before the string or behind it. */
	text = rust_string(core, words);
	return text ?: rust_string(core, words + 1);
}

char *panic_message_of_rust(const struct core *core, uint64_t start, uint64_t end)
{
	size_t count;
	cleanup_free uint64_t *words = read_frames(core, start, end, &count);
	char *text = NULL;

	for (size_t i = 0; i + 1 < count && !text; i++) {
		uint64_t size;

		/* The value is on the stack, too. */
		if (words[i] < start || words[i] >= end + FRAMES_BYTES_MAX || words[i] % 8)
			continue;
		size = table_size(core, words[i + 1]);
		if (size == 16 || size == 32)
			text = rust_payload(core, words[i], size);
	}
	return text;
}
