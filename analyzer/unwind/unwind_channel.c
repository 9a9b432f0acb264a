/* SPDX-License-Identifier: MIT */
/*
 * Messages in the pipe between the unwinding child and its parent, in the byte order of the machine:
 * uint32_t kind, uint32_t length of what follows, then by kind
 *   STACK  uint32_t thread, uint32_t count, count * (uint64_t pc, uint64_t sp, uint8_t trust, uint8_t exact), string
 *   NAME   uint32_t picture, uint64_t address, uint64_t function offset, uint32_t line, string function,
 *          string inlined, string file
 *   SLOT   uint32_t index, int64_t offset
 *   TAIL   uint32_t stack, uint32_t frame, uint64_t target
 *   MEMBER uint64_t offset, string expression, string type
 *   KEPT   uint64_t pc, uint64_t sp, uint32_t known, 6 * uint64_t value
 *   DONE   nothing
 * A string is uint32_t length and that many bytes; an empty one stands for NULL.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/unwind/unwind_internal.h"
#include "common/vector.h"

enum message_kind {
	MESSAGE_STACK = 1,
	MESSAGE_NAME,
	MESSAGE_SLOT,
	MESSAGE_DONE,
	MESSAGE_TAIL,
	MESSAGE_MEMBER,
	MESSAGE_KEPT,
};

#define HEADER_BYTES (2 * sizeof(uint32_t))
#define FRAME_BYTES (2 * sizeof(uint64_t) + 2)
/* Mangled names can be long; longer ones are cut by the writer. */
#define STRING_BYTES_MAX 65536u
/* Of all messages of a child together. */
#define TOTAL_BYTES_MAX (512ull << 20)
#define FLUSH_BYTES 16384u

static void write_bytes(struct unwind_writer *writer, const void *bytes, size_t size)
{
	if (writer->failed)
		return;
	if (array_reserve(writer->bytes, writer->capacity, writer->size + size)) {
		writer->failed = true;
		return;
	}
	memcpy(writer->bytes + writer->size, bytes, size);
	writer->size += size;
}

static void write_u32(struct unwind_writer *writer, uint32_t value)
{
	write_bytes(writer, &value, sizeof(value));
}

static void write_u64(struct unwind_writer *writer, uint64_t value)
{
	write_bytes(writer, &value, sizeof(value));
}

static void write_u8(struct unwind_writer *writer, uint8_t value)
{
	write_bytes(writer, &value, sizeof(value));
}

static size_t string_length(const char *string)
{
	return string ? strnlen(string, STRING_BYTES_MAX) : 0;
}

static void write_string(struct unwind_writer *writer, const char *string)
{
	size_t length = string_length(string);

	write_u32(writer, (uint32_t)length);
	if (length > 0)
		write_bytes(writer, string, length);
}

void unwind_writer_flush(struct unwind_writer *writer)
{
	for (size_t at = 0; at < writer->size && !writer->failed;) {
		ssize_t count = write(writer->fd, writer->bytes + at, writer->size - at);

		if (count < 0 && errno != EINTR)
			writer->failed = true;
		else if (count > 0)
			at += (size_t)count;
	}
	writer->size = 0;
}

static void write_header(struct unwind_writer *writer, enum message_kind kind, size_t length)
{
	if (writer->size >= FLUSH_BYTES)
		unwind_writer_flush(writer);
	write_u32(writer, kind);
	write_u32(writer, (uint32_t)length);
}

void unwind_write_stack(struct unwind_writer *writer, size_t thread, const struct unwind_frame *frames, size_t count,
			const char *end_reason)
{
	write_header(writer, MESSAGE_STACK, 3 * sizeof(uint32_t) + count * FRAME_BYTES + string_length(end_reason));
	write_u32(writer, (uint32_t)thread);
	write_u32(writer, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		write_u64(writer, frames[i].pc);
		write_u64(writer, frames[i].sp);
		write_u8(writer, (uint8_t)frames[i].trust);
		write_u8(writer, frames[i].exact);
	}
	write_string(writer, end_reason);
}

