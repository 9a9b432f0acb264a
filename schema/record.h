/* SPDX-License-Identifier: MIT */
/*
 * The recorded facts as plain data: one struct a table of the store. This is all that the collector (which writes them)
 * and the analyzer (which reads them) share. No I/O, no SQL, no kernel structure.
 *
 * Units: `_ns` is nanoseconds of CLOCK_BOOTTIME (it runs through suspend; the recording's `realtime_offset_ns` added to
 * it gives the date). Addresses are addresses of the recorded process. Ranges are half-open [start, end) and whole
 * pages. A row id is positive; 0 means "none". Strings inside a struct belong to that struct unless a field says
 * otherwise.
 */
#ifndef SCHEMA_RECORD_H
#define SCHEMA_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The page size of every kernel that this version records (x86-64). */
#define RECORD_PAGE_BYTES 4096ULL

/* One run of the recorder. `ended_ns` is 0 while it runs, and stays 0 when it was killed: then `last_commit_ns` is the
 * last moment for which the store is known to be complete. */
struct recording {
	int64_t id;
	char boot_id[37];    /* text of /proc/sys/kernel/random/boot_id */
	uint64_t started_ns; /* from here on every event that passes the filter is emitted */
	uint64_t ended_ns;
	uint64_t last_commit_ns;    /* everything emitted before this moment was stored or counted as lost */
	int64_t realtime_offset_ns; /* CLOCK_REALTIME minus CLOCK_BOOTTIME at the start */
	uint32_t abi_version;	    /* of bpf/event.h */
	uint64_t emitted;	    /* events that the kernel side tried to hand over */
	uint64_t stored;	    /* of those, stored */
	uint64_t lost;	      /* of those, lost and covered by gap rows; emitted = stored + lost after a clean end */
	char *kernel_release; /* uname -r */
	char *filter;	      /* the filter as it was given, for people; "" for every process */
	char *corelate_version;
};

/* A process: (boot, pid, start time). */
struct process {
	int64_t id;
	int64_t recording_id;
	uint32_t pid;		/* thread group id in the initial pid namespace */
	uint32_t namespace_pid; /* the same in the process's own pid namespace, as its core names it */
	uint32_t parent_pid;	/* 0 when not known */
	uint32_t uid;		/* real uid when first seen */
	uint32_t last_uid;	/* when last seen: at its latest exec, its fatal signal, its end */
	uint64_t start_ns;	/* start time of the thread group leader */
	uint64_t first_seen_ns; /* first record about it */
	uint64_t exit_ns;	/* 0 while alive or when the exit was not seen */
	int32_t exit_status;	/* as wait(2) gives it; valid when exit_ns is set */
	uint64_t cgroup_id;	/* inode number of its cgroup (v2) */
	char comm[16];
};

enum space_origin {
	SPACE_EXEC = 1, /* a program was executed: known from its first mapping */
	SPACE_FORK = 2, /* a copy of the parent's at that moment: the parent's history is its own before `from_ns` */
	SPACE_SNAPSHOT = 3, /* ran before the recording: its maps were read at `from_ns`, what came before is unknown */
	SPACE_SEEN = 4,	    /* first seen in mid-life: incomplete */
};

/* An address space: what exec and fork make and what a core is a picture of. Two processes can share one (vfork). */
struct space {
	int64_t id;
	int64_t process_id;	 /* the process that it was made for */
	int64_t parent_space_id; /* for SPACE_FORK, when the parent was recorded */
	enum space_origin origin;
	uint64_t from_ns;
	uint64_t to_ns;		    /* 0 while in use */
	uint64_t auxv_sysinfo_ehdr; /* AT_SYSINFO_EHDR, 33: the vdso; 0 when absent */
	uint64_t auxv_random;	    /* AT_RANDOM, 25: address of 16 random bytes on the initial stack */
	uint64_t auxv_entry;	    /* AT_ENTRY, 9 */
	uint64_t auxv_base;	    /* AT_BASE, 7: the interpreter; 0 for a static program */
	char comm[16];
	int64_t executable_file_id;
};

/* A file that was mapped or executed, as the kernel saw it at that moment. */
struct file_identity {
	int64_t id;
	uint32_t device_major;
	uint32_t device_minor;
	uint64_t inode;
	char *path; /* as the recorded process's mount namespace names it; "" when it has none */
};

