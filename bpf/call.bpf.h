/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Calls of probed functions, seen by plain uprobes at the entry and at every instruction at which a function's frame
 * ends (RET, or a tail call). No return probe: nothing on the stack is touched. A call that is under way is known by
 * its thread and its stack pointer, which at a return is what it was at the entry.
 *
 * A frame that is left in another way (longjmp, an exception) has its call given up as soon as an entry or a return is
 * seen above it. "Above" means within 1 MiB: what is farther away is another stack (a fiber, a signal's).
 */
#ifndef BPF_CALL_H
#define BPF_CALL_H

#include "memory.bpf.h"

/* Calls under way in a thread; recursion that is deeper is told without its returns. */
#define MAX_PENDING 16
#define SAME_STACK (1 << 20)

struct pending_call {
	u64 enter_ns;
	u64 ip;
	u64 sp;
	u64 top_word;
	u64 args[EVENT_CALL_ARGS];
	struct event_stack stack; /* state 0: none */
	u32 function;
	u32 padding;
};

struct thread_calls {
	u32 count;
	u32 padding;
	struct pending_call calls[MAX_PENDING + 1]; /* the last for one that is told at once */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_calls);
} calls SEC(".maps");

/* The plan: functions by their index, and results that are elsewhere at some returns. Sized and filled by the recorder.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct event_function);
} functions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct event_source);
} results SEC(".maps");

/* There is a plan. Set by the recorder before loading. */
const volatile bool own_probes;

/* Set by the recorder when it ends: taking probes away takes long. */
volatile bool calls_ended;

/* ---- values ---- */

/* All of them, so that a plan can name any: a program may not read its context at an offset that is not constant. */
struct registers {
	u64 words[EVENT_REGISTERS];
};

static __always_inline u64 register_of(const struct registers *registers, u8 number)
{
	return number < EVENT_REGISTERS ? registers->words[number] : 0;
}

static __always_inline u64 narrow(u64 value, const struct event_source *source)
{
	u32 shift = (64 - source->width * 8) & 63;

	if (source->kind != EVENT_KIND_WORD)
		return value;
	value <<= shift;
	return source->sign ? (u64)((s64)value >> shift) : value >> shift;
}

static __always_inline u64 value_of(const struct registers *registers, const struct event_source *source)
{
	u64 value, address;
	u32 width;

	if (source->how == EVENT_SOURCE_REGISTER)
		return narrow(register_of(registers, source->base) + source->number, source);
	if (source->how == EVENT_SOURCE_CONSTANT)
		return source->number;
	if (source->how != EVENT_SOURCE_MEMORY)
		return 0;
	address = register_of(registers, source->base) + source->number;
	if (source->index != EVENT_NO_REGISTER)
		address += register_of(registers, source->index) * source->scale;
	value = 0;
	width = source->width;
	if (width > sizeof(value))
		width = sizeof(value);
	bpf_probe_read_user(&value, width, (void *)address);
	return narrow(value, source);
}

/* ---- handing over ---- */

struct call_record {
	struct event_call call;
	u64 more_args[3];
};

struct call_record_with_stack {
	struct event_call call;
	struct event_stack stack;
};

struct long_call_record_with_stack {
	struct event_call call;
	u64 more_args[3];
	struct event_stack stack;
};

static __always_inline bool is_heap(u32 role)
{
	return role != EVENT_ROLE_PLAIN && role != EVENT_ROLE_USDT;
}

static __always_inline void call_fill(struct event_call *record, const struct pending_call *call, u64 exit_ns, u64 result)
{
	record->function = call->function;
	record->enter_ns = call->enter_ns;
	record->exit_ns = exit_ns;
	record->ip = call->ip;
	record->sp = call->sp;
	record->top_word = call->top_word;
	record->result = result;
	record->args[0] = call->args[0];
	record->args[1] = call->args[1];
	record->args[2] = call->args[2];
}

static __noinline int call_emit_heap(const struct pending_call *call, u64 exit_ns, u64 result)
{
	if (call->stack.state) {
		struct call_record_with_stack *record = event_reserve_call(EVENT_CALL, sizeof(*record), call->enter_ns);

		if (!record)
			return 0;
		call_fill(&record->call, call, exit_ns, result);
		record->call.parts = EVENT_CALL_STACK;
		record->stack = call->stack;
		event_submit(record);
	} else {
		struct event_call *record = event_reserve_call(EVENT_CALL, sizeof(*record), call->enter_ns);

		if (!record)
			return 0;
		call_fill(record, call, exit_ns, result);
		record->parts = 0;
		event_submit(record);
	}
	return 0;
}

