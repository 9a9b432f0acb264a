/* SPDX-License-Identifier: MIT */
#include "tests/allocators/front.h"

#include <dlfcn.h>
#include <malloc.h>
#include <sched.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOOT_BYTES 65536

/* ---- the real functions ---- */

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void *(*reallocarray)(void *, size_t, size_t);
	void *(*memalign)(size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*valloc)(size_t);
	void (*free)(void *);
	size_t (*usable_size)(void *);
	void *(*new)(size_t);
	void *(*new_array)(size_t);
	void *(*new_nothrow)(size_t, const void *);
	void *(*new_aligned)(size_t, size_t);
	void (*delete)(void *);
	void (*delete_array)(void *);
	void (*delete_sized)(void *, size_t);
	void (*delete_array_sized)(void *, size_t);
	void (*delete_nothrow)(void *, const void *);
	void (*delete_aligned)(void *, size_t);
} real;

/* dlsym allocates before there is anything to allocate with. */
static alignas(16) char boot[BOOT_BYTES];
static size_t boot_used;

static void *boot_allocate(size_t size)
{
	size_t at = boot_used;

	boot_used += (size + 15) & ~(size_t)15;
	if (boot_used > BOOT_BYTES)
		_exit(2);
	return boot + at;
}

static bool is_boot(const void *block)
{
	return (const char *)block >= boot && (const char *)block < boot + BOOT_BYTES;
}

static const struct {
	void *function; /* where its address goes */
	const char *name;
} functions[] = {
	{&real.malloc, "malloc"},
	{&real.calloc, "calloc"},
	{&real.realloc, "realloc"},
	{&real.reallocarray, "reallocarray"},
	{&real.memalign, "memalign"},
	{&real.aligned_alloc, "aligned_alloc"},
	{&real.posix_memalign, "posix_memalign"},
	{&real.valloc, "valloc"},
	{&real.free, "free"},
	{&real.usable_size, "malloc_usable_size"},
	{&real.new, "_Znwm"},
	{&real.new_array, "_Znam"},
	{&real.new_nothrow, "_ZnwmRKSt9nothrow_t"},
	{&real.new_aligned, "_ZnwmSt11align_val_t"},
	{&real.delete, "_ZdlPv"},
	{&real.delete_array, "_ZdaPv"},
	{&real.delete_sized, "_ZdlPvm"},
	{&real.delete_array_sized, "_ZdaPvm"},
	{&real.delete_nothrow, "_ZdlPvRKSt9nothrow_t"},
	{&real.delete_aligned, "_ZdlPvSt11align_val_t"},
};

/* Those that were not found yet, behind this program or in a library. */
static void find(void *library)
{
	for (size_t i = sizeof(functions) / sizeof(functions[0]);
	     i-- > 0;) { /* malloc last: it says that all are there */
		void *function;

		memcpy(&function, functions[i].function, sizeof(function));
		if (function)
			continue;
		function = dlsym(library, functions[i].name);
		memcpy(functions[i].function, &function, sizeof(function));
	}
}

/* False while the functions are being looked for: then memory is the boot's. */
static bool has_real(void)
{
	static bool is_looking;

	if (!real.malloc && !is_looking) {
		is_looking = true;
		find(RTLD_NEXT);
	}
	return real.malloc;
}

/* ---- writing down ---- */

_Thread_local struct front_thread self;
struct allocator_log *front_log;

uint64_t front_draw(uint64_t bound)
{
	self.random ^= self.random << 13;
	self.random ^= self.random >> 7;
	self.random ^= self.random << 17;
	return (self.random >> 11) % bound;
}

/* The moments at which a thread may lose the processor without having made a mistake. */
static void linger(void)
{
	if (front_draw(12) == 0)
		sched_yield();
	else if (front_draw(6) == 0)
		for (volatile int i = 0; i < 400; i++)
			;
}

static uint64_t stamp(void)
{
	return ++front_log->clock;
}