void unwind_write_kept(struct unwind_writer *writer, const struct kept_registers *kept)
{
	write_header(writer, MESSAGE_KEPT, sizeof(uint32_t) + (2 + KEPT_REGISTERS) * sizeof(uint64_t));
	write_u64(writer, kept->pc);
	write_u64(writer, kept->sp);
	write_u32(writer, kept->known);
	for (size_t i = 0; i < KEPT_REGISTERS; i++)
		write_u64(writer, kept->values[i]);
}

void unwind_write_name(struct unwind_writer *writer, const struct unwind_name *name)
{
	write_header(writer, MESSAGE_NAME,
		     2 * sizeof(uint64_t) + 5 * sizeof(uint32_t) + string_length(name->function) +
			     string_length(name->inlined) + string_length(name->file));
	write_u32(writer, name->picture);
	write_u64(writer, name->address);
	write_u64(writer, name->function_offset);
	write_u32(writer, name->line);
	write_string(writer, name->function);
	write_string(writer, name->inlined);
	write_string(writer, name->file);
}

void unwind_write_slot(struct unwind_writer *writer, size_t index, int64_t offset)
{
	write_header(writer, MESSAGE_SLOT, sizeof(uint32_t) + sizeof(uint64_t));
	write_u32(writer, (uint32_t)index);
	write_u64(writer, (uint64_t)offset);
}

void unwind_write_tail(struct unwind_writer *writer, size_t stack, size_t frame, uint64_t target)
{
	write_header(writer, MESSAGE_TAIL, 2 * sizeof(uint32_t) + sizeof(uint64_t));
	write_u32(writer, (uint32_t)stack);
	write_u32(writer, (uint32_t)frame);
	write_u64(writer, target);
}

void unwind_write_member(struct unwind_writer *writer, const struct accessed_member *member)
{
	const char *expression = member->expression, *type = member->type;
	uint32_t lengths[2] = {(uint32_t)strlen(expression), (uint32_t)strlen(type)};

	write_header(writer, MESSAGE_MEMBER, sizeof(uint64_t) + sizeof(lengths) + lengths[0] + lengths[1]);
	write_u64(writer, member->offset);
	write_u32(writer, lengths[0]);
	write_bytes(writer, expression, lengths[0]);
	write_u32(writer, lengths[1]);
	write_bytes(writer, type, lengths[1]);
}

void unwind_write_done(struct unwind_writer *writer)
{
	write_header(writer, MESSAGE_DONE, 0);
	unwind_writer_flush(writer);
}

/* What is left of a message. Reading past its end gives zeros and sets `bad`. */
struct cursor {
	const uint8_t *bytes;
	size_t size;
	bool bad;
};

static void read_bytes(struct cursor *cursor, void *to, size_t size)
{
	memset(to, 0, size);
	if (cursor->bad || size > cursor->size) {
		cursor->bad = true;
		return;
	}
	memcpy(to, cursor->bytes, size);
	cursor->bytes += size;
	cursor->size -= size;
}

static uint32_t read_u32(struct cursor *cursor)
{
	uint32_t value;

	read_bytes(cursor, &value, sizeof(value));
	return value;
}

static uint64_t read_u64(struct cursor *cursor)
{
	uint64_t value;

	read_bytes(cursor, &value, sizeof(value));
	return value;
}

static uint8_t read_u8(struct cursor *cursor)
{
	uint8_t value;

	read_bytes(cursor, &value, sizeof(value));
	return value;
}

static char *read_string(struct cursor *cursor)
{
	uint32_t length = read_u32(cursor);
	char *string;

	if (length > STRING_BYTES_MAX || length > cursor->size)
		cursor->bad = true;
	if (cursor->bad || length == 0)
		return NULL;
	string = strndup((const char *)cursor->bytes, length);
	cursor->bad = !string;
	cursor->bytes += length;
	cursor->size -= length;
	return string;
}