static __noinline int call_emit_long(const struct pending_call *call, u64 exit_ns, u64 result)
{
	struct long_call_record_with_stack *record = event_reserve_call(EVENT_CALL, sizeof(*record), call->enter_ns);

	if (!record)
		return 0;
	call_fill(&record->call, call, exit_ns, result);
	record->more_args[0] = call->args[3];
	record->more_args[1] = call->args[4];
	record->more_args[2] = call->args[5];
	record->stack = call->stack;
	record->call.parts = EVENT_CALL_MORE_ARGS | EVENT_CALL_STACK;
	event_submit(record);
	return 0;
}

/* A call that is over: `exit_ns` is 0 when it did not return. Not static: the verifier then reads it once. */
__noinline int call_emit(const struct pending_call *call, u64 exit_ns, u64 result)
{
	struct event_function *function;
	u64 block = 0;
	u32 id;

	if (!call)
		return 0;
	id = call->function;
	function = bpf_map_lookup_elem(&functions, &id);
	if (!function)
		return 0;
	if (!is_heap(function->role))
		return call_emit_long(call, exit_ns, result);
	/* int posix_memalign(void **, ...): the block is where the first argument points. */
	if (function->role == EVENT_ROLE_POSIX_MEMALIGN && exit_ns) {
		if ((s32)result == 0)
			bpf_probe_read_user(&block, sizeof(block), (void *)call->args[0]);
		result = block;
	}
	return call_emit_heap(call, exit_ns, result);
}

/* ---- the calls under way ---- */

/* A frame at `call->sp` cannot be there any more when the thread is at `sp`. */
static __always_inline bool is_left(const struct pending_call *call, u64 sp)
{
	return call->sp < sp && sp - call->sp < SAME_STACK;
}

struct calls_walk {
	struct thread_calls *calls;
	u64 sp;
	u64 now_ns;
	u64 result;
	u32 kept;
	u32 function; /* at an entry: which one, and its word at sp */
	u64 top_word;
	u32 returns; /* 1 at a return, 0 at an entry */
	u32 has_result;
};

/* What a word at the top of the stack says at an entry where a call with the same stack pointer is under way: the same
 * return address is a tail call into another function; the same function again, or another return address, is a frame
 * that was left and made anew. */
static __always_inline bool is_replaced(const struct pending_call *call, const struct calls_walk *walk)
{
	return call->sp == walk->sp && (call->function == walk->function || call->top_word != walk->top_word);
}

static long settle_call(u32 index, struct calls_walk *walk)
{
	struct thread_calls *all = walk->calls;
	struct pending_call *call;
	u32 kept = walk->kept;

	if (index >= MAX_PENDING || index >= all->count)
		return 1;
	call = &all->calls[index];
	if (walk->returns && call->sp == walk->sp) {
		u64 result = walk->result;

		if (!walk->has_result) {
			u32 id = call->function;
			struct event_function *function = bpf_map_lookup_elem(&functions, &id);

			result = function && function->result.how != EVENT_SOURCE_NONE ? narrow(result, &function->result) : 0;
		}
		call_emit(call, walk->now_ns, result);
		return 0;
	}
	if (is_left(call, walk->sp) || (!walk->returns && is_replaced(call, walk))) {
		call_emit(call, 0, 0);
		return 0;
	}
	if (kept < MAX_PENDING) {
		if (kept != index)
			__builtin_memcpy(&all->calls[kept], call, sizeof(*call));
		walk->kept = kept + 1;
	}
	return 0;
}

/* ---- entries ---- */

static __always_inline void call_send_text(struct pending_call *call, const struct event_function *function, u32 position)
{
	const struct event_source *source = &function->args[position & 7];
	struct event_call_text *record;
	u64 bytes = source->length;
	long got;

	record = event_reserve(EVENT_CALL_TEXT, sizeof(*record));
	if (!record)
		return;
	record->enter_ns = call->enter_ns;
	record->position = position;
	record->bytes = 0;
	if (source->kind == EVENT_KIND_STRING) {
		got = bpf_probe_read_user_str(record->text, sizeof(record->text), (void *)call->args[position]);
		record->bytes = got > 0 ? got - 1 : ~0U;
	} else {
		if (source->length_from < EVENT_CALL_ARGS)
			bytes = call->args[source->length_from];
		if (bytes > EVENT_CALL_TEXT_BYTES)
			bytes = EVENT_CALL_TEXT_BYTES;
		record->bytes = bytes;
		if (bytes && bpf_probe_read_user(record->text, bytes, (void *)call->args[position]))
			record->bytes = ~0U;
	}
	event_submit(record);
}

static __noinline int calls_settle(struct calls_walk *walk)
{
	/* Most often there is none, or one that returns. */
	bpf_loop(MAX_PENDING, settle_call, walk, 0);
	walk->calls->count = walk->kept;
	return 0;
}

