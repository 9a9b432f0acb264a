/* SPDX-License-Identifier: MIT */
#include "cli/when.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/array.h"

#define SECOND_NS 1000000000LL
#define LAST_YEAR 2261 /* INT64_MAX nanoseconds end in April 2262 */

static bool skip(const char **at, char wanted)
{
	if (**at != wanted)
		return false;
	(*at)++;
	return true;
}

static void skip_blanks(const char **at)
{
	while (**at == ' ' || **at == '\t')
		(*at)++;
}

/* Exactly `digits` digits. */
static bool read_digits(const char **at, int digits, int *ret)
{
	*ret = 0;
	for (int i = 0; i < digits; i++) {
		if (!isdigit((unsigned char)**at))
			return false;
		*ret = *ret * 10 + (*(*at)++ - '0');
	}
	return true;
}

/* ".25" as a part of `unit_ns`; nothing there is 0. False for a point without digits. */
static bool read_fraction(const char **at, int64_t unit_ns, int64_t *ret_ns)
{
	double part = 0.1, sum = 0;

	*ret_ns = 0;
	if (!skip(at, '.'))
		return true;
	if (!isdigit((unsigned char)**at))
		return false;
	for (; isdigit((unsigned char)**at); part /= 10)
		sum += part * (*(*at)++ - '0');
	*ret_ns = (int64_t)(sum * (double)unit_ns + 0.5);
	return true;
}

static bool read_whole(const char **at, int64_t *ret)
{
	char *end;

	if (!isdigit((unsigned char)**at))
		return false;
	errno = 0;
	*ret = strtoll(*at, &end, 10);
	*at = end;
	return !errno;
}

/* ---- spans ---- */

static const struct unit {
	const char *name;
	int64_t ns;
} units[] = {
	{"us", 1000},
	{"usec", 1000},
	{"ms", 1000000},
	{"msec", 1000000},
	{"", SECOND_NS},
	{"s", SECOND_NS},
	{"sec", SECOND_NS},
	{"second", SECOND_NS},
	{"seconds", SECOND_NS},
	{"m", 60 * SECOND_NS},
	{"min", 60 * SECOND_NS},
	{"minute", 60 * SECOND_NS},
	{"minutes", 60 * SECOND_NS},
	{"h", 3600 * SECOND_NS},
	{"hr", 3600 * SECOND_NS},
	{"hour", 3600 * SECOND_NS},
	{"hours", 3600 * SECOND_NS},
	{"d", 86400 * SECOND_NS},
	{"day", 86400 * SECOND_NS},
	{"days", 86400 * SECOND_NS},
	{"w", 604800 * SECOND_NS},
	{"week", 604800 * SECOND_NS},
	{"weeks", 604800 * SECOND_NS},
	{"M", 2629800 * SECOND_NS},
	{"month", 2629800 * SECOND_NS},
	{"months", 2629800 * SECOND_NS},
	{"y", 31557600 * SECOND_NS},
	{"year", 31557600 * SECOND_NS},
	{"years", 31557600 * SECOND_NS},
};

static const struct unit *read_unit(const char **at)
{
	size_t length = 0;

	while (isalpha((unsigned char)(*at)[length]))
		length++;
	for (size_t i = 0; i < array_size(units); i++) {
		if (strlen(units[i].name) == length && strncmp(units[i].name, *at, length) == 0) {
			*at += length;
			return &units[i];
		}
	}
	return NULL;
}

/* Is the word "ago" or "left" all that is left? */
static bool is_direction(const char *at, const char *word)
{
	skip_blanks(&at);
	return strcmp(at, word) == 0;
}

/* Numbers with units, up to the end or to a direction, of which *at is left before. */
static bool read_span(const char **at, int64_t *ret_ns)
{
	int64_t sum = 0;
	bool any = false;

	for (;;) {
		const char *number, *after_number;
		const struct unit *unit;
		int64_t whole, part;

		skip_blanks(at);
		if (!**at || is_direction(*at, "ago") || is_direction(*at, "left"))
			break;
		number = *at;
		if (!read_whole(at, &whole))
			return false;
		after_number = *at;
		if (!read_fraction(at, 1, &part))
			return false;
		skip_blanks(at);
		/* "5 ago" is five seconds: the word is no unit. */
		unit = is_direction(*at, "ago") || is_direction(*at, "left") ? &units[4] : read_unit(at);
		if (!unit || !read_fraction(&after_number, unit->ns, &part) || number == after_number ||
		    __builtin_mul_overflow(whole, unit->ns, &whole) || __builtin_add_overflow(whole, part, &whole) ||
		    __builtin_add_overflow(sum, whole, &sum))
			return false;
		any = true;
	}
	*ret_ns = sum;
	return any;
}

/* A span with a sign before it or a direction behind it. */
static bool parse_relative(const char *at, int64_t now_ns, int64_t *ret_ns)
{
	bool back = *at == '-', is_signed = *at == '-' || *at == '+';
	int64_t span;

	at += is_signed;
	if (!read_span(&at, &span))
		return false;
	skip_blanks(&at);
	if (is_signed ? *at != 0 : strcmp(at, "ago") != 0 && strcmp(at, "left") != 0)
		return false;
	back |= !is_signed && strcmp(at, "ago") == 0;
	return !(back ? __builtin_sub_overflow(now_ns, span, ret_ns) : __builtin_add_overflow(now_ns, span, ret_ns)) &&
	       *ret_ns >= 0;
}

