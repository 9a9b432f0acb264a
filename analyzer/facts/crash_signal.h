/* SPDX-License-Identifier: MIT */
/* The signal that a process died of, or that a handler was called for. */
#ifndef ANALYZER_CRASH_SIGNAL_H
#define ANALYZER_CRASH_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

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

#endif