enum memory_kind {
	MEMORY_SEEN = 1,	  /* a mapping that was found in place: by the snapshot, or laid out by exec itself */
	MEMORY_MMAP = 2,	  /* args: addr, length, prot, flags, fd, offset; result: address */
	MEMORY_MUNMAP = 3,	  /* args: addr, length */
	MEMORY_MREMAP = 4,	  /* args: old address, old size, new size, flags, new address; result: address */
	MEMORY_MPROTECT = 5,	  /* args: addr, length, prot */
	MEMORY_PKEY_MPROTECT = 6, /* args: addr, length, prot, pkey */
	MEMORY_MADVISE = 7,	  /* args: addr, length, advice */
	MEMORY_BRK = 8,		  /* args: requested break, break before the call; result: break after it */
	MEMORY_SHMAT = 9,	  /* args: shmid, addr, flags, size of what was attached; result: address */
	MEMORY_SHMDT = 10,	  /* args: addr, size of what was attached there before the call */
};
/* MEMORY_SEEN: args: start, length, prot (PROT_*), MAP_* flags (PRIVATE or SHARED, GROWSDOWN), 0, file offset in bytes.
 */

/* One event of an address space. A system call keeps both of its times: its effect came at some moment between them. */
struct memory_event {
	int64_t id; /* rises in the order in which the kernel emitted (at the return of the call) */
	int64_t space_id;
	uint32_t tid; /* thread id in the initial pid namespace */
	enum memory_kind kind;
	uint64_t enter_ns;
	uint64_t exit_ns;  /* equal to enter_ns for MEMORY_SEEN */
	uint64_t ip;	   /* user instruction pointer: just after the syscall instruction; 0 for MEMORY_SEEN */
	uint64_t sp;	   /* user stack pointer there */
	uint64_t top_word; /* the word at [sp]: the caller, where ip lies in a leaf wrapper such as libc's munmap; 0
			      unread */
	int64_t result;	   /* negative errno on failure */
	uint64_t args[6];
	int64_t file_id;  /* the mapped file; 0 for anonymous memory */
	int64_t stack_id; /* recorded_stack.id; 0: none was taken */
};

/* Why there is no stack, or not all of one. */
enum stack_state {
	STACK_WHOLE = 1,      /* as many bytes as were asked for, or up to the end of the stack's mapping */
	STACK_UNREADABLE = 2, /* nothing could be read at the stack pointer */
	STACK_SKIPPED = 3,    /* the ring was filling up: events go before stacks */
};

/* A user stack at an event, as it was copied: registers and the memory from the stack pointer upwards. Nobody has
 * unwound it. The instruction pointer and the stack pointer are the event's. */
struct recorded_stack {
	int64_t id;
	enum stack_state state;
	uint64_t registers[6]; /* rbx rbp r12 r13 r14 r15: what call frame information can ask for at a call */
	uint32_t asked_bytes;  /* how much was to be copied at most; a slice of that size is cut off, not ended */
	uint32_t slice_bytes;
	uint8_t *slice; /* from the event's stack pointer on; NULL when slice_bytes is 0 */
};
void recorded_stack_deinit(struct recorded_stack *stack);

/* What a probed function is to us. */
enum function_role {
	FUNCTION_PLAIN = 0,	     /* logged for itself (--probe) */
	FUNCTION_MALLOC = 1,	     /* (size) -> block; malloc, valloc, operator new and so on */
	FUNCTION_CALLOC = 2,	     /* (count, size) -> block */
	FUNCTION_REALLOC = 3,	     /* (block, size) -> block; reallocarray is FUNCTION_REALLOCARRAY */
	FUNCTION_REALLOCARRAY = 4,   /* (block, count, size) -> block */
	FUNCTION_ALIGNED_ALLOC = 5,  /* (alignment, size) -> block; memalign, aligned_alloc */
	FUNCTION_POSIX_MEMALIGN = 6, /* (&block, alignment, size) -> error */
	FUNCTION_FREE = 7,	     /* (block, ...); free, operator delete, sized or aligned */
	FUNCTION_NEW = 8,	     /* (size, ...) -> block: operator new, new[] */
	FUNCTION_DELETE = 9,	     /* (block, ...): operator delete, delete[] */
	FUNCTION_USDT = 10,	     /* a static probe: arguments where its note says */
};

