/* SPDX-License-Identifier: MIT */
/*
 * Everything that is known of one crash, as plain data: what the core says, what was recorded, and what was worked out
 * from both without judging. It is what every detector gets, const. A part that is not known says so; nothing is made
 * up.
 *
 * Addresses are of the dead process, times CLOCK_BOOTTIME nanoseconds, ranges half-open.
 */
#ifndef ANALYZER_CRASH_H
#define ANALYZER_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/chronicle.h"
#include "analyzer/core/core.h"
#include "analyzer/facts/event_stack.h"
#include "analyzer/unwind/exception_table.h"
#include "analyzer/facts/mapping.h"
#include "analyzer/facts/overrun.h"
#include "analyzer/facts/heap_facts.h"
#include "analyzer/facts/place.h"
#include "analyzer/repair/repair.h"
#include "analyzer/facts/stack_area.h"
#include "analyzer/facts/thrown.h"
#include "analyzer/timeline.h"
#include "analyzer/unwind/unwind.h"
#include "schema/record.h"

enum address_source {
	ADDRESS_UNKNOWN = 0,
	ADDRESS_SIGNAL,	     /* si_addr */
	ADDRESS_INSTRUCTION, /* worked out from the instruction's operands and the registers */
};

enum access_kind { ACCESS_UNKNOWN = 0, ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE };

struct crash_signal {
	int32_t number;
	int32_t code;
	uint64_t address; /* si_addr; meaningful when `has_address` */
	bool has_address;
	bool only_number;     /* there is no siginfo: neither code nor address nor sender is known */
	uint32_t sender_pid;  /* si_pid; 0 says nothing of a sender */
	uint32_t sender_uid;  /* si_uid */
	char sender_comm[17]; /* its name where that was recorded, else "" */
	bool trustworthy; /* code and address describe what the processor saw: not re-raised, not sent, not zeroed */
};

#define FAULT_MAX_OPERANDS 4

/* One memory operand of the faulting instruction: base + index * scale + displacement. */
struct fault_operand {
	char text[48]; /* as in the disassembly: "[rbx+0x0c]" */
	uint64_t address;
	uint32_t bytes;
	bool reads;
	bool writes;
	bool is_stack;	    /* the implicit push, pop, call or return */
	unsigned alignment; /* the address must be a multiple of this, else #GP; 0: any will do */
	bool has_segment;   /* the base of fs or gs is added */
	int base, index; /* enum core_register; -1 for none. A base of CORE_RIP is relative to the next instruction */
	unsigned scale;
	int64_t displacement;
	struct place place;
};

/* Why the processor refused, as far as it can be told. */
enum fault_cause {
	FAULT_UNTOLD = 0,
	FAULT_UNMAPPED,	     /* nothing is mapped there */
	FAULT_PERMISSION,    /* the mapping does not allow this access */
	FAULT_NON_CANONICAL, /* no address of the processor */
	FAULT_MISALIGNED,    /* the instruction demands an aligned address */
	FAULT_PRIVILEGED,    /* an instruction for the kernel alone */
	FAULT_NO_FILE_PAGE,  /* the mapped file ends before, or could not be read (SIGBUS) */
	FAULT_PROTECTION_KEY,
};

/* Where the instruction branches to. */
struct fault_branch {
	enum { BRANCH_NONE, BRANCH_CALL, BRANCH_JUMP, BRANCH_RETURN } kind;
	bool target_known;
	uint64_t target;
	bool has_slot; /* the target is read from memory */
	uint64_t slot;
};

/* A jump, call or return that went where no code is, or was about to. */
struct fault_jump {
	bool known; /* the access is an execution */
	/* The word on top of the stack when the instruction pointer went astray: after a call the return address. */
	bool has_return_address; /* it lies behind a call instruction in executable memory */
	uint64_t return_address;
	char call[64];		/* that call: "call rax" */
	bool call_is_indirect;	/* through a register or memory */
	bool call_target_known; /* where that call goes, with the registers and memory as they were left */
	uint64_t call_target;
	/* The word below the stack pointer, which a return would have taken: equal to the target after a return, unless
	 * it was overwritten. */
	bool has_word_below;
	uint64_t word_below;
	bool is_return;	 /* the instruction at hand is a return that was refused */
	bool is_refused; /* the instruction at hand is the branch; otherwise the instruction pointer is the target */
};

