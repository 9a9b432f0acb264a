/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * The record format that the kernel side writes into the ring buffer and corelated reads.
 *
 * Fixed-width fields, explicit padding, no pointers. Every record begins with struct event_header; `type` says which
 * struct follows. Times are CLOCK_BOOTTIME nanoseconds. pid is the thread group id and tid the thread id, both in the
 * initial pid namespace. Addresses are user addresses of the recorded process unless a field says otherwise.
 * A change of a record that exists raises EVENT_ABI_VERSION, which the store keeps with each recording; a new record
 * gets a number that none had before.
 */
#ifndef BPF_EVENT_H
#define BPF_EVENT_H

#ifdef __BPF__
#include "kernel_types.h"
#else
#include <assert.h>
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;
typedef int64_t s64;
#endif

#define EVENT_ABI_VERSION 6

enum event_type {
	EVENT_SYSCALL = 1,	   /* struct event_syscall */
	EVENT_PRCTL = 2,	   /* struct event_prctl */
	EVENT_FILE = 3,		   /* struct event_file */
	EVENT_MAPPING = 4,	   /* struct event_mapping */
	EVENT_PROCESS = 5,	   /* struct event_process */
	EVENT_THREAD = 6,	   /* struct event_thread */
	EVENT_EXIT = 7,		   /* struct event_exit */
	EVENT_SIGNAL = 8,	   /* struct event_signal */
	EVENT_RETURN_INSTANCE = 9, /* struct event_return_instance */
	EVENT_EXIT_STATE = 10,	   /* struct event_exit_state */
	EVENT_PROBE = 11,	   /* struct event_probe */
	EVENT_HOLDER_EXIT = 12,	   /* struct event_holder_exit */
	EVENT_COVERAGE = 16,	   /* struct event_coverage; made by the recorder */
	EVENT_RESULT = 21,	   /* struct event_result */
	EVENT_TRUNCATION = 20,	   /* struct event_truncation */
	EVENT_STACK_SLICE = 13,	   /* struct event_stack_slice */
	EVENT_CALL = 14,	   /* struct event_call */
	EVENT_CALL_TEXT = 15,	   /* struct event_call_text */
};

struct event_header {
	u32 size; /* of the whole record, header included */
	u16 type;
	u16 cpu;
	u64 time_ns; /* when the record was made; for a system call, its exit */
	u32 pid;
	u32 tid;
};

/* A file by identity. All zero for none. The generation tells a reused inode number from the old one; it names the file
 * only inside one recording and is not stored. */
struct event_file_id {
	u64 inode;
	u32 device; /* kernel encoding: major << 20 | minor */
	u32 generation;
};

enum event_stack_state {
	EVENT_STACK_WHOLE = 1,	    /* as many bytes as were asked for, or up to where memory ends */
	EVENT_STACK_UNREADABLE = 2, /* nothing could be read at the stack pointer */
	EVENT_STACK_SKIPPED = 3,    /* the slice was not handed over: the ring was filling up */
};

/* The user's stack at an event: a record that has one is followed by it. The memory itself comes before, in an
 * event_stack_slice of the same hash, once as long as that slice is remembered. */
struct event_stack {
	u64 hash;	  /* names the slice in this recording; 0 for none */
	u64 registers[6]; /* rbx rbp r12 r13 r14 r15 */
	u32 bytes;	  /* of the slice */
	u32 state;	  /* enum event_stack_state */
};

/* Stack memory from `address` upwards. Not an event for the books: when it is lost, the events that name it have no
 * stack, and nothing else is wrong. */
struct event_stack_slice {
	struct event_header header;
	u64 hash;
	u64 address;
	u32 bytes;
	u32 padding;
	u8 data[]; /* `bytes`; at most EVENT_STACK_MAX_BYTES */
};

#define EVENT_STACK_MAX_BYTES 65536U

/* One memory system call, complete; followed by an event_stack when the record is long enough for one. For brk args[1]
 * is the break before the call; for shmat args[3], and for shmdt args[1], is the size in bytes of the attached segment
 * (0 when it could not be read). */
struct event_syscall {
	struct event_header header;
	u64 enter_ns;
	s64 result;
	u64 ip; /* just after the syscall instruction */
	u64 sp;
	u64 top_word; /* the word at sp, 0 when unreadable */
	u64 args[6];
	struct event_file_id file; /* mmap of a file descriptor */
	u32 number;
	u32 padding;
};

