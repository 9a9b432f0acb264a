/* SPDX-License-Identifier: MIT */
/*
 * Where an address of the dead process lies: in which mapping and what that is, or in which hole and between what.
 *
 * A pure function of the crash: segments, NT_FILE, modules, threads and the auxiliary vector of the core, and what of
 * the record was loaded for that address (the biography, place_records). What belongs to the core (paths, modules) is
 * pointed to, so a place must not outlive its crash. Nothing is freed.
 *
 * A core lists every mapping, also those whose bytes it leaves out (Linux fs/coredump.c, dump_vma_snapshot), so what is
 * in no PT_LOAD was not mapped. GDB's gcore leaves out file mappings that nobody wrote to: NT_FILE has those.
 *
 * What is heuristic: the stack of a thread is the mapping that its stack pointer or, for glibc and musl, its thread
 * control block lies in (a fiber's or an alternate stack is told as the stack of the thread that runs on it); the heap
 * is the first anonymous writable mapping above the executable, as far as the kernel may randomize the program break;
 * other blocks of malloc are anonymous.
 */
#ifndef ANALYZER_PLACE_H
#define ANALYZER_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/core/core.h"
#include "common/cleanup.h"
#include "common/error.h"
#include "schema/record_memory.h"

struct crash;
struct crash_from_core;
struct words;

/* Below this the kernel maps nothing for a program without privilege (vm.mmap_min_addr). */
#define PLACE_NULL_BYTES 65536
/* How far the kernel keeps other mappings from a stack that may grow (vm.stack_guard_gap: 256 pages). */
#define PLACE_STACK_GAP_BYTES (256 * 4096)

enum place_kind {
	PLACE_UNKNOWN = 0,   /* there is no core to tell */
	PLACE_NULL,	     /* within PLACE_NULL_BYTES above or 4096 below zero, and not mapped */
	PLACE_NON_CANONICAL, /* no address at all to a processor with four-level page tables */
	PLACE_KERNEL,	     /* the kernel's half */
	PLACE_UNMAPPED,
	/* mapped */
	PLACE_GUARD,	  /* no permission, no bytes, right below a thread's stack */
	PLACE_RESERVED,	  /* no permission and no bytes, elsewhere: reserved, or a guard of something else */
	PLACE_MAIN_STACK, /* [stack] */
	PLACE_STACK,	  /* what the stack pointer of thread `tid` lies in */
	PLACE_HEAP,	  /* the program break's */
	PLACE_FILE,
	PLACE_BSS, /* the zero-initialized end of a module's data */
	PLACE_VDSO,
	PLACE_VVAR,
	PLACE_VSYSCALL,
	PLACE_UPROBES,	 /* the kernel's page for uprobes: execute permission alone */
	PLACE_ANONYMOUS, /* anonymous or unnamed shared memory */
};

/* A mapping beside a hole. */
struct place_neighbour {
	bool exists;
	enum place_kind kind;
	uint64_t start, end;
	const char *path; /* NULL for none */
	uint32_t tid;	  /* of the stack; 0 for none */
};

/* The recorded end of what was mapped at an address that no longer is. */
struct place_end {
	bool known;
	uint64_t time_ns;
	enum memory_kind kind; /* the call that took it away */
	uint32_t tid;
	uint64_t start, end; /* the mapping, as it was made */
	size_t event;	     /* index in the biography, when that is about this address; else SIZE_MAX */
};

/* The end of what was mapped in one page, looked up for a place_of() that comes after. */
struct place_record {
	uint64_t page;
	struct place_end end;
};

struct place {
	uint64_t address;
	enum place_kind kind;
	bool mapped;	     /* false also when it is not known */
	uint64_t start, end; /* of the mapping; of the hole for PLACE_UNMAPPED and PLACE_NULL */
	int protection;	     /* PROT_* of the mapping; -1 when there is none or it is not known */
	const char *path;    /* the mapped file, or NULL */
	uint64_t file_offset;
	const struct core_module *module; /* NULL for none */
	uint32_t tid;			  /* of the thread whose stack it is or guards; 0 for none */
	/* PLACE_UNMAPPED and PLACE_NULL: what lies around. */
	struct place_neighbour below, above;
	struct place_end ended;
};

/* The registers that may point somewhere: the general ones, and rip last. */
#define POINTER_REGISTERS 17
extern const enum core_register pointer_registers[POINTER_REGISTERS];

/* One of them and where it points. */
struct pointer {
	enum core_register number;
	uint64_t value;
	struct place place;
};

/* Takes the page's last life from a timeline over it; false when it has none or that has not ended. `event` of the
 * result is an index into the timeline's events. */
struct timeline;
bool place_read_end(const struct timeline *timeline, uint64_t address, struct place_end *ret_end);

/* What place_of() would have to look for again at each address: whose stacks the mappings hold, where modules end,
 * where the executable lies. A core can have 100,000 threads and as many mappings. The core and its modules must
 * outlive it. */
struct place_index;
struct error *place_index_create(const struct core *core, struct place_index **ret) must_check;
void place_index_destroy(struct place_index *index);
DEFINE_CLEANUP(struct place_index, place_index_destroy)

/* By the core alone: `ended` is empty. With `from->places`, the index of `from->image`, or (NULL) without one, which
 * only takes longer. */
void place_in_core(const struct crash_from_core *from, uint64_t address, struct place *ret_place);

/* The same, with the recorded end of what was there: needs the biography and the place records. */
void place_of(const struct crash *crash, uint64_t address, struct place *ret_place);

/* True when no program can have anything at `address` with four-level page tables. With five levels addresses up to
 * 2^56 exist, but the kernel gives them only to those who ask for them (Linux Documentation/arch/x86/x86_64/5level-
 * paging.rst). */
bool place_is_non_canonical(uint64_t address);

/* "in libfoo.so's code (r-x, file offset 0x1234)", "4096 bytes past the end of libfoo.so's data", "in a range that was
 * unmapped 3.2 ms before the crash". Stands after "0x7f… is" or "rbx points". */
const char *words_place(struct words *words, const struct crash *crash, const struct place *place);

#endif