/* ---- dates ---- */

/* Which day of the week stands there, 0 for Sunday; -1 for none, and then nothing is skipped. */
static int read_weekday(const char **at)
{
	static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
					   "Thursday", "Friday", "Saturday"};

	for (int i = 0; i < 7; i++) {
		size_t lengths[] = {strlen(days[i]), 3};

		for (size_t j = 0; j < 2; j++) {
			if (strncasecmp(*at, days[i], lengths[j]) == 0 && (*at)[lengths[j]] == ' ') {
				*at += lengths[j];
				skip_blanks(at);
				return i;
			}
		}
	}
	return -1;
}

static int days_of(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool read_date(const char **at, struct tm *ret)
{
	int year, month, day;

	if (!read_digits(at, 4, &year) || !skip(at, '-') || !read_digits(at, 2, &month) || !skip(at, '-') ||
	    !read_digits(at, 2, &day))
		return false;
	if (year < 1970 || year > LAST_YEAR || month < 1 || month > 12 || day < 1 || day > days_of(year, month))
		return false;
	ret->tm_year = year - 1900;
	ret->tm_mon = month - 1;
	ret->tm_mday = day;
	return true;
}

static bool read_clock(const char **at, struct tm *ret, int64_t *ret_part_ns)
{
	*ret_part_ns = 0;
	if (!read_digits(at, 2, &ret->tm_hour) || !skip(at, ':') || !read_digits(at, 2, &ret->tm_min))
		return false;
	if (skip(at, ':') && (!read_digits(at, 2, &ret->tm_sec) || !read_fraction(at, SECOND_NS, ret_part_ns)))
		return false;
	return ret->tm_hour < 24 && ret->tm_min < 60 && ret->tm_sec < 60;
}

static bool has_date(const char *at)
{
	int year;

	return read_digits(&at, 4, &year) && *at == '-';
}

/* Seconds and a part of one, with the zone taken into account; the day of the week must fit if one was given. */
static bool to_moment(struct tm *date, int64_t part_ns, bool is_utc, int weekday, int64_t *ret_ns)
{
	time_t seconds;

	date->tm_isdst = -1;
	seconds = is_utc ? timegm(date) : mktime(date);
	if (seconds < 0 || (weekday >= 0 && date->tm_wday != weekday))
		return false;
	*ret_ns = (int64_t)seconds * SECOND_NS + part_ns;
	return true;
}

static bool today(int64_t now_ns, bool is_utc, struct tm *ret)
{
	time_t seconds = now_ns / SECOND_NS;

	if (!(is_utc ? gmtime_r(&seconds, ret) : localtime_r(&seconds, ret)))
		return false;
	ret->tm_hour = ret->tm_min = ret->tm_sec = 0;
	return true;
}

static bool parse_date(const char *at, int64_t now_ns, int64_t *ret_ns)
{
	size_t length = strlen(at);
	bool is_utc = (length > 4 && strcmp(at + length - 4, " UTC") == 0) || (length > 1 && at[length - 1] == 'Z');
	int weekday = read_weekday(&at);
	bool dated = has_date(at);
	int64_t part_ns = 0;
	struct tm date;

	if (!today(now_ns, is_utc, &date) || (!dated && weekday >= 0))
		return false;
	if (dated && !read_date(&at, &date))
		return false;
	if (dated && ((*at == 'T' || *at == ' ') && isdigit((unsigned char)at[1])))
		at++;
	if ((!dated || isdigit((unsigned char)*at)) && !read_clock(&at, &date, &part_ns))
		return false;
	if (is_utc && !skip(&at, 'Z')) {
		skip_blanks(&at);
		at += strcmp(at, "UTC") == 0 ? 3 : 0;
	}
	return !*at && to_moment(&date, part_ns, is_utc, weekday, ret_ns);
}

static bool parse_word(const char *text, int64_t now_ns, int64_t *ret_ns)
{
	static const struct {
		const char *name;
		int days;
	} words[] = {{"today", 0}, {"yesterday", -1}, {"tomorrow", 1}};
	struct tm date;

	for (size_t i = 0; i < array_size(words); i++) {
		if (strcmp(text, words[i].name) == 0 && today(now_ns, false, &date)) {
			date.tm_mday += words[i].days;
			return to_moment(&date, 0, false, -1, ret_ns);
		}
	}
	*ret_ns = now_ns;
	return strcmp(text, "now") == 0;
}

static bool parse_epoch(const char *at, int64_t *ret_ns)
{
	int64_t whole, part;

	return skip(&at, '@') && read_whole(&at, &whole) && read_fraction(&at, SECOND_NS, &part) && !*at &&
	       !__builtin_mul_overflow(whole, SECOND_NS, &whole) && !__builtin_add_overflow(whole, part, ret_ns);
}

struct error *when_parse(const char *text, int64_t now_ns, int64_t *ret_ns)
{
	int64_t ns;

	if (parse_word(text, now_ns, &ns) || parse_epoch(text, &ns) || parse_relative(text, now_ns, &ns) ||
	    parse_date(text, now_ns, &ns)) {
		*ret_ns = ns;
		return NULL;
	}
	return error_format(
		ERROR_INVALID,
		"'%s' is not a moment (\"2026-11-22 05:00\", \"yesterday\", \"-2h\", \"3 days ago\", \"@1763787600\")",
		text);
}
