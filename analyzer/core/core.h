/* SPDX-License-Identifier: MIT */
/*
 * A core file as plain data: memory, threads, notes, and the ELF files that were mapped into the dead process.
 *
 * The core is memory-mapped and read where it is asked for, so its size does not matter and holes are never touched.
 * Every field of the file is taken for a lie until it is checked against the file's size. Knows nothing of unwinding,
 * symbols, recordings or causes. Layouts: elf(5), Linux fs/binfmt_elf.c (elf_core_dump, fill_auxv_note,
 * fill_files_note), include/uapi/linux/elfcore.h.
 *
 * Addresses are addresses of the dead process; ranges are half-open.
 */
#ifndef ANALYZER_CORE_H
#define ANALYZER_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

/* A PT_LOAD. `dumped_bytes` of it, counted from `start`, have their bytes in the core (fewer when the core is cut
 * short). */
struct core_segment {
	uint64_t start;
	uint64_t end;
	uint64_t file_offset;
	uint64_t dumped_bytes;
	uint32_t flags; /* PF_R, PF_W, PF_X */
};

/* One entry of NT_FILE: a file-backed mapping. Without that note, one that the dynamic linker knew of
 * (core.files_are_linked). */
struct core_file_mapping {
	uint64_t start;
	uint64_t end;
	uint64_t offset;  /* in the file, bytes */
	const char *path; /* bytes as the process had them: may hold anything but NUL; belongs to the core */
};

enum core_module_state {
	/* elf_fd is open on a file with the build-id that the core's memory shows, or with Go's own note */
	CORE_MODULE_FOUND,
	CORE_MODULE_UNVERIFIED, /* elf_fd is open on the path of NT_FILE, but neither side has a build-id to compare */
	CORE_MODULE_MISMATCH,	/* the path now holds another build; not used */
	CORE_MODULE_MISSING,	/* no file with that build-id, and the path is not there */
};

/* An ELF file that was mapped, found by grouping NT_FILE entries, or the vdso. Only ranges with an ELF header in memory
 * (or in the file, when the header was not dumped) become modules. */
struct core_module {
	uint64_t start; /* lowest and highest address of its mappings */
	uint64_t end;
	const char *path; /* as in NT_FILE; "[vdso]" for the vdso */
	uint8_t build_id[64];
	size_t build_id_bytes; /* 0 when there is none */
	enum core_module_state state;
	int elf_fd;   /* -1 unless FOUND or UNVERIFIED; for the vdso a memory file with the dumped image */
	int debug_fd; /* separate debug file of the same build-id, or -1 */
	/* What to add to an address of the file to get one of the dead process; 0 for an ET_EXEC. Modulo 2^64. */
	uint64_t load_bias;
};

/* General registers as NT_PRSTATUS has them: struct user_regs_struct of <sys/user.h>, x86-64. */
#define CORE_REGISTERS 27
enum core_register {
	CORE_R15,
	CORE_R14,
	CORE_R13,
	CORE_R12,
	CORE_RBP,
	CORE_RBX,
	CORE_R11,
	CORE_R10,
	CORE_R9,
	CORE_R8,
	CORE_RAX,
	CORE_RCX,
	CORE_RDX,
	CORE_RSI,
	CORE_RDI,
	CORE_ORIG_RAX,
	CORE_RIP,
	CORE_CS,
	CORE_EFLAGS,
	CORE_RSP,
	CORE_SS,
	CORE_FS_BASE,
	CORE_GS_BASE,
	CORE_DS,
	CORE_ES,
	CORE_FS,
	CORE_GS,
};

struct core_thread {
	uint32_t tid;	     /* in the process's own pid namespace */
	int32_t signal;	     /* pr_cursig */
	int32_t info_signal; /* pr_info.si_signo: the kernel writes pr_cursig there too (fs/binfmt_elf.c, fill_prstatus)
			      */
	uint64_t registers[CORE_REGISTERS];
};

/* NT_SIGINFO, or only a number from NT_PRSTATUS when the core has none. */
struct core_signal {
	bool has_siginfo;
	int32_t number;
	int32_t code;
	int32_t error_number;
	uint64_t address; /* si_addr of SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP; si_call_addr of SIGSYS; else 0 */
	/* si_pid and si_uid where the code says that a process sent it (code <= 0), else 0. A pid of 0 is no process:
	 * the sender has none in the dead one's pid namespace, or the kernel kept no siginfo and filled in zeros (Linux
	 * kernel/signal.c, collect_signal). */
	uint32_t sender_pid;
	uint32_t sender_uid;
	int32_t system_call; /* si_syscall of SIGSYS, else -1 */
};