static bool receive_stack(struct unwind_reader *reader, struct cursor *cursor)
{
	uint32_t thread = read_u32(cursor);
	uint32_t count = read_u32(cursor);
	struct unwind_stack *stack;

	if (cursor->bad || thread >= reader->thread_count || count > reader->frame_limit ||
	    count > cursor->size / FRAME_BYTES || reader->stacks[thread].known)
		return false;
	stack = &reader->stacks[thread];
	stack->frames = calloc(count ? count : 1, sizeof(*stack->frames));
	if (!stack->frames)
		return false;
	stack->known = true;
	stack->frame_count = count;
	for (uint32_t i = 0; i < count; i++) {
		struct unwind_frame *frame = &stack->frames[i];
		uint8_t trust;

		frame->pc = read_u64(cursor);
		frame->sp = read_u64(cursor);
		trust = read_u8(cursor);
		frame->trust = trust <= FRAME_LOST ? (enum frame_trust)trust : FRAME_LOST;
		frame->exact = read_u8(cursor) != 0;
	}
	stack->end_reason = read_string(cursor);
	return !cursor->bad;
}

static bool receive_name(struct unwind_reader *reader, struct cursor *cursor)
{
	struct unwind_name *name;

	if (array_reserve(reader->names, reader->name_capacity, reader->name_count + 1))
		return false;
	name = &reader->names[reader->name_count++];
	*name = (struct unwind_name){.picture = read_u32(cursor)};
	name->address = read_u64(cursor);
	name->function_offset = read_u64(cursor);
	name->line = read_u32(cursor);
	name->function = read_string(cursor);
	name->inlined = read_string(cursor);
	name->file = read_string(cursor);
	return !cursor->bad;
}

static bool receive_slot(struct unwind_reader *reader, struct cursor *cursor)
{
	uint32_t index = read_u32(cursor);
	int64_t offset = (int64_t)read_u64(cursor);

	if (cursor->bad || index >= reader->slot_count || offset < 0)
		return false;
	reader->slots[index] = offset;
	return true;
}

static bool receive_tail(struct unwind_reader *reader, struct cursor *cursor)
{
	struct unwind_tail tail = {.stack = read_u32(cursor), .frame = 0};

	tail.frame = read_u32(cursor);
	tail.target = read_u64(cursor);
	if (cursor->bad || tail.stack >= reader->thread_count || !reader->stacks[tail.stack].known ||
	    tail.frame >= reader->stacks[tail.stack].frame_count)
		return false;
	/* By rising stack and frame, each once: so there are no more of them than frames. */
	if (reader->tail_count > 0) {
		const struct unwind_tail *last = &reader->tails[reader->tail_count - 1];

		if (tail.stack < last->stack || (tail.stack == last->stack && tail.frame <= last->frame))
			return false;
	}
	if (array_reserve(reader->tails, reader->tail_capacity, reader->tail_count + 1))
		return false;
	reader->tails[reader->tail_count++] = tail;
	return true;
}

/* Printable ASCII that fits, or nothing at all. */
static bool receive_text(struct cursor *cursor, char *to, size_t size)
{
	uint32_t length = read_u32(cursor);

	if (cursor->bad || length == 0 || length >= size || length > cursor->size)
		return false;
	read_bytes(cursor, to, length);
	to[length] = 0;
	for (uint32_t i = 0; i < length; i++) {
		if (to[i] < ' ' || to[i] > '~')
			return false;
	}
	return true;
}

/* Asked for, and once. */
static bool receive_member(struct unwind_reader *reader, struct cursor *cursor)
{
	struct accessed_member member = {.offset = read_u64(cursor)};

	if (!reader->member_wanted || reader->member.expression[0] ||
	    !receive_text(cursor, member.expression, sizeof(member.expression)) ||
	    !receive_text(cursor, member.type, sizeof(member.type)))
		return false;
	reader->member = member;
	return true;
}

