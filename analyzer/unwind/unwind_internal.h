/* SPDX-License-Identifier: MIT */
/*
 * What the two sides of the unwinder share: the messages in the pipe.
 *
 * The child (unwind_child.c and its helpers) writes them, the parent (unwind.c) reads them through a reader that
 * believes no count, length or index in them. Nothing outside analyzer/unwind*.c includes this.
 */
#ifndef ANALYZER_UNWIND_INTERNAL_H
#define ANALYZER_UNWIND_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/unwind/unwind.h"

/* A frame without its names. */
struct unwind_frame {
	uint64_t pc;
	uint64_t sp;
	enum frame_trust trust;
	bool exact; /* pc is the instruction at hand; otherwise a return address, and the call is before it */
};

/* Where the names of a frame are looked up. */
static inline uint64_t unwind_frame_lookup_address(const struct unwind_frame *frame)
{
	return frame->pc - (frame->exact ? 0 : 1);
}

/* Go's handler of a fault makes it look like a call of runtime.sigpanic from the instruction that faulted: the "return
 * address" is that instruction itself (runtime/signal_amd64.go, preparePanic), unless a nil function was called, when
 * it is that of an indirect call. May frame `index` be such a one, by the code before it? Its pc is looked up as well,
 * and counts once the callee turns out to be that function. Only near the top of the crashed thread's stack, where it
 * is. */
#define UNWIND_INJECTED_FRAMES 24
bool unwind_may_be_injected(const struct core *core, const struct unwind_frame *frames, size_t index);

/* The threads to unwind. */
static inline const struct core_thread *unwind_threads(const struct core *core, const struct unwind_request *request,
						       size_t *ret_count)
{
	*ret_count = request->thread ? 1 : core->thread_count;
	return request->thread ? request->thread : core->threads;
}

/* What the child knows of an address. */
struct unwind_name {
	uint32_t picture; /* in which of the pictures of recorded stacks; 0 for a core */
	uint64_t address;
	char *function; /* NULL when not known */
	uint64_t function_offset;
	char *inlined; /* as in struct symbol */
	char *file;
	uint32_t line;
};

struct unwind_writer {
	int fd;
	uint8_t *bytes; /* not yet written */
	size_t size;
	size_t capacity;
	bool failed; /* no memory, or the pipe is gone; everything after is dropped */
};

void unwind_write_stack(struct unwind_writer *writer, size_t thread, const struct unwind_frame *frames, size_t count,
			const char *end_reason);
void unwind_write_kept(struct unwind_writer *writer, const struct kept_registers *kept);
void unwind_write_name(struct unwind_writer *writer, const struct unwind_name *name);
void unwind_write_slot(struct unwind_writer *writer, size_t index, int64_t offset);
void unwind_write_tail(struct unwind_writer *writer, size_t stack, size_t frame, uint64_t target);
void unwind_write_member(struct unwind_writer *writer, const struct accessed_member *member);
void unwind_write_done(struct unwind_writer *writer);
void unwind_writer_flush(struct unwind_writer *writer);

/* The call of frame number `frame` of a stack was to `target`, which jumped on. */
struct unwind_tail {
	uint32_t stack, frame;
	uint64_t target;
};

struct unwind_stack {
	struct unwind_frame *frames;
	size_t frame_count;
	char *end_reason;
	bool known;
};

struct unwind_reader {
	/* What may come; set by unwind_reader_init(). */
	size_t thread_count, slot_count, frame_limit;
	/* What has come. */
	struct unwind_stack *stacks; /* thread_count of them */
	int64_t *slots;		     /* slot_count of them, -1 where none came */
	struct unwind_name *names;
	size_t name_count, name_capacity;
	struct unwind_tail *tails;
	size_t tail_count, tail_capacity;
	struct kept_registers kept[KEPT_FRAMES];
	size_t kept_count;
	struct accessed_member member;
	bool member_wanted, done;
	/* An unfinished message, and how much there has been of everything. */
	uint8_t *bytes;
	size_t size, capacity;
	uint64_t total_bytes;
};

struct error *unwind_reader_init(struct unwind_reader *reader, size_t thread_count, size_t slot_count,
				 size_t frame_limit) must_check;
void unwind_reader_deinit(struct unwind_reader *reader);

/* Takes bytes cut anywhere. False when they are no messages that a child could rightly send. */
bool unwind_reader_receive(struct unwind_reader *reader, const uint8_t *bytes, size_t size);

/* Runs in the child: unwinds, looks up, writes. False when libdwfl could not even begin. */
bool unwind_child_run(const struct core *core, const struct unwind_request *request, size_t frame_limit, int output_fd);
/* The same for recorded stacks; `pictures` numbers the picture of each, from 1 on. */
bool unwind_child_run_past(const struct past_request *request, const uint32_t *pictures, size_t frame_limit,
			   int output_fd);

/* unwind.c: names and frames as the caller gets them, from what the child said. False for want of memory. */
void unwind_sort_names(struct unwind_reader *reader);
bool unwind_fill_symbol(const struct unwind_reader *reader, const struct core *core, uint32_t picture, uint64_t address,
			struct symbol *symbol);
bool unwind_fill_frame(const struct unwind_reader *reader, const struct core *core, uint32_t picture,
		       const struct unwind_frame *from, struct frame *frame);
void unwind_stack_deinit(struct thread_stack *stack);

/* Cuts a Go stack where the runtime changes to another. False for want of memory. */
bool unwind_end_at_stack_change(struct thread_stack *stack);

#endif
