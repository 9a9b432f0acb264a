/* SPDX-License-Identifier: MIT */
/* Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, up to U+10FFFF. */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stddef.h>

/* Length in bytes (2 to 4) of the sequence of several bytes at `text`, which is NUL-terminated; 0 when there is none.
 */
size_t utf8_length(const unsigned char *text);

/* A copy in which each byte that is no part of a character is U+FFFD; the caller frees it. NULL without memory. */
char *utf8_clean(const char *text);

#endif