/* The stack of a call that gives something back, or was asked for by name. */
static __always_inline bool call_wants_stack(u32 role)
{
	if (!stack_bytes)
		return false;
	return !is_heap(role) || stack_at_malloc || role == EVENT_ROLE_FREE || role == EVENT_ROLE_DELETE ||
	       role == EVENT_ROLE_REALLOC || role == EVENT_ROLE_REALLOCARRAY;
}

static __always_inline void call_begin(struct pending_call *call, struct pt_regs *ctx, u32 id,
				       const struct event_function *function)
{
	struct registers registers;

	ARCH_COPY_REGISTERS(registers.words, ctx);
	call->enter_ns = bpf_ktime_get_boot_ns();
	call->function = id;
	call->ip = ARCH_IP(ctx);
	call->sp = ARCH_SP(ctx);
	call->top_word = 0;
	bpf_probe_read_user(&call->top_word, sizeof(call->top_word), (void *)call->sp);
	call->args[0] = value_of(&registers, &function->args[0]);
	call->args[1] = value_of(&registers, &function->args[1]);
	call->args[2] = value_of(&registers, &function->args[2]);
	if (!is_heap(function->role)) {
		call->args[3] = value_of(&registers, &function->args[3]);
		call->args[4] = value_of(&registers, &function->args[4]);
		call->args[5] = value_of(&registers, &function->args[5]);
		for (u32 i = 0; i < EVENT_CALL_ARGS; i++)
			if (function->args[i].kind != EVENT_KIND_WORD)
				call_send_text(call, function, i);
	}
	call->stack.state = 0;
	if (call_wants_stack(function->role)) {
		stack_take(call->sp, &call->stack);
		ARCH_COPY_KEPT_REGISTERS(call->stack.registers, ctx);
	}
}

/* A process that shares another's memory has probes of its own, and may run into the other's. */
static __always_inline bool is_for_current(u64 cookie)
{
	u32 pid = cookie >> 32;

	return !pid || pid == bpf_get_current_pid_tgid() >> 32;
}

SEC("uprobe")
int call_entry(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 cookie = bpf_get_attach_cookie(ctx);
	u32 id = (u32)cookie;
	struct event_function *function;
	struct pending_call *call;
	struct thread_calls *all;
	u32 slot = MAX_PENDING;

	if (calls_ended || !is_for_current(cookie) || !recorded_thread(task))
		return 0;
	function = bpf_map_lookup_elem(&functions, &id);
	if (!function)
		return 0;
	all = bpf_task_storage_get(&calls, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!all) {
		event_count_state_loss();
		return 0;
	}
	if (all->count) {
		struct calls_walk walk = {.calls = all, .sp = ARCH_SP(ctx), .function = id};

		bpf_probe_read_user(&walk.top_word, sizeof(walk.top_word), (void *)walk.sp);
		calls_settle(&walk);
	}
	if (!function->at_entry && all->count < MAX_PENDING)
		slot = all->count;
	call = &all->calls[slot];
	call_begin(call, ctx, id, function);
	if (slot < MAX_PENDING)
		all->count++;
	else
		/* The end of a call that gives back tells nothing; the end of any other was not seen. */
		call_emit(call, function->at_entry && is_heap(function->role) ? call->enter_ns : 0, 0);
	return 0;
}

SEC("uprobe")
int call_return(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread_calls *all = bpf_task_storage_get(&calls, task, NULL, 0);
	struct calls_walk walk = {.returns = 1, .sp = ARCH_SP(ctx)};
	u64 cookie = bpf_get_attach_cookie(ctx);
	u32 id = (u32)cookie;
	struct event_source *source;

	if (calls_ended || !is_for_current(cookie) || !all || !all->count)
		return 0;
	walk.calls = all;
	walk.now_ns = bpf_ktime_get_boot_ns();
	walk.result = ARCH_RESULT(ctx);
	/* 0 is the usual place. */
	source = id ? bpf_map_lookup_elem(&results, &id) : NULL;
	if (source) {
		struct registers registers;

		ARCH_COPY_REGISTERS(registers.words, ctx);
		walk.result = value_of(&registers, source);
		walk.has_result = 1;
	}
	calls_settle(&walk);
	return 0;
}

/* The thread dies, or begins another program: what is under way will not return. */
static __always_inline void calls_give_up(struct task_struct *task)
{
	struct thread_calls *all = bpf_task_storage_get(&calls, task, NULL, 0);

	if (!all)
		return;
	for (u32 i = 0; i < MAX_PENDING; i++) {
		if (i >= all->count)
			break;
		call_emit(&all->calls[i], 0, 0);
	}
	all->count = 0;
}

#endif