static struct heap_event begin(enum function_role role, void *function, const char *frame, void *caller, void *old,
			       size_t size, size_t alignment)
{
	struct heap_event event = {
		.function_id = self.operation,
		.role = role,
		.tid = self.tid,
		.ip = (uintptr_t)function,
		.sp = (uintptr_t)frame + 8, /* the return address lies behind the saved frame pointer */
		.top_word = (uintptr_t)caller,
		.old_block = (uintptr_t)old,
		.size = size,
		.alignment = alignment,
		.stack_id = self.depth,
	};

	event.enter_ns = stamp();
	self.depth++;
	linger();
	return event;
}

static void write_event(const struct heap_event *event)
{
	uint32_t at = front_log->event_count++;

	if (at >= LOG_EVENTS_MAX)
		_exit(2);
	front_log->events[at] = *event;
}

static void end(struct heap_event *event, void *block)
{
	self.depth--;
	linger();
	event->block = (uintptr_t)block;
	event->exit_ns = stamp();
	write_event(event);
}

/* A free is told before the allocator has it. */
static void write_free(enum function_role role, void *function, const char *frame, void *caller, void *block)
{
	struct heap_event event = begin(role, function, frame, caller, block, 0, 0);

	event.exit_ns = event.enter_ns;
	write_event(&event);
}

#define BEGIN(function, role, old, size, alignment)                                                                    \
	begin(role, (void *)(function), __builtin_frame_address(0), __builtin_return_address(0), old, size, alignment)

#define WRITE_FREE(function, role, block)                                                                              \
	write_free(role, (void *)(function), __builtin_frame_address(0), __builtin_return_address(0), block)

#define EXPORT __attribute__((visibility("default"), noinline))

static size_t product(size_t count, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes;
}

EXPORT void *malloc(size_t size)
{
	struct heap_event event;
	void *block;

	if (!has_real())
		return boot_allocate(size);
	if (!self.operation)
		return real.malloc(size);
	event = BEGIN(malloc, FUNCTION_MALLOC, NULL, size, 0);
	block = real.malloc(size);
	end(&event, block);
	return block;
}

EXPORT void *calloc(size_t count, size_t size)
{
	struct heap_event event;
	void *block;

	if (!has_real())
		return boot_allocate(count * size);
	if (!self.operation)
		return real.calloc(count, size);
	event = BEGIN(calloc, FUNCTION_CALLOC, NULL, product(count, size), 0);
	block = real.calloc(count, size);
	end(&event, block);
	return block;
}

EXPORT void *realloc(void *old, size_t size)
{
	struct heap_event event;
	void *block;

	if (!has_real() || is_boot(old)) {
		block = real.malloc ? real.malloc(size) : boot_allocate(size);
		if (old && block)
			memcpy(block, old,
			       size < (size_t)(boot + boot_used - (char *)old)
				       ? size
				       : (size_t)(boot + boot_used - (char *)old));
		return block;
	}
	if (!self.operation)
		return real.realloc(old, size);
	event = BEGIN(realloc, FUNCTION_REALLOC, old, size, 0);
	block = real.realloc(old, size);
	end(&event, block);
	return block;
}

EXPORT void *reallocarray(void *old, size_t count, size_t size)
{
	struct heap_event event;
	void *block;

	if (!self.operation)
		return real.reallocarray(old, count, size);
	event = BEGIN(reallocarray, FUNCTION_REALLOCARRAY, old, product(count, size), 0);
	block = real.reallocarray(old, count, size);
	end(&event, block);
	return block;
}

EXPORT void *memalign(size_t alignment, size_t size)
{
	struct heap_event event;
	void *block;

	if (!self.operation)
		return real.memalign(alignment, size);
	event = BEGIN(memalign, FUNCTION_ALIGNED_ALLOC, NULL, size, alignment);
	block = real.memalign(alignment, size);
	end(&event, block);
	return block;
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
	struct heap_event event;
	void *block;

	if (!self.operation)
		return real.aligned_alloc(alignment, size);
	event = BEGIN(aligned_alloc, FUNCTION_ALIGNED_ALLOC, NULL, size, alignment);
	block = real.aligned_alloc(alignment, size);
	end(&event, block);
	return block;
}

