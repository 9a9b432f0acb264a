/* SPDX-License-Identifier: MIT */
/*
 * Moments as people write them on a command line (--since, --until), in the forms of systemd.time(7).
 *
 * A moment is nanoseconds since the epoch. Dates are of the reader's time zone unless they say UTC. Knows no clock: the
 * caller says when now is. Does not print.
 */
#ifndef CLI_WHEN_H
#define CLI_WHEN_H

#include <stdint.h>

#include "common/error.h"

/* Understands
 *   now, today, yesterday, tomorrow (the last three begin at midnight),
 *   @1763787600 or @1763787600.25,
 *   -2h, +1h30min, "2h ago", "3 days ago", "5min left" (a number without a unit is seconds; a month is 30.44 days and a
 *   year 365.25, as in systemd.time),
 *   2026-11-22, "2026-11-22 05:00", "2026-11-22 05:00:00.5", "05:00" (of today), each with T instead of the space, with
 * a day of the week before it, which must be the right one, and with UTC or Z behind it. ERROR_INVALID, naming the
 * text, for anything else and for what lies before 1970 or after 2261. */
struct error *when_parse(const char *text, int64_t now_ns, int64_t *ret_ns) must_check;

#endif