/* A system call that failed, or one that makes or closes a descriptor; complete. */
struct event_result {
	struct event_header header;
	u64 enter_ns; /* 0: it was under way when the recording began */
	s64 result;
	u64 ip; /* just after the syscall instruction */
	u64 sp;
	u64 top_word; /* the word at sp, 0 when unreadable */
	u64 args[3];
	u32 number;
	u32 padding;
};

#define EVENT_TEXT_BYTES 128

/* Any prctl. `text` is what the call names, NUL-terminated; text[0] is 0 when it names nothing. */
struct event_prctl {
	struct event_header header;
	u64 enter_ns;
	s64 result;
	u64 ip;
	u64 sp;
	u64 args[5];
	char text[EVENT_TEXT_BYTES];
};

#define EVENT_PATH_BYTES 1024
#define EVENT_PATH_COMPONENTS 64

/* The path of a file, once per file while the recorder remembers it. `components` holds NUL-terminated names from the
 * leaf to the root, `used` bytes in all. */
struct event_file {
	struct event_header header;
	struct event_file_id file;
	u32 used;
	u8 truncated; /* the names nearest to the root are missing */
	u8 deleted;   /* the file has no link left */
	u8 padding[2];
	char components[EVENT_PATH_BYTES];
};

enum event_mapping_reason {
	EVENT_MAPPING_EXEC = 1,	    /* laid out by exec, before the program's first instruction */
	EVENT_MAPPING_SNAPSHOT = 2, /* found in a process that ran already */
};

/* A mapping as it stands in an address space. */
struct event_mapping {
	struct event_header header;
	u64 start;
	u64 end;
	u64 vm_flags; /* kernel VM_* bits: READ 1, WRITE 2, EXEC 4, SHARED 8, GROWSDOWN 0x100 */
	u64 page_offset;
	struct event_file_id file;
	u32 reason; /* enum event_mapping_reason */
	u32 padding;
};

enum event_process_reason {
	EVENT_PROCESS_FORK = 1,	    /* just made by fork, vfork or clone; made by parent_pid */
	EVENT_PROCESS_EXEC = 2,	    /* has just begun a new program; EVENT_MAPPING records follow */
	EVENT_PROCESS_SNAPSHOT = 3, /* ran before the recording; EVENT_MAPPING records follow */
	EVENT_PROCESS_SEEN = 4,	    /* seen for the first time in mid-life */
	EVENT_PROCESS_MATCHED = 5,  /* the filter takes it from now on: until header.time_ns it was not recorded */
};

/* Complete: whoever it tells of has no other record that would fill it in. It comes before every other record of the
 * process, and may come later than what it tells of, when there was no room at that moment. */
struct event_process {
	struct event_header header;
	u64 start_ns; /* of the thread group leader */
	/* Of a fork when its call began (its memory is copied after that and before start_ns), or else when it was
	 * seen; the exec; else the first sight. With start_ns it names the announcement. */
	u64 since_ns;
	u64 cgroup_id;
	u64 auxv_sysinfo_ehdr;
	u64 auxv_random;
	u64 auxv_entry;
	u64 auxv_base;
	struct event_file_id executable;
	u32 reason; /* enum event_process_reason */
	u32 parent_pid;
	u32 namespace_pid;
	u32 uid;
	u32 shares_memory; /* 1: a fork with CLONE_VM, so the parent's address space is used until exec */
	u32 late;	   /* 1: there was no room when it happened, for its mappings either */
	char comm[16];
};

/* A new thread (tid) of an existing process (header.pid). */
struct event_thread {
	struct event_header header;
	u32 tid;
	u32 padding;
};

/* The last thread of a process has ended. One a process. A thread that ended at the same moment may give up its calls
 * after it. */
struct event_exit {
	struct event_header header;
	u64 start_ns; /* of the thread group leader */
	s32 status;   /* as wait(2) gives it */
	u32 uid;      /* real user id */
};

/* Names an exit for which there was no room in either ring. */
struct event_exit_key {
	u64 start_ns;
	u32 pid;
	u32 padding;
};

