/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* Where an architecture keeps what the other files read from the saved user registers. x86-64: entry_64.S. */
#ifndef BPF_ARCH_H
#define BPF_ARCH_H

#define ARCH_IP(regs) ((regs)->ip)
#define ARCH_SP(regs) ((regs)->sp)
#define ARCH_RESULT(regs) ((regs)->ax)
#define ARCH_SYSCALL_NUMBER(regs) ((regs)->orig_ax)
#define ARCH_SYSCALL_ARG0(regs) ((regs)->di)
#define ARCH_SYSCALL_ARG1(regs) ((regs)->si)
#define ARCH_SYSCALL_ARG2(regs) ((regs)->dx)
#define ARCH_SYSCALL_ARG3(regs) ((regs)->r10)
#define ARCH_SYSCALL_ARG4(regs) ((regs)->r8)
#define ARCH_SYSCALL_ARG5(regs) ((regs)->r9)

/* Order of event_signal.registers. */
#define ARCH_COPY_REGISTERS(out, regs)                                                                                 \
	do {                                                                                                           \
		(out)[0] = (regs)->r15, (out)[1] = (regs)->r14, (out)[2] = (regs)->r13, (out)[3] = (regs)->r12;        \
		(out)[4] = (regs)->bp, (out)[5] = (regs)->bx, (out)[6] = (regs)->r11, (out)[7] = (regs)->r10;          \
		(out)[8] = (regs)->r9, (out)[9] = (regs)->r8, (out)[10] = (regs)->ax, (out)[11] = (regs)->cx;          \
		(out)[12] = (regs)->dx, (out)[13] = (regs)->si, (out)[14] = (regs)->di, (out)[15] = (regs)->ip;        \
		(out)[16] = (regs)->flags, (out)[17] = (regs)->sp;                                                     \
	} while (0)

/* Order of event_stack.registers: what a called function must keep (System V ABI). */
#define ARCH_COPY_KEPT_REGISTERS(out, regs)                                                                            \
	do {                                                                                                           \
		(out)[0] = (regs)->bx, (out)[1] = (regs)->bp, (out)[2] = (regs)->r12;                                  \
		(out)[3] = (regs)->r13, (out)[4] = (regs)->r14, (out)[5] = (regs)->r15;                                \
	} while (0)

/* arch/x86/entry/syscalls/syscall_64.tbl */
enum {
	ARCH_SYSCALL_CLOSE = 3,
	ARCH_SYSCALL_MMAP = 9,
	ARCH_SYSCALL_MPROTECT = 10,
	ARCH_SYSCALL_MUNMAP = 11,
	ARCH_SYSCALL_BRK = 12,
	ARCH_SYSCALL_MREMAP = 25,
	ARCH_SYSCALL_MADVISE = 28,
	ARCH_SYSCALL_SHMAT = 30,
	ARCH_SYSCALL_DUP = 32,
	ARCH_SYSCALL_DUP2 = 33,
	ARCH_SYSCALL_CLONE = 56,
	ARCH_SYSCALL_EXECVE = 59,
	ARCH_SYSCALL_SHMDT = 67,
	ARCH_SYSCALL_FCNTL = 72,
	ARCH_SYSCALL_PRCTL = 157,
	ARCH_SYSCALL_DUP3 = 292,
	ARCH_SYSCALL_EXECVEAT = 322,
	ARCH_SYSCALL_PKEY_MPROTECT = 329,
	ARCH_SYSCALL_CLOSE_RANGE = 436,
};

#endif