/* Integer division that was refused. */
struct fault_division {
	bool known;
	bool is_signed;
	unsigned bits; /* of the divisor; the dividend has twice as many */
	uint64_t divisor;
	bool has_slot; /* the divisor is read from memory */
	uint64_t slot;
	uint64_t dividend_high, dividend_low;
	char operand[48]; /* "ecx" */
};

/* Why the value is believed to be the one that was meant. */
enum twin_kind {
	TWIN_IN_USE = 0, /* it points into a mapping, and stands elsewhere in registers or memory, exact to the bit */
	TWIN_FUNCTION,	 /* the program jumped, and of all values that differ in one bit it alone is where a function
			    begins */
	TWIN_TABLE,	 /* it alone is where a pointer to a function stands in a module's data */
	TWIN_VIRTUAL_TABLE, /* the same, and it has the form of a table of virtual functions */
};

/* A value that differs from the pointer that faulted in one bit alone. */
struct fault_twin {
	bool found;
	enum twin_kind kind;
	bool is_telling; /* neither arithmetic nor a tag makes such a difference */
	int reg;	 /* the base register that is wrong; -1: the target of a jump is */
	uint64_t wrong;	 /* the pointer as it was; the register may have a constant added */
	unsigned bit;
	uint64_t value;
	int in_register;   /* core_register that holds the value; -1: memory does */
	uint64_t found_at; /* where in memory */
};

struct fault {
	char instruction[96]; /* "mov edi, dword ptr [rbx+0x0c]"; "" when it could not be read */
	bool is_fault;	      /* the signal reports a fault of this instruction (not kill, not abort) */
	uint64_t address;
	enum address_source source;
	enum access_kind access;
	struct fault_operand operands[FAULT_MAX_OPERANDS];
	size_t operand_count;
	size_t operand; /* which of them faulted; SIZE_MAX: none, or it cannot be told */
	/* The constant that the instruction right before added to the base register of that operand; 0: none. By the
	 * bytes in front alone, which could be the end of a longer instruction: to be confirmed by what it explains. */
	uint64_t added;
	enum fault_cause cause;
	struct place place; /* of `address` */
	/* What the processor reported: the crash's own signal, or the one whose handler then ended the process. */
	struct crash_signal signal;
	bool has_registers;
	uint64_t registers[CORE_REGISTERS]; /* when it faulted */
	/* A handler ended the process, from within (see crash.interruption) or by sending the signal again before it
	 * returned; this is the fault that the handler was for. */
	bool in_handler;
	struct fault_branch branch;
	struct fault_jump jump;
	struct fault_division division;
	struct fault_twin twin;
	struct accessed_member member; /* where debug information tells; of null pointers only */
	char mnemonic[24];
	uint8_t bytes[15]; /* what stands at the instruction pointer, byte_count of them known */
	size_t byte_count;
	size_t length;		  /* of the instruction; 0: the bytes are none */
	char instruction_set[32]; /* the extension that it belongs to ("AVX512F_512"); "" for the base */
	bool is_privileged;
};

#define CRASH_INTERRUPTIONS 4

/* The newest signal frame on the crashed thread's stack: it died in a handler. */
struct interruption {
	bool found;
	bool confirmed;	  /* the unwinder came by it too */
	bool inferred;	  /* the frame has no siginfo: `signal` is what the processor's exception makes it */
	uint64_t address; /* of the frame: of its return address into the restorer */
	struct crash_signal signal;
	uint64_t registers[CORE_REGISTERS];  /* what was interrupted; those that the frame lacks are the thread's */
	uint64_t trap, error, fault_address; /* the processor's: vector, error code, CR2 */
	uint64_t stack_start, stack_bytes;   /* the alternate stack that was registered then; both 0 for none */
	size_t frame;			     /* what it interrupted, among the crashed thread's frames; 0: not known */
	bool sends; /* it interrupted a system call that sends this very signal to the process (signal_call.h) */
};

/* Why a core is of a process that lived on (snapshot.h). */
enum snapshot_kind {
	SNAPSHOT_NONE = 0,   /* it died, as far as the core tells */
	SNAPSHOT_NO_SIGNAL,  /* the core names no signal */
	SNAPSHOT_STOPPED,    /* the signal is one for which the kernel writes no core: a debugger held the process */
	SNAPSHOT_BREAKPOINT, /* a debugger's breakpoint or step, in a core that the kernel did not write */
};