/* A function whose calls were recorded: one row a function of a file in a recording. */
struct probed_function {
	int64_t id;
	int64_t recording_id;
	int64_t file_id;
	uint64_t offset; /* of its entry, in the file */
	enum function_role role;
	char *name;	 /* as the file names it; for people */
	char *signature; /* as --probe gave it: "(char *, int) -> int"; "" for none */
	/* Not every call can be seen: copies that were inlined, a tail call to code that is not known. "" or a
	 * sentence. */
	char *hole;
};

/* From this moment on the calls of the recording's functions are seen in a process. A block that is older is not
 * unknown to its program, only to us. */
struct probe_coverage {
	int64_t id;
	int64_t recording_id;
	int64_t process_id; /* 0: in every process */
	uint64_t from_ns;
	bool heap; /* heap functions are among them */
};

/* One call of a heap function, complete or (exit_ns 0) one that never came back. */
struct heap_event {
	int64_t id; /* rises in the order in which the kernel emitted: at the return; for free at the entry */
	int64_t space_id;
	int64_t function_id;
	enum function_role role;
	uint32_t tid;
	uint64_t enter_ns;
	uint64_t exit_ns;   /* 0: its return was not seen. Of a free, whose return tells nothing, equal to enter_ns */
	uint64_t ip;	    /* entry of the function */
	uint64_t sp;	    /* at the entry: [sp] is the return address */
	uint64_t top_word;  /* that return address */
	uint64_t old_block; /* what was given back or resized; 0 for none */
	uint64_t block;	    /* what was handed out; 0 for none */
	uint64_t size;	    /* bytes asked for; of calloc and reallocarray the product, saturated */
	uint64_t alignment; /* 0: not given */
	int64_t stack_id;   /* 0: none was taken */
};

/* One call of a function of --probe, complete or not. */
struct call_event {
	int64_t id;
	int64_t space_id;
	int64_t function_id;
	uint32_t tid;
	uint64_t enter_ns;
	uint64_t exit_ns; /* 0: its return was not seen */
	uint64_t ip, sp, top_word;
	uint64_t args[6];
	uint64_t result; /* meaningful when exit_ns is set */
	char *texts[6];	 /* what string and buffer arguments pointed to at the entry, as bytes; NULL for none */
	uint32_t text_bytes[6];
	int64_t stack_id;
};
void call_event_deinit(struct call_event *event);
void probed_function_deinit(struct probed_function *function);

enum truncation_how {
	TRUNCATION_OPEN = 1,	 /* open with O_TRUNC, creat */
	TRUNCATION_FD = 2,	 /* ftruncate */
	TRUNCATION_PATH = 3,	 /* truncate */
	TRUNCATION_PUNCH = 4,	 /* fallocate that emptied [offset, offset + length); the size stays */
	TRUNCATION_COLLAPSE = 5, /* fallocate that took [offset, offset + length) out */
};

#define TRUNCATION_SIZE_UNKNOWN UINT64_MAX

/* A call that made a file shorter, or emptied a part of it: by any process, of a file that a recorded process mapped or
 * executed. */
struct truncation {
	int64_t id;
	int64_t recording_id;
	int64_t file_id; /* 0 when only the path is known */
	char *path; /* as truncate was given it: it may be relative, or lead through links; "" for the other calls */
	enum truncation_how how;
	uint32_t pid; /* who did it, recorded or not; in the initial pid namespace */
	uint32_t tid;
	uint32_t uid;
	char comm[16];
	uint64_t enter_ns; /* equal to exit_ns where only the return was seen */
	uint64_t exit_ns;
	uint64_t old_bytes; /* TRUNCATION_SIZE_UNKNOWN where only the return was seen */
	uint64_t new_bytes;
	uint64_t offset, length;   /* of fallocate */
	uint64_t ip, sp, top_word; /* in that process */
};
void truncation_deinit(struct truncation *truncation);

/* "ftruncate" and so on; "unknown" for others. */
const char *truncation_how_name(enum truncation_how how);