/* From header.time_ns on calls of probed functions are seen in the process header.pid, or (0) in every one; INT64_MAX:
 * never. Made by the recorder, whose thread that attaches knows nothing of the ring: it can come before the process's
 * announcement and after its end. */
struct event_coverage {
	struct event_header header;
	u64 start_ns; /* of the process; 0 when it was chosen by its pid and not announced yet */
};

#define EVENT_REGISTERS 18

/* A signal that a handler had been called for when it sent another. */
struct event_signal_first {
	u64 time_ns; /* when it was delivered */
	u64 address; /* of a fault */
	s32 number;  /* 0: none */
	s32 code;
	s32 system_call; /* of SIGSYS, else -1 */
	u32 sender_pid;	 /* as the process that took it saw it */
	u32 pid;	 /* of that process */
	u32 tid;	 /* and its thread */
	char sender_comm[16];
};

/* Who sent a signal. Where a handler passed on what another handler had sent, `first` is what that one was called for.
 */
struct event_signal_sender {
	u64 time_ns; /* of the sending; 0: it was not seen, or nobody sent it */
	u32 pid;
	u32 tid;
	char comm[16];
	struct event_signal_first first;
};

/* A signal at delivery. Those that a handler takes are reported for SEGV, BUS, ILL, FPE, TRAP, ABRT and SYS only. */
struct event_signal {
	struct event_header header;
	u64 address;
	u64 handler;
	u64 trampoline;
	u64 registers[EVENT_REGISTERS]; /* r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi rip eflags rsp */
	s32 number;
	s32 code;
	s32 error_number;
	u32 sender_pid;
	u32 sender_uid;
	u32 namespace_tid;
	u32 fatal;
	u32 directory_used; /* bytes of `directory`; leaf first, as in event_file */
	u32 uid;	    /* real user id of the thread */
	u32 padding;
	char comm[16];
	struct event_signal_sender sender; /* when fatal */
	char directory[EVENT_PATH_BYTES];
};

/* A process calls exit_group with a status other than 0 and has a [uprobes] page: it may be ended by a runtime whose
 * unwinder met the trampoline, which needs no signal and leaves no core. */
struct event_exit_state {
	struct event_header header;
	u64 trampoline;
	u64 registers[EVENT_REGISTERS]; /* as in event_signal */
	s32 status;			/* as wait(2) gives it */
	u32 namespace_tid;
	char comm[16];
};

/* A pending uretprobe of a thread of a dying process; follows the event_signal or event_exit_state of the same
 * header.tid. */
struct event_return_instance {
	struct event_header header;
	u64 function;
	u64 stack;
	u64 return_address;
	u64 offset; /* of the probe in its file */
	u64 inode;
	u32 device;
	u32 thread; /* tid of the owner, which need not be the one that took the signal */
	u32 depth;  /* 0 is the innermost */
	u32 chained;
};

enum event_probe_how {
	EVENT_PROBE_PERF = 1, /* a perf event: of the uprobe PMU, or of an event that was defined in tracefs */
	EVENT_PROBE_LINK = 2, /* a BPF link of type uprobe_multi */
};

/* A uprobe or uretprobe that a process (header.pid) holds through an open descriptor. From the ring: it has just
 * attached it, whatever the filter says of that process. From the iterator `holders`: it holds it now. */
struct event_probe {
	struct event_header header;
	u64 offset; /* in the file */
	/* The file as its path names it and as mappings show it; and the inode that carries the breakpoint, which is
	 * another one on stacked file systems (overlayfs), and which event_return_instance names. */
	struct event_file_id file;
	u64 inode;
	u32 device;
	u32 at_return;
	u64 start_ns; /* of the holder's thread group leader */
	u64 cgroup_id;
	u32 how;      /* enum event_probe_how */
	u32 only_pid; /* the one process that it is for; 0: any */
	u32 program_id;
	u32 left_out; /* further probes of the same link that no record is made for */
	u32 used;     /* `components` as in event_file; 0: the same path as the record before (iterator only) */
	u8 truncated;
	u8 padding[3];
	char comm[16];			   /* of the thread group leader */
	char components[EVENT_PATH_BYTES]; /* the iterator leaves it out when `used` is 0 */
};