/* A general register and where it points. */
struct pointer {
	enum core_register number;
	uint64_t value;
	struct place place;
};
#define CRASH_POINTERS 17

/* Who called, as far as one recorded event tells. */
struct event_context {
	struct event_stack stack; /* as far as it was recorded */
	struct symbol at;	  /* the instruction after the system call: mostly libc's wrapper */
	/* Whoever wanted it: the first function on the stack that is not of the C library or an allocator, or where
	 * there is none, the one that called the wrapper; module is NULL when it cannot be told. */
	struct symbol caller;
	uint64_t caller_address; /* return address into the caller; 0 when it cannot be told */
	struct symbol jumper; /* the function that the caller called, when it is another than the one that was reached:
			       * it jumped there, so the stack does not show it; module NULL for none */
	struct marker before, after; /* nearest markers of the same thread; id 0 for none */
	char *file;		     /* path of the mapped file; NULL for none */
};

/* A recorded call that made the faulting mapping's file shorter, or emptied a part of it. */
struct file_loss {
	struct truncation call;
	struct event_context context; /* who called, when it was this process; else empty */
};

/* The recorded life of the memory around the fault address. */
struct biography {
	uint64_t address;		/* the address asked for */
	struct memory_event *events;	/* those that touch [timeline.start, timeline.end), oldest first */
	struct event_context *contexts; /* one an event; all empty for events that do not touch the address's page */
	size_t event_count;
	bool truncated; /* older events were left out */
	struct timeline timeline;
	struct chronicle chronicle; /* what else is told of the address; empty unless it was asked for by itself */
};

/* The memory words that the pointer which failed came from, as far as they could be followed: words[0] held it,
 * words[1] held the pointer to words[0], and so on. */
#define POINTER_PATH_WORDS 3
struct pointer_path {
	enum { PATH_LOST, PATH_WORD, PATH_CONSTANT, PATH_RETURNED } end; /* of the first step */
	uint64_t value;	 /* in words[0]; less than the register's where a constant was added since */
	char pointer[8]; /* the register, "rax"; "" for a call through memory */
	bool is_exact;	 /* words[0] is where it was read from; otherwise the text may be misread */
	struct {
		uint64_t address;
		uint64_t value;
	} words[POINTER_PATH_WORDS];
	size_t count;
	/* All that is not zero in the page of words[0], or within a few words of it, was stored by the functions on the
	 * stack themselves, on their way to the fault. */
	bool page_is_blank, surroundings_are_blank;
};

/* Memory that the fault hangs on, other than the fault's own address, with its recorded life. */
struct memory_view {
	/* The word that the faulting pointer was read from; the code that ran; a page that it may have been read from,
	 * because registers or the stack point there, where the word is not known. */
	enum { VIEW_SOURCE, VIEW_CODE, VIEW_NEARBY } role;
	uint64_t address;
	uint64_t value;	   /* VIEW_SOURCE: the word */
	bool is_exact;	   /* VIEW_SOURCE: as pointer_path has it */
	bool page_is_zero; /* every byte of its page, in the core; but for what the crashing functions stored there */
	bool surroundings_are_zero; /* VIEW_SOURCE: the same of the words around it; so also where the page is */
	char pointer[8];	    /* VIEW_SOURCE: the register, "rax" */
	struct biography biography;
};
#define CRASH_VIEWS 5

/* The exception that ended the process, on the crashed thread's stack. */
struct exception_path {
	size_t thrown_at; /* frame of the function that raised it (__cxa_throw and the like); SIZE_MAX: no exception */
	size_t caught_at; /* first frame above with a handler around its call; SIZE_MAX: none was found */
	enum exception_handler handler; /* HANDLER_TYPED, HANDLER_ALL or HANDLER_TERMINATE of that frame */
};

