/* SPDX-License-Identifier: MIT */
/*
 * Markers for corelate's timeline, for programs that can be changed. C and C++; nothing to link.
 *
 *     CORELATE_MARK(8888);
 *     step = unw_step(&cursor);
 *     CORELATE_MARK_TEXT(9999, "after unw_step");
 *
 * A marker is one system call that changes nothing: prctl(PR_GET_DUMPABLE), which ignores its further arguments. The
 * recorder sees the number and the text (up to 127 bytes); without a recorder it costs a system call and no more. errno
 * is left alone. Where seccomp forbids prctl, so it does a marker.
 */
#ifndef CORELATE_MARKER_H
#define CORELATE_MARKER_H

#if !defined(__linux__) || !defined(__x86_64__)

#define CORELATE_MARK(id) ((void)(id))
#define CORELATE_MARK_TEXT(id, text) ((void)(id), (void)(text))

#else

#define CORELATE_MARK(id) corelate_mark_((unsigned long)(id), 0)
#define CORELATE_MARK_TEXT(id, text) corelate_mark_((unsigned long)(id), (text))

static inline __attribute__((always_inline, unused)) void corelate_mark_(unsigned long id, const char *text)
{
	register unsigned long argument4 __asm__("r10") = (unsigned long)text;
	register unsigned long argument5 __asm__("r8") = 0;
	long result = 157; /* SYS_prctl */

	/* The recorder reads the text without being able to wait for its page: see that it is there. */
	if (text)
		(void)*(const volatile char *)text;
	/* 3 is PR_GET_DUMPABLE; the third argument spells "corelate". */
	__asm__ volatile("syscall"
			 : "+a"(result)
			 : "D"(3UL), "S"(id), "d"(0x6574616c65726f63UL), "r"(argument4), "r"(argument5)
			 : "rcx", "r11", "memory");
}

#endif
#endif
