/* SPDX-License-Identifier: MIT */
/*
 * A probe plan: which instructions of which files the recorder shall put uprobes on, and where arguments and results
 * are there. Made by the command line, so that the privileged recorder parses nobody's ELF; handed over as text.
 *
 * The text: lines of tab-separated words; %XX stands for a byte of a word that is no printable character of ASCII, or
 * is a percent sign. Numbers are decimal, offsets hexadecimal with 0x and offsets in the file.
 *
 *   corelate-plan  1
 *   file      FILE PATH identity=MAJOR:MINOR:INODE:SIZE:MTIME_NS
 *   function  ID FILE OFFSET ROLE NAME SIGNATURE HOLE
 *   argument  ID POSITION SOURCE KIND
 *   result    ID SOURCE KIND
 *   site      ID entry|return OFFSET [file=FILE] [result=SOURCE] [semaphore=0xOFFSET]
 *
 * FILE and ID count from 0. `identity` is what stat() said of the file when its code was read: a breakpoint in a file
 * that was replaced since could split an instruction. ROLE: plain malloc calloc realloc reallocarray aligned_alloc
 * posix_memalign free new delete usdt. HOLE is "" or a sentence: not every call, or not every return, can be seen.
 *
 * SOURCE, with the registers as they are before the probed instruction (rip is its address):
 *   reg:NAME[+-0xN]                    the register, plus N
 *   mem:NAME[+NAME*SCALE][+-0xN]       the memory there, as wide as KIND
 *   const:[-]N
 * KIND: u64 i64 u32 i32 u16 i16 u8 i8 ptr (the rest of the register is not the value's); string: a pointer to bytes
 * that a zero ends; buffer:P: a pointer to as many bytes as the argument at POSITION P says; buffer:=N: to exactly N
 * bytes.
 *
 * At every return site, tail calls included, the stack pointer is what it was at the entry. A site may belong to
 * several functions, since a tail call makes the returns of its target those of the caller too: only the stack pointer
 * (and the thread) tells whose return it is. `result` of a site goes before the function's: at the jump to memset, with
 * which calloc ends, what will be returned is in rdi.
 */
#ifndef ANALYZER_PROBE_PLAN_H
#define ANALYZER_PROBE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/error.h"
#include "schema/record_call.h"

#define PROBE_ARGUMENTS_MAX 6

struct probe_value {
	unsigned position; /* of an argument: 0 … 5; there may be gaps */
	char source[64];
	char kind[24];
};

struct probe_site {
	bool at_return;
	size_t file;
	uint64_t offset;
	uint64_t semaphore; /* file offset of a static probe's counter in the function's file; 0: none */
	char result[16];    /* where the result is here; "": where the function has it */
};

struct probe_function {
	size_t file;
	uint64_t offset;
	enum function_role role;
	char *name;
	char *signature; /* never NULL */
	char *hole;	 /* never NULL */
	struct probe_value arguments[PROBE_ARGUMENTS_MAX];
	size_t argument_count;
	struct probe_value result;
	bool has_result;
	struct probe_site *sites;
	size_t site_count;
};

struct probe_file {
	char *path; /* by which the recorder can open it */
	struct stat identity;
};

struct probe_plan {
	struct probe_file *files;
	size_t file_count;
	struct probe_function *functions;
	size_t function_count;
};

void probe_plan_deinit(struct probe_plan *plan);

/* The number of the file, added when it is new: one file is one device and inode. */
struct error *probe_plan_add_file(struct probe_plan *plan, const char *path, const struct stat *identity,
				  size_t *ret) must_check;

/* Adds a function without sites, arguments or result; copies the texts (NULL is ""). The pointer holds until the next
 * call. Only a function of the same file, offset and role 'usdt' may be there already; any other is not added again:
 * `*ret` is then NULL. */
struct error *probe_plan_add_function(struct probe_plan *plan, size_t file, uint64_t offset, enum function_role role,
				      const char *name, const char *signature, struct probe_function **ret) must_check;

/* Does nothing when the function has that site already. */
struct error *probe_function_add_site(struct probe_function *function, const struct probe_site *site) must_check;

/* Adds a sentence to the function's hole, unless it says so already. */
struct error *probe_function_add_hole(struct probe_function *function, const char *format, ...)
	__attribute__((format(printf, 2, 3))) must_check;

/* Appends an argument; false when there are six. */
bool probe_function_add_argument(struct probe_function *function, const char *source, const char *kind);
void probe_function_set_result(struct probe_function *function, const char *source, const char *kind);

const char *probe_role_name(enum function_role role);

/* Writes the text. ERROR_SYSTEM when it could not be written whole. */
struct error *probe_plan_write(const struct probe_plan *plan, FILE *out) must_check;

#endif