EXPORT int posix_memalign(void **ret_block, size_t alignment, size_t size)
{
	struct heap_event event;
	int status;

	if (!self.operation)
		return real.posix_memalign(ret_block, alignment, size);
	event = BEGIN(posix_memalign, FUNCTION_POSIX_MEMALIGN, NULL, size, alignment);
	status = real.posix_memalign(ret_block, alignment, size);
	end(&event, status == 0 ? *ret_block : NULL);
	return status;
}

EXPORT void *valloc(size_t size)
{
	struct heap_event event;
	void *block;

	if (!self.operation)
		return real.valloc(size);
	event = BEGIN(valloc, FUNCTION_MALLOC, NULL, size, 0);
	block = real.valloc(size);
	end(&event, block);
	return block;
}

EXPORT void free(void *block)
{
	if (!block || is_boot(block) || !has_real())
		return;
	if (!self.operation) {
		real.free(block);
		return;
	}
	WRITE_FREE(free, FUNCTION_FREE, block);
	real.free(block);
	self.depth--;
}

/* ---- operator new and delete, by their names in the Itanium C++ ABI ---- */

#define NEW(name, real_name, parameters, ...)                                                                          \
	EXPORT void *name parameters                                                                                   \
	{                                                                                                              \
		struct heap_event event;                                                                               \
		void *block;                                                                                           \
		if (!has_real() || !self.operation)                                                                    \
			return real.real_name(__VA_ARGS__);                                                            \
		event = BEGIN(name, FUNCTION_NEW, NULL, size, 0);                                                      \
		block = real.real_name(__VA_ARGS__);                                                                   \
		end(&event, block);                                                                                    \
		return block;                                                                                          \
	}

NEW(_Znwm, new, (size_t size), size)
NEW(_Znam, new_array, (size_t size), size)
NEW(_ZnwmRKSt9nothrow_t, new_nothrow, (size_t size, const void *tag), size, tag)
NEW(_ZnwmSt11align_val_t, new_aligned, (size_t size, size_t alignment), size, alignment)

/* Those with a jump end in one: nothing is left to do when the real one returns. */
#define DELETE_BY_JUMP(name, real_name, parameters, ...)                                                               \
	EXPORT void name parameters                                                                                    \
	{                                                                                                              \
		if (has_real() && self.operation && block)                                                             \
			WRITE_FREE(name, FUNCTION_DELETE, block);                                                      \
		real.real_name(__VA_ARGS__);                                                                           \
	}

#define DELETE_BY_CALL(name, real_name, parameters, ...)                                                               \
	EXPORT void name parameters                                                                                    \
	{                                                                                                              \
		if (has_real() && self.operation && block)                                                             \
			WRITE_FREE(name, FUNCTION_DELETE, block);                                                      \
		real.real_name(__VA_ARGS__);                                                                           \
		__asm__ volatile("");                                                                                  \
	}

DELETE_BY_JUMP(_ZdlPv, delete, (void *block), block)
DELETE_BY_CALL(_ZdaPv, delete_array, (void *block), block)
DELETE_BY_JUMP(_ZdlPvm, delete_sized, (void *block, size_t size), block, size)
DELETE_BY_CALL(_ZdaPvm, delete_array_sized, (void *block, size_t size), block, size)
DELETE_BY_CALL(_ZdlPvRKSt9nothrow_t, delete_nothrow, (void *block, const void *tag), block, tag)
DELETE_BY_JUMP(_ZdlPvSt11align_val_t, delete_aligned, (void *block, size_t alignment), block, alignment)

/* ---- for those who call ---- */

bool front_begin(void)
{
	void *library = has_real() ? dlopen("libstdc++.so.6", RTLD_NOW | RTLD_GLOBAL) : NULL;

	if (library)
		find(library);
	return real.malloc && real.usable_size;
}

bool front_has(const char *name)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *function;

		memcpy(&function, functions[i].function, sizeof(function));
		if (strcmp(functions[i].name, name) == 0)
			return function;
	}
	return false;
}

size_t front_usable_size(void *block)
{
	return real.usable_size(block);
}
