/* SPDX-License-Identifier: MIT */
/*
 * The recorded facts: signals and other ends, and what was pending then. Units and ownership:
 * schema/record_recording.h.
 */
#ifndef SCHEMA_RECORD_DEATH_H
#define SCHEMA_RECORD_DEATH_H

#include <stdbool.h>
#include <stdint.h>

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
void signal_event_deinit(struct signal_event *signal);

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

#endif
