/* SPDX-License-Identifier: MIT */
/* A parser's cursor is moved by functions that have returned; its caller started it well. */
#include "common.h"
struct cursor { const char *at; };
static const char text[] = "ab";
separate void skip(struct cursor *cursor) { cursor->at = cursor->at[0] == 'a' ? NULL : cursor->at + 1; }
separate int peek(const struct cursor *cursor) { return cursor->at[0]; }
int main(int argc, char **argv) { struct cursor cursor; (void)argv; cursor.at = NULL; cursor.at = text; skip(&cursor); return peek(&cursor) + argc; }