/* More than these many of a thing no process can have had (Linux: pid_max is at most 2^22, and vm.max_map_count, 65530
 * by default, is raised to 2^24 at most in practice); a core that claims more is refused, or loses that note. */
#define CORE_THREADS_MAX (1u << 22)
#define CORE_MAPPINGS_MAX (1u << 24)

struct core {
	const char *path;
	uint16_t machine;	       /* EM_* of <elf.h> */
	struct core_segment *segments; /* by rising start; overlapping or wrapping ones are rejected when opened */
	size_t segment_count;
	struct core_thread *threads; /* in file order: the first is the one that took the signal */
	size_t thread_count;
	struct core_file_mapping *files; /* by rising start; never overlapping: each is cut where the next begins */
	size_t file_count;
	/* There is no NT_FILE: `files` are the program's and its libraries' mappings that are not writable, as the
	 * dynamic linker's list has them. Other files are not known. */
	bool files_are_linked;
	struct core_module *modules; /* by rising start; filled by core_find_modules() */
	size_t module_count;
	struct core_signal signal;
	uint32_t pid;	     /* NT_PRPSINFO, else of the first thread */
	uint32_t parent_pid; /* NT_PRPSINFO; at the death, when another process may have taken the place of one that
				ended */
	uint32_t uid;
	char comm[17];	    /* NT_PRPSINFO pr_fname; "" when absent */
	char arguments[81]; /* pr_psargs */
	bool has_auxv;
	uint64_t auxv_sysinfo_ehdr, auxv_random, auxv_entry, auxv_base, auxv_execfn, auxv_phdr;
	bool truncated;		/* the file ends before the bytes that its headers promise */
	uint64_t missing_bytes; /* how many of them */
	struct core_private *private_;
};

/* Opens and reads headers and notes. ERROR_INVALID: not an ELF file, not a core, or headers that contradict each other;
 * ERROR_UNSUPPORTED: a core of another class, byte order or architecture (the message names it); ERROR_NOT_FOUND,
 * ERROR_PERMISSION, ERROR_SYSTEM. A core that is cut short opens as far as its notes reach, with `truncated` set; one
 * whose notes are cut off before the first thread is ERROR_INVALID ("truncated before its notes"). A path that is not a
 * regular file is refused without blocking (a FIFO). */
struct error *core_open(const char *path, struct core **ret_core) must_check;
void core_destroy(struct core *core);
DEFINE_CLEANUP(struct core, core_destroy)

/* Finds and opens the ELF file of each module: first PATH of NT_FILE if its build-id equals that in the core's memory,
 * then DIRECTORY/.build-id/xx/yyyy.debug for debug files, for each of `debug_directories` (NULL-terminated; NULL means
 * /usr/lib/debug only). Paths from the core are only opened when they are absolute, and only regular files
 * (O_NONBLOCK|O_NOCTTY|O_CLOEXEC, then fstat) are read. Never fails for what is missing: that is a module's state. */
struct error *core_find_modules(struct core *core, const char *const *debug_directories) must_check;

/* The same with the files of that host (elf_host.h), in /usr/lib/debug of it. */
struct elf_host;
struct error *core_find_modules_of(struct core *core, struct elf_host *host) must_check;

/* Copies up to `size` bytes at `address`; returns how many leading bytes could be had: from the core, else, for pages
 * that are file-backed, read-only and not dumped, from the FOUND module's file. */
size_t core_read(const struct core *core, uint64_t address, void *buffer, size_t size);
bool core_read_word(const struct core *core, uint64_t address, uint64_t *ret_word);

/* As core_read, but only bytes that are in the core file itself. */
size_t core_read_dumped(const struct core *core, uint64_t address, void *buffer, size_t size);

/* What loops over memory must walk: the bytes that were dumped, never a range that a header or a note claims, which can
 * be of any size. The next run of bytes at or above `address` and below `limit` that are in the core file and not in
 * one of its holes, in *ret_start and *ret_end (half-open; one segment at most). False: there is none. */
bool core_next_dumped(const struct core *core, uint64_t address, uint64_t limit, uint64_t *ret_start,
		      uint64_t *ret_end);

/* The segment, NT_FILE entry or module that holds `address`, or NULL. */
/* Index of the first segment that ends above `address`: the one around it, else the next; segment_count for none. */
size_t core_segment_above(const struct core *core, uint64_t address);
const struct core_segment *core_find_segment(const struct core *core, uint64_t address);
const struct core_file_mapping *core_find_file(const struct core *core, uint64_t address);
const struct core_module *core_find_module(const struct core *core, uint64_t address);

/* The thread with that id, or NULL. */
const struct core_thread *core_find_thread(const struct core *core, uint32_t tid);

#endif