/* A name such as "munmap" for a kind; "unknown" for others. */
const char *memory_kind_name(enum memory_kind kind);

/* Any prctl(2) call: a marker in the timeline. */
struct marker {
	int64_t id;
	int64_t space_id;
	uint32_t tid;
	uint64_t enter_ns;
	uint64_t exit_ns;
	uint64_t ip;
	int32_t option;	  /* first argument of prctl */
	uint64_t args[4]; /* arguments two to five */
	int64_t result;
	char *text; /* what the call names (PR_SET_NAME, PR_SET_VMA_ANON_NAME, CORELATE_MARK_TEXT); NULL for none */
};

/* Is args[0] a number that someone chose as a marker? prctl's PR_GET_DUMPABLE (3) ignores its other arguments, and
 * PR_SET_DUMPABLE (4) refuses what is not a mode: both are used as markers that change nothing. */
bool marker_has_number(const struct marker *marker);
/* Third prctl argument of the macros in include/corelate/marker.h ("corelate" in ASCII, first letter lowest). */
#define MARKER_MAGIC 0x6574616c65726f63ULL

/* A system call that failed, or one that duplicates or closes a descriptor; other than memory calls and prctl, which
 * have rows of their own. Only where it was asked for. */
struct call_result {
	int64_t id;
	int64_t space_id;
	uint32_t tid;
	uint32_t number; /* as the kernel of x86-64 has them */
	uint64_t enter_ns;
	uint64_t exit_ns;
	int64_t result; /* negative errno on failure */
	uint64_t args[3];
	uint64_t ip, sp, top_word; /* as in memory_event */
};

/* A thread's birth. */
struct thread_start {
	int64_t id;
	int64_t process_id;
	uint32_t tid;
	uint64_t time_ns;
};

/* A signal as it was delivered, with the state that the dying thread had. */
struct signal_event {
	int64_t id;
	int64_t process_id;
	int64_t space_id;
	uint32_t tid;
	uint32_t namespace_tid;
	uint64_t time_ns;
	int32_t number;
	int32_t code;
	int32_t error_number; /* si_errno */
	uint64_t address;     /* si_addr where the signal carries one */
	uint32_t sender_pid;  /* si_pid where the code says that a process sent it */
	uint32_t sender_uid;
	bool fatal;		/* default action, and that action ends the process */
	uint64_t handler;	/* 0 SIG_DFL, 1 SIG_IGN, else the handler's address */
	uint64_t trampoline;	/* address of the [uprobes] page; 0 when the process has none */
	uint64_t registers[18]; /* user registers in the order of RECORD_REGISTERS; zeros when not read */
	char comm[16];
	char *directory; /* working directory when fatal; "" when not read */
};

/* Who sent a fatal signal, and, where the sender was in a handler then, the signal that the handler had been called
 * for. */
struct signal_sender {
	int64_t signal_id;
	uint32_t pid; /* in the initial pid namespace */
	uint32_t tid;
	uint64_t time_ns; /* of the sending */
	char comm[16];
	int32_t first_number; /* 0: it was in no handler */
	int32_t first_code;
	uint64_t first_address;	    /* of a fault */
	int32_t first_system_call;  /* of SIGSYS, else -1 */
	uint32_t first_sender_pid;  /* as the process that took it saw it; 0 for none */
	uint32_t first_pid;	    /* the process that took it: the sender, or who had sent it a signal likewise */
	uint32_t first_tid;	    /* and the thread */
	uint64_t first_time_ns;	    /* of its delivery */
	char first_sender_comm[16]; /* "" when not known */
};

/* Order of signal_event.registers: r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi rip eflags rsp. */
enum record_register {
	RECORD_REGISTER_RBP = 4,
	RECORD_REGISTER_RAX = 10,
	RECORD_REGISTER_RIP = 15,
	RECORD_REGISTER_RSP = 17
};

/* A process that called exit_group with a status other than 0 while it had a [uprobes] page: a runtime whose unwinder
 * meets a uretprobe may end so, without a signal and without a core. */
