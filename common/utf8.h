/* SPDX-License-Identifier: MIT */
/* Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, up to U+10FFFF. */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stddef.h>

/* Length in bytes (2 to 4) of the sequence of several bytes at `text`, which is NUL-terminated; 0 when there is none.
 */
size_t utf8_length(const unsigned char *text);

#endif