struct crash {
	char id[17];	       /* 16 hexadecimal digits; the same from the core and from the record */
	struct elf_host *host; /* whose files are looked at (elf_host.h); NULL: this machine's; the request's */
	/* from the core; NULL and zeros without one */
	const struct core *core;
	struct place_index *places; /* of that core, for place_of() */
	/* from the core, else from the record */
	uint32_t pid, tid;   /* as the process itself saw them */
	uint32_t parent_pid; /* likewise, when it died; 0: not known */
	char comm[17];
	char *executable; /* path; NULL when not known */
	char *core_path;
	bool has_registers;
	uint64_t registers[CORE_REGISTERS];
	struct crash_signal signal;
	enum snapshot_kind snapshot;
	/* Threads that are, by their registers, in a system call that sends `signal` to the process (signal_call.h). */
	struct {
		int crashed;	/* number of that system call of the crashed thread; 0: it is in none */
		size_t other;	/* another thread, as an index into stacks.threads; 0: none */
		int other_call; /* and its call */
	} sending;
	/* Paths of modules whose file is not there any more, or is another build: nothing in them has a name. */
	char **gone_modules;
	size_t gone_module_count;
	struct fault fault;
	struct interruption interruption;
	struct pointer pointers[CRASH_POINTERS]; /* the general ones of fault.registers, and rip */
	size_t pointer_count;
	struct place_record *place_records; /* looked up for those, and for the words on top of the stack */
	size_t place_record_count;
	/* Is the page of fault.address mapped in the dead process? Known only with a core. */
	bool fault_mapping_known;
	bool fault_mapped;
	struct mapping_facts mapping;	   /* of fault.address */
	struct unwind_result stacks;	   /* of all threads, repaired; empty without a core */
	struct repair repair;		   /* what uretprobes did, its `stacks` moved out to the field above */
	struct return_instance *instances; /* uretprobes that were pending when it died, as recorded */
	size_t instance_count;
	struct exception_path exception;
	struct heap_facts heap;
	char *abort_message; /* what the C library said before it aborted (abort_message.h); NULL for nothing */
	struct interruption interruptions[CRASH_INTERRUPTIONS]; /* all that the unwinder came by, innermost first */
	size_t interruption_count;
	struct stack_use stack_uses[CRASH_INTERRUPTIONS + 1]; /* [0] for the death itself; then one an interruption */
	size_t stack_use_count;				      /* 0 without a core */
	struct stack_use goroutine; /* whose stack Go's runtime could not let grow; kind STACK_UNKNOWN for none */
	struct thrown thrown;	    /* the C++ exception that std::terminate was called for */
	char panic_place[256]; /* where a panic of Rust was raised, as the program says it: "src/main.rs:4:9"; "" for
				  unknown */
	char *panic_message;   /* what a panic of Rust or Go said; NULL for not known */
	/* from the record */
	bool recorded;
	struct recording recording;
	struct process process;
	struct space space;
	bool has_signal_event;
	struct signal_event signal_event;
	bool has_sender; /* who sent it was seen */
	struct signal_sender sender;
	bool has_exit_state; /* it was not killed: it exited, with uretprobes at work */
	struct exit_state exit_state;
	bool is_crystal;	/* the executable is a Crystal program; known for an exit only */
	uint64_t time_ns;	/* of the death; 0 when not recorded */
	uint64_t known_from_ns; /* the memory's history is known from here on; 0: from its first mapping */
	uint64_t event_count;
	struct gap *gaps; /* that concern this process, from its start to its death */
	size_t gap_count;
	bool has_biography;
	struct biography biography;
	struct pointer_path path; /* with a core only */
	struct overrun overrun;	  /* likewise */
	struct memory_view views[CRASH_VIEWS];
	size_t view_count;
	struct file_spot unloaded; /* the place of the biography's address in a file that is mapped there no longer */
	struct unload_remains remains; /* the same from the core alone: then `unloaded` has what name was left */
	/* For a page that its file did not have: what happened to that file, oldest first, until the death. */
	struct file_loss *file_losses;
	size_t file_loss_count;
	/* what could not be had, one line each, for the report */
	char **notes;
	size_t note_count;
};

/* True when something may have happened to this process between the two moments that was not recorded. *ret_gap, if not
 * NULL, gets the first such gap, or NULL when the recording had not begun by `from_ns`. */
bool crash_unseen_between(const struct crash *crash, uint64_t from_ns, uint64_t to_ns, const struct gap **ret_gap);

/* The date of a recorded moment, in nanoseconds since the epoch; false when it cannot be one (a damaged database). */
bool crash_realtime_ns(const struct recording *recording, uint64_t time_ns, int64_t *ret_ns);

/* Frees all but the core. */
void crash_deinit(struct crash *crash);

struct error *crash_add_note(struct crash *crash, const char *format, ...)
	__attribute__((format(printf, 2, 3))) must_check;

#endif
