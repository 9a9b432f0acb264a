/* SPDX-License-Identifier: MIT */
/*
 * An ELF file of this machine, opened for questions about its code: what is called what, which bytes lie at an address,
 * and what a slot that the dynamic linker fills will point to.
 *
 * Everything is read with pread() and checked against the file's size, because the file may be anybody's: a program of
 * another user, or one that is being written. Addresses are the file's own (no load bias). Knows nothing of
 * instructions, processes or probes. Layouts: elf(5), gABI; relocations: System V ABI, AMD64 supplement.
 */
#ifndef ANALYZER_ELF_FILE_H
#define ANALYZER_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

struct elf_host;

struct elf_symbol {
	const char *name; /* without a version (foo@@V is foo); belongs to the elf_file; never empty */
	uint64_t address; /* 0 when it is imported */
	uint64_t size;	  /* bytes; 0 in much hand-written assembly */
	uint8_t type;	  /* STT_* */
	uint8_t binding;  /* STB_* */
	bool is_import;	  /* used here, defined elsewhere */
	bool is_code;	  /* lies in an executable segment */
};

/* An eight-byte word that the dynamic linker fills in: of the GOT, or a pointer in data. */
struct elf_slot {
	uint64_t address;
	const char *name; /* the symbol it will point to, or NULL: then it will point to `target` */
	uint64_t target;
};

struct elf_file {
	const char *path;      /* as given; a copy */
	uint16_t machine;      /* EM_* of <elf.h> */
	bool is_executable;    /* a program, not a shared library: ET_EXEC, or ET_DYN with DF_1_PIE or an interpreter */
	bool is_dynamic;       /* has a dynamic section that needs libraries */
	bool has_symbol_table; /* .symtab, here or in the debug file; otherwise only dynamic symbols are known */
	bool has_go_table;     /* without .symtab: the functions of Go's own table are among the symbols */
	bool has_debug_file;   /* a separate debug file was found and used */
	const char *soname;    /* or NULL */
	const char *interpreter;   /* the dynamic linker that it asks for (PT_INTERP), or NULL */
	const char *rpath;	   /* DT_RPATH, or NULL; void where there is a runpath */
	const char *runpath;	   /* DT_RUNPATH, or NULL */
	bool no_default_libraries; /* DF_1_NODEFLIB: not looked for in the system's directories */
	const char **needed;	   /* DT_NEEDED */
	size_t needed_count;
	struct elf_symbol *symbols; /* all, by rising address, imports first; aliases of one address: best first */
	size_t symbol_count;
	struct elf_symbol *code; /* copies of those with is_code, in the same order */
	size_t code_count;
	struct elf_slot *slots; /* by rising address */
	size_t slot_count;
	struct elf_private *private_;
};

/* Opens the file behind `fd`, which stays the caller's; `path` is for messages. A separate debug file is looked for as
 * DIRECTORY/.build-id/xx/rest.debug (GDB's manual, "Separate Debug Files") in each of `debug_directories`,
 * NULL-terminated; NULL means /usr/lib/debug. ERROR_INVALID: not an ELF file, or not an executable or library;
 * ERROR_UNSUPPORTED: of another architecture, which the message names; ERROR_SYSTEM, ERROR_NO_MEMORY. A file without
 * section headers opens, with no symbols. */
struct error *elf_open(int fd, const char *path, const char *const *debug_directories,
		       struct elf_file **ret) must_check;

/* As above, opening `path`: ERROR_NOT_FOUND, ERROR_PERMISSION; what is not a regular file is ERROR_INVALID. */
struct error *elf_open_path(const char *path, struct elf_file **ret) must_check;

/* As above, of that host (elf_host.h; NULL: this machine), whose /usr/lib/debug is looked in. */
struct error *elf_open_path_of(struct elf_host *host, const char *path, struct elf_file **ret) must_check;

/* As elf_open(), with the separate debug file behind `debug_fd`, which stays the caller's; -1: there is none, and none
 * is looked for. */
struct error *elf_open_with_debug(int fd, int debug_fd, const char *path, struct elf_file **ret) must_check;
void elf_destroy(struct elf_file *elf);
DEFINE_CLEANUP(struct elf_file, elf_destroy)

/* Copies NT_GNU_BUILD_ID of the file behind `fd`, and returns its length; 0 when there is none, or it is no such file.
 */
size_t elf_read_build_id(int fd, uint8_t ret_build_id[64]);

/* Where the byte at `address` is in the file; false when it is in no PT_LOAD's file part. `executable` asks for a
 * segment with PF_X. */
bool elf_file_offset(const struct elf_file *elf, uint64_t address, bool executable, uint64_t *ret_offset);

/* The inverse: the address at which the byte at `offset` of the file is loaded, executable segments first. */
bool elf_address_of_offset(const struct elf_file *elf, uint64_t offset, uint64_t *ret_address);

/* Copies up to `size` bytes at `address` as the file has them; returns how many. */
size_t elf_read(const struct elf_file *elf, uint64_t address, void *buffer, size_t size);

/* The code symbol that starts at `address` (the best of several: a typed one, a global one), or NULL. */
const struct elf_symbol *elf_symbol_at(const struct elf_file *elf, uint64_t address);

/* The code symbol whose [address, address + size) holds `address`, or NULL. */
const struct elf_symbol *elf_symbol_around(const struct elf_file *elf, uint64_t address);

/* The lowest start of a code symbol above `address`, but not above the end of the section (or, without section headers,
 * segment) that holds `address`, which is given when there is none. 0 when nothing holds `address`. */
uint64_t elf_next_start(const struct elf_file *elf, uint64_t address);

/* The range [start, end) of the frame description entry that covers `address`, from .eh_frame_hdr's table. Compilers
 * write one a function (and one a split part), so that it tells a function's extent even in a stripped file. */
bool elf_find_frame(const struct elf_file *elf, uint64_t address, uint64_t *ret_start, uint64_t *ret_end);

/* The same of a file that was not opened yet, without reading its symbols. */
bool elf_find_frame_in(int fd, const char *path, uint64_t address, uint64_t *ret_start, uint64_t *ret_end);

/* What the slot at `address` will point to, or NULL when the dynamic linker does not fill it. */
const struct elf_slot *elf_find_slot(const struct elf_file *elf, uint64_t address);

/* The name of the section that holds `address`, or NULL. */
const char *elf_section_of(const struct elf_file *elf, uint64_t address);

/* The range that the dynamic linker makes read-only once it has relocated it (PT_GNU_RELRO); false when there is none.
 */
bool elf_find_relro(const struct elf_file *elf, uint64_t *ret_start, uint64_t *ret_end);

/* The bytes of the section called `name`, with a zero byte after them, and the address at which they are loaded (0 for
 * a note for tools); NULL when there is none or it has no bytes in the file. They stay the elf_file's. */
const uint8_t *elf_section_called(const struct elf_file *elf, const char *name, uint64_t *ret_address,
				  size_t *ret_size);

/* The name of the first section called one of `names` (NULL-terminated) or NULL. */
const char *elf_has_section(const struct elf_file *elf, const char *const *names);

#endif