/* The last thread of a process that held probes has ended: its descriptors are about to be closed. */
struct event_holder_exit {
	struct event_header header;
	u64 start_ns;
};

enum event_truncation_how {
	EVENT_TRUNCATION_OPEN = 1,     /* open with O_TRUNC, creat */
	EVENT_TRUNCATION_FD = 2,       /* ftruncate */
	EVENT_TRUNCATION_PATH = 3,     /* truncate */
	EVENT_TRUNCATION_PUNCH = 4,    /* fallocate with PUNCH_HOLE or ZERO_RANGE: the size stays */
	EVENT_TRUNCATION_COLLAPSE = 5, /* fallocate with COLLAPSE_RANGE */
};

#define EVENT_TRUNCATION_PATH_BYTES 256
#define EVENT_SIZE_UNKNOWN (~0ULL)

/* A file lost contents that may be mapped: made by any process of the host, whatever the filter says of it, when the
 * file is one whose path was handed over. For truncate, which resolves its path out of sight, always, with the path as
 * given and no file. Calls that failed or made nothing smaller are left out. */
struct event_truncation {
	struct event_header header;
	u64 enter_ns; /* equal to the header's time where only the return is seen (open, truncate) */
	struct event_file_id file;
	u64 old_bytes; /* EVENT_SIZE_UNKNOWN where only the return is seen */
	u64 new_bytes;
	u64 offset, length; /* of fallocate */
	u64 ip;
	u64 sp;
	u64 top_word;
	u32 how; /* enum event_truncation_how */
	u32 uid;
	char comm[16];				/* of the thread */
	char path[EVENT_TRUNCATION_PATH_BYTES]; /* EVENT_TRUNCATION_PATH: as given; else "" */
};

/* One call of a probed function, complete or not: of one that gives back memory told at its entry, of others at the
 * return. Followed by the parts that `parts` names, in this order. */
struct event_call {
	struct event_header header;
	u32 function; /* index in the plan */
	u32 parts;    /* enum event_call_part */
	u64 enter_ns; /* with header.tid it names the call */
	u64 exit_ns;  /* 0: it was given up, or its thread died in it */
	u64 ip;	      /* entry of the function */
	u64 sp;
	u64 top_word; /* the word at sp: the return address; 0 when unreadable */
	u64 result;   /* 0 without a return; of posix_memalign the block */
	u64 args[3];
};

enum event_call_part {
	EVENT_CALL_MORE_ARGS = 1, /* u64[3]: arguments four to six */
	EVENT_CALL_STACK = 2,	  /* struct event_stack */
};

#define EVENT_CALL_ARGS 6
#define EVENT_CALL_TEXT_BYTES 256

/* What an argument of a call pointed to at its entry; comes before the event_call of the same tid and enter_ns. */
struct event_call_text {
	struct event_header header;
	u64 enter_ns;
	u32 position; /* of the argument */
	u32 bytes;    /* of `text` */
	u8 text[EVENT_CALL_TEXT_BYTES];
};

/* ---- the plan of probed functions, as the recorder hands it over before loading ---- */

/* Numbers as enum function_role of schema/record_call.h has them. */
enum event_call_role {
	EVENT_ROLE_PLAIN = 0,
	EVENT_ROLE_REALLOC = 3,
	EVENT_ROLE_REALLOCARRAY = 4,
	EVENT_ROLE_POSIX_MEMALIGN = 6,
	EVENT_ROLE_FREE = 7,
	EVENT_ROLE_DELETE = 9,
	EVENT_ROLE_USDT = 10,
};

enum event_source_how {
	EVENT_SOURCE_NONE = 0,
	EVENT_SOURCE_REGISTER = 1, /* base + number */
	EVENT_SOURCE_MEMORY = 2,   /* at base + index * scale + number */
	EVENT_SOURCE_CONSTANT = 3, /* number */
};

enum event_source_kind {
	EVENT_KIND_WORD = 0,   /* `width` bytes, extended by their sign when `sign` is set */
	EVENT_KIND_STRING = 1, /* points to bytes that end in NUL */
	EVENT_KIND_BUFFER =
		2, /* points to as many bytes as argument `length_from` says, or `length` when that is 255 */
};

/* Registers: the order of event_signal.registers; EVENT_NO_REGISTER for none. */
#define EVENT_NO_REGISTER 255