static bool receive_kept(struct unwind_reader *reader, struct cursor *cursor)
{
	struct kept_registers *kept;

	if (reader->kept_count == KEPT_FRAMES)
		return false;
	kept = &reader->kept[reader->kept_count++];
	kept->pc = read_u64(cursor);
	kept->sp = read_u64(cursor);
	kept->known = read_u32(cursor);
	for (size_t i = 0; i < KEPT_REGISTERS; i++)
		kept->values[i] = read_u64(cursor);
	return !cursor->bad;
}

static bool receive_message(struct unwind_reader *reader, uint32_t kind, struct cursor *cursor)
{
	switch (kind) {
	case MESSAGE_STACK:
		return receive_stack(reader, cursor) && cursor->size == 0;
	case MESSAGE_NAME:
		return receive_name(reader, cursor) && cursor->size == 0;
	case MESSAGE_SLOT:
		return receive_slot(reader, cursor) && cursor->size == 0;
	case MESSAGE_TAIL:
		return receive_tail(reader, cursor) && cursor->size == 0;
	case MESSAGE_MEMBER:
		return receive_member(reader, cursor) && cursor->size == 0;
	case MESSAGE_KEPT:
		return receive_kept(reader, cursor) && cursor->size == 0;
	case MESSAGE_DONE:
		reader->done = true;
		return cursor->size == 0;
	}
	return false;
}

/* Takes the whole messages off the front of `bytes`; returns how many bytes they had, or -1. */
static ssize_t receive_messages(struct unwind_reader *reader, const uint8_t *bytes, size_t size)
{
	uint64_t length_max = reader->frame_limit * (uint64_t)FRAME_BYTES + 3 * STRING_BYTES_MAX + 64;
	size_t at = 0;

	while (size - at >= HEADER_BYTES) {
		struct cursor cursor = {.bytes = bytes + at, .size = size - at};
		uint32_t kind = read_u32(&cursor);
		uint32_t length = read_u32(&cursor);

		if (reader->done || length > length_max)
			return -1;
		if (length > cursor.size)
			break;
		cursor.size = length;
		if (!receive_message(reader, kind, &cursor))
			return -1;
		at += HEADER_BYTES + length;
	}
	return (ssize_t)at;
}

bool unwind_reader_receive(struct unwind_reader *reader, const uint8_t *bytes, size_t size)
{
	ssize_t used;

	reader->total_bytes += size;
	if (reader->total_bytes > TOTAL_BYTES_MAX)
		return false;
	if (array_reserve(reader->bytes, reader->capacity, reader->size + size))
		return false;
	memcpy(reader->bytes + reader->size, bytes, size);
	reader->size += size;
	used = receive_messages(reader, reader->bytes, reader->size);
	if (used < 0)
		return false;
	reader->size -= (size_t)used;
	memmove(reader->bytes, reader->bytes + used, reader->size);
	return true;
}

struct error *unwind_reader_init(struct unwind_reader *reader, size_t thread_count, size_t slot_count,
				 size_t frame_limit)
{
	*reader = (struct unwind_reader){
		.thread_count = thread_count, .slot_count = slot_count, .frame_limit = frame_limit};
	reader->stacks = calloc(thread_count ? thread_count : 1, sizeof(*reader->stacks));
	reader->slots = malloc((slot_count ? slot_count : 1) * sizeof(*reader->slots));
	if (!reader->stacks || !reader->slots)
		return &error_no_memory;
	for (size_t i = 0; i < slot_count; i++)
		reader->slots[i] = -1;
	return NULL;
}

void unwind_reader_deinit(struct unwind_reader *reader)
{
	for (size_t i = 0; reader->stacks && i < reader->thread_count; i++) {
		free(reader->stacks[i].frames);
		free(reader->stacks[i].end_reason);
	}
	for (size_t i = 0; i < reader->name_count; i++) {
		free(reader->names[i].function);
		free(reader->names[i].inlined);
		free(reader->names[i].file);
	}
	free(reader->stacks);
	free(reader->slots);
	free(reader->names);
	free(reader->tails);
	free(reader->bytes);
	*reader = (struct unwind_reader){0};
}