struct exit_state {
	int64_t id;
	int64_t process_id;
	int64_t space_id;
	uint32_t tid;
	uint32_t namespace_tid;
	uint64_t time_ns;
	int32_t status; /* as wait(2) gives it */
	uint64_t trampoline;
	uint64_t registers[18]; /* as in signal_event */
	char comm[16];
};

/* A pending uretprobe of a thread of a dying process (kernel: struct return_instance). depth 0 is the innermost. */
struct return_instance {
	int64_t id;
	int64_t signal_id; /* the fatal signal; 0 when it belongs to an exit */
	uint32_t tid;
	uint32_t depth;
	uint64_t function;	 /* probed address */
	uint64_t stack;		 /* value of the stack pointer's slot that holds the return address */
	uint64_t return_address; /* the true one */
	bool chained;		 /* shares its stack slot with the next instance (a tail call) */
	uint32_t device_major;	 /* the probed file, and the offset in it; inode 0: its tracer has detached */
	uint32_t device_minor;
	uint64_t inode;
	uint64_t offset;
	int64_t exit_state_id; /* 0 when it belongs to a signal */
};

enum probe_how {
	PROBE_PERF = 1,	   /* through a perf event */
	PROBE_LINK = 2,	   /* through a BPF link of type uprobe_multi */
	PROBE_TRACEFS = 3, /* defined in tracefs; the kernel keeps no owner */
};

/* A uprobe or uretprobe and a process that held it. The kernel tells no detaching: it went at some moment between
 * last_seen_ns and gone_ns. */
struct attached_probe {
	int64_t id;
	int64_t recording_id;
	enum probe_how how;
	char *path; /* the probed file; "" when not known */
	/* The inode that carries the breakpoint, which return_instance names; and the one that mappings show, which is
	 * another on stacked file systems. */
	uint32_t device_major;
	uint32_t device_minor;
	uint64_t inode;
	uint32_t file_device_major;
	uint32_t file_device_minor;
	uint64_t file_inode;
	uint64_t offset;  /* bytes in the file */
	bool at_return;	  /* a uretprobe */
	bool enabled;	  /* false: tracefs defines it and nobody has switched it on */
	int32_t only_pid; /* the one process that it is for; 0: any; -1: not known */
	uint32_t program_id;
	uint32_t left_out;   /* further probes of the same link that have no row */
	uint32_t holder_pid; /* 0: nobody is known to hold it */
	uint64_t holder_start_ns;
	char holder_comm[16];
	uint64_t holder_cgroup_id; /* 0: not known */
	char *holder_cgroup;	   /* path of the cgroup; "" when not known */
	uint64_t attached_ns;	   /* 0: it was found in place */
	uint64_t first_seen_ns;
	uint64_t last_seen_ns;
	uint64_t gone_ns; /* 0: it was never seen to be gone */
};

enum probe_held {
	PROBE_NOT_HELD = 0,
	PROBE_MAYBE_HELD = 1, /* between two looks, or before the first of one that was found in place */
	PROBE_HELD = 2,
};

/* Was it held at that moment? Pure. */
enum probe_held attached_probe_held(const struct attached_probe *probe, uint64_t time_ns);

enum gap_cause {
	GAP_RING_FULL = 1,    /* the ring buffer was full */
	GAP_QUEUE_FULL = 2,   /* the recorder's own queue was full */
	GAP_QUOTA = 3,	      /* the store reached its size limit */
	GAP_DATABASE = 4,     /* an insert or a commit failed */
	GAP_MISSED = 5,	      /* the kernel did not run a program (recursion) */
	GAP_KERNEL_STATE = 6, /* the kernel side could not keep or read state for an event */
	GAP_UNCLEAN_END = 7,  /* the recorder was killed: nothing is known from here on */
	GAP_FILTER = 8,	      /* the filter did not take the process until then */
};

/* A span over which events were lost. */
struct gap {
	int64_t id;
	int64_t recording_id;
	uint32_t pid; /* 0: it may concern any process */
	enum gap_cause cause;
	uint64_t from_ns;
	uint64_t to_ns;
	uint64_t lost; /* number of events; 0 when it cannot be counted (GAP_UNCLEAN_END, GAP_FILTER) */
};

/* A phrase such as "ring buffer full" for a cause. */
const char *gap_cause_name(enum gap_cause cause);

#endif