struct event_source {
	u8 how;	 /* enum event_source_how */
	u8 kind; /* enum event_source_kind */
	u8 base;
	u8 index;
	u8 scale;
	u8 width; /* bytes: 1, 2, 4 or 8 */
	u8 sign;
	u8 length_from;
	s64 number;
	u32 length;
	u32 padding;
};

struct event_function {
	u32 role;
	u32 at_entry; /* 1: told at its entry, nothing to wait for */
	struct event_source args[EVENT_CALL_ARGS];
	struct event_source result;
};

#ifdef __BPF__
#define EVENT_ASSERT_SIZE(name, bytes) _Static_assert(sizeof(struct name) == (bytes), #name)
#else
#define EVENT_ASSERT_SIZE(name, bytes) static_assert(sizeof(struct name) == (bytes), #name)
#endif
EVENT_ASSERT_SIZE(event_header, 24);
EVENT_ASSERT_SIZE(event_syscall, 136);
EVENT_ASSERT_SIZE(event_result, 96);
EVENT_ASSERT_SIZE(event_prctl, 224);
EVENT_ASSERT_SIZE(event_file, 1072);
EVENT_ASSERT_SIZE(event_mapping, 80);
EVENT_ASSERT_SIZE(event_process, 136);
EVENT_ASSERT_SIZE(event_thread, 32);
EVENT_ASSERT_SIZE(event_exit, 40);
EVENT_ASSERT_SIZE(event_coverage, 32);
EVENT_ASSERT_SIZE(event_signal, 1360);
EVENT_ASSERT_SIZE(event_signal_first, 56);
EVENT_ASSERT_SIZE(event_signal_sender, 88);
EVENT_ASSERT_SIZE(event_return_instance, 80);
EVENT_ASSERT_SIZE(event_exit_state, 200);
EVENT_ASSERT_SIZE(event_probe, 1144);
EVENT_ASSERT_SIZE(event_holder_exit, 32);
EVENT_ASSERT_SIZE(event_truncation, 384);
EVENT_ASSERT_SIZE(event_stack, 64);
EVENT_ASSERT_SIZE(event_stack_slice, 48);
EVENT_ASSERT_SIZE(event_call, 104);
EVENT_ASSERT_SIZE(event_call_text, 296);
EVENT_ASSERT_SIZE(event_source, 24);
EVENT_ASSERT_SIZE(event_function, 176);

/* What may be lost for want of room: the many, whose loss is a gap. All others are told once and must come through: who
 * a process is, what a file is called, what an exec has mapped, what a process died of. */
static inline int event_is_bulk(u32 type)
{
	return type == EVENT_SYSCALL || type == EVENT_RESULT || type == EVENT_PRCTL || type == EVENT_THREAD ||
	       type == EVENT_CALL || type == EVENT_CALL_TEXT;
}

/* What the kernel side counts for itself. */
struct event_counters {
	u64 emitted;	/* records that were to be handed over */
	u64 lost;	/* of those, refused by the full ring buffer */
	u64 state_lost; /* events dropped before that, for want of room in the kernel side's own tables */
};

/* One a CPU, in a cache line of its own. */
struct counter_slot {
	struct event_counters counters;
	u64 padding[5];
};

/* Losses of one process since the recorder last took them; key: pid. */
struct event_loss {
	u64 count;
	u64 first_ns; /* of the first of them, and of the last */
	u64 last_ns;
};

#define FILTER_COMM_BYTES 16

/* What is to be recorded: a process that meets every criterion that is set (a descendant has its ancestor's pid), from
 * that moment until it runs a program with which it does not; and its forks likewise. */
struct event_filter {
	u32 recorder_pid; /* never recorded */
	u32 has_pid;	  /* membership of the `followed` map is asked for */
	u32 has_uid;
	u32 uid;
	u64 cgroup_id;	      /* 0: no criterion; else this cgroup (v2) or one below it */
	u64 executable_inode; /* 0: no criterion */
	u32 executable_device;
	u32 has_comm;
	char comm[FILTER_COMM_BYTES];
};
EVENT_ASSERT_SIZE(event_counters, 24);
EVENT_ASSERT_SIZE(event_loss, 24);
EVENT_ASSERT_SIZE(event_filter, 56);

#endif
