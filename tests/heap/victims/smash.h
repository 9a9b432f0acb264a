/* SPDX-License-Identifier: MIT */
/* What the victims with an overrun of the stack share. Their source of bytes is a block of the heap, which is freed
 * rightly before the damage shows: the block is innocent. Built without a stack protector. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define KEPT __attribute__((noipa))
