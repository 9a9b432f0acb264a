/* SPDX-License-Identifier: MIT */
#include "collector/plan.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "common/array.h"
#include "common/cleanup.h"
#include "common/vector.h"

#define MAX_LINE 8192
#define MAX_FILES 1024
#define MAX_FUNCTIONS 4096
#define MAX_SITES 65536
#define MAX_FIELDS 10

/* In the order of enum function_role (schema/record_call.h) and enum event_call_role. */
static const char *const role_names[] = {"plain",	  "malloc",	    "calloc", "realloc", "reallocarray",
					 "aligned_alloc", "posix_memalign", "free",   "new",	 "delete",
					 "usdt"};

struct line {
	unsigned long number;
	char *fields[MAX_FIELDS];
	size_t count;
};

struct parser {
	struct plan *plan;
	struct line line;
	size_t site_room, result_room;
};

static struct error *refuse(const struct parser *parser, const char *what)
{
	return error_format(ERROR_INVALID, "line %lu: %s", parser->line.number, what);
}

/* ---- words ---- */

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Takes the escapes out, in place. */
static bool unescape(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (*text != '%') {
			*out++ = *text;
			continue;
		}
		if (hex_digit(text[1]) < 0 || hex_digit(text[2]) < 0)
			return false;
		*out = (char)(hex_digit(text[1]) << 4 | hex_digit(text[2]));
		if (!*out++)
			return false;
		text += 2;
	}
	*out = 0;
	return true;
}

static bool split_line(char *text, struct line *line)
{
	line->count = 0;
	for (char *rest = text; rest;) {
		char *field = strsep(&rest, "\t");

		if (line->count == MAX_FIELDS || !unescape(field))
			return false;
		line->fields[line->count++] = field;
	}
	return true;
}

static bool parse_index(const char *text, uint64_t limit, uint32_t *ret)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 10);
	*ret = (uint32_t)number;
	return isdigit((unsigned char)*text) && !errno && !*end && number < limit;
}

static bool parse_offset(const char *text, uint64_t *ret)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 16);
	*ret = number;
	return strncmp(text, "0x", 2) == 0 && isxdigit((unsigned char)text[2]) && !errno && !*end &&
	       number <= INT64_MAX;
}

/* ---- lines ---- */

static bool parse_identity(const char *text, struct stat *ret)
{
	unsigned int device_major, device_minor;
	uint64_t inode, size, mtime_ns;
	int used = 0;

	if (sscanf(text, "%u:%u:%" SCNu64 ":%" SCNu64 ":%" SCNu64 "%n", &device_major, &device_minor, &inode, &size,
		   &mtime_ns, &used) != 5 ||
	    text[used] || size > INT64_MAX)
		return false;
	ret->st_dev = makedev(device_major, device_minor);
	ret->st_ino = inode;
	ret->st_size = (off_t)size;
	ret->st_mtim.tv_sec = (time_t)(mtime_ns / 1000000000);
	ret->st_mtim.tv_nsec = (long)(mtime_ns % 1000000000);
	return true;
}

static struct error *take_file(struct parser *parser)
{
	struct plan *plan = parser->plan;
	const struct line *line = &parser->line;
	struct plan_file *file = &plan->files[plan->file_count];
	uint32_t number;

	if (line->count < 3 || line->count > 4 || !parse_index(line->fields[1], MAX_FILES, &number) ||
	    number != plan->file_count || !line->fields[2][0])
		return refuse(parser, "a file is 'file NUMBER PATH', numbered from 0");
	if (line->count == 4) {
		if (strncmp(line->fields[3], "identity=", 9) != 0 ||
		    !parse_identity(line->fields[3] + 9, &file->identity))
			return refuse(parser, "what follows the path is identity=MAJOR:MINOR:INODE:SIZE:MTIME");
		file->has_identity = true;
	}
	file->path = strdup(line->fields[2]);
	if (!file->path)
		return &error_no_memory;
	plan->file_count++;
	return NULL;
}

static bool parse_role(const char *text, uint32_t *ret)
{
	for (uint32_t i = 0; i < array_size(role_names); i++) {
		if (strcmp(text, role_names[i]) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static struct error *take_function(struct parser *parser)
{
	struct plan *plan = parser->plan;
	const struct line *line = &parser->line;
	struct plan_function *function = &plan->functions[plan->function_count];
	struct event_function *code = &plan->codes[plan->function_count];
	uint32_t number;

	if (line->count != 8 || !parse_index(line->fields[1], MAX_FUNCTIONS, &number) ||
	    number != plan->function_count || !parse_index(line->fields[2], plan->file_count, &function->file) ||
	    !parse_offset(line->fields[3], &function->offset) || !parse_role(line->fields[4], &code->role))
		return refuse(parser,
			      "a function is 'function NUMBER FILE OFFSET ROLE NAME SIGNATURE HOLE', numbered from 0");
	function->name = strdup(line->fields[5]);
	function->signature = strdup(line->fields[6]);
	function->hole = strdup(line->fields[7]);
	plan->function_count++;
	if (!function->name || !function->signature || !function->hole)
		return &error_no_memory;
	code->at_entry = 1; /* until a return is known */
	plan->heap |= code->role != EVENT_ROLE_PLAIN && code->role != EVENT_ROLE_USDT;
	return NULL;
}

static struct error *take_argument(struct parser *parser)
{
	const struct line *line = &parser->line;
	struct event_source source = {0};
	uint32_t function, position;

	if (line->count != 5 || !parse_index(line->fields[1], parser->plan->function_count, &function) ||
	    !parse_index(line->fields[2], EVENT_CALL_ARGS, &position) || !plan_parse_source(line->fields[3], &source) ||
	    !plan_parse_kind(line->fields[4], &source))
		return refuse(parser, "an argument is 'argument FUNCTION POSITION SOURCE KIND'");
	if (parser->plan->codes[function].args[position].how)
		return refuse(parser, "an argument that was told before");
	parser->plan->codes[function].args[position] = source;
	return NULL;
}

static struct error *take_result(struct parser *parser)
{
	const struct line *line = &parser->line;
	struct event_source source = {0};
	uint32_t function;

	if (line->count != 4 || !parse_index(line->fields[1], parser->plan->function_count, &function) ||
	    !plan_parse_source(line->fields[2], &source) || !plan_parse_kind(line->fields[3], &source) ||
	    source.kind != EVENT_KIND_WORD)
		return refuse(parser, "a result is 'result FUNCTION SOURCE KIND'");
	parser->plan->codes[function].result = source;
	return NULL;
}

/* ---- sites ---- */

static struct error *add_result(struct parser *parser, const struct event_source *source, uint32_t *ret_index)
{
	struct plan *plan = parser->plan;
	struct error *err;

	for (uint32_t i = 1; i < plan->result_count; i++) {
		if (memcmp(&plan->results[i], source, sizeof(*source)) == 0) {
			*ret_index = i;
			return NULL;
		}
	}
	err = array_reserve(plan->results, parser->result_room, plan->result_count + 1);
	if (err)
		return err;
	*ret_index = (uint32_t)plan->result_count;
	plan->results[plan->result_count++] = *source;
	return NULL;
}

static bool is_usual(const struct event_source *source)
{
	struct event_source usual = {0};

	return source->how == EVENT_SOURCE_NONE || (plan_parse_source("reg:rax", &usual) && source->how == usual.how &&
						    source->base == usual.base && source->number == 0);
}

/* The options of a site: `result` is where this site, or else its function, has it. */
static bool parse_site_options(const struct line *line, const struct plan *plan, struct plan_site *site,
			       struct event_source *result)
{
	for (size_t i = 4; i < line->count; i++) {
		const char *text = line->fields[i];

		if (strncmp(text, "file=", 5) == 0) {
			if (!parse_index(text + 5, plan->file_count, &site->file))
				return false;
		} else if (strncmp(text, "result=", 7) == 0 && site->at_return) {
			struct event_source source = {.kind = result->kind,
						      .width = result->width ? result->width : 8,
						      .sign = result->sign,
						      .length_from = result->length_from};

			if (!plan_parse_source(text + 7, &source))
				return false;
			*result = source;
		} else if (strncmp(text, "semaphore=", 10) == 0) {
			if (!parse_offset(text + 10, &site->semaphore) || site->semaphore > UINT32_MAX)
				return false;
		} else {
			return false;
		}
	}
	return true;
}

static struct error *add_site(struct parser *parser, const struct plan_site *site)
{
	struct plan *plan = parser->plan;
	struct error *err;

	if (plan->site_count == MAX_SITES)
		return refuse(parser, "too many sites");
	err = array_reserve(plan->sites, parser->site_room, plan->site_count + 1);
	if (!err)
		plan->sites[plan->site_count++] = *site;
	return err;
}

static struct error *take_site(struct parser *parser)
{
	static const char form[] = "a site is 'site FUNCTION entry|return OFFSET', options after it";
	struct plan *plan = parser->plan;
	const struct line *line = &parser->line;
	struct plan_site site = {0};
	struct event_source result;
	struct error *err = NULL;
	uint32_t function;

	if (line->count < 4 || !parse_index(line->fields[1], plan->function_count, &function) ||
	    !parse_offset(line->fields[3], &site.offset))
		return refuse(parser, form);
	site.at_return = strcmp(line->fields[2], "return") == 0;
	if (!site.at_return && strcmp(line->fields[2], "entry") != 0)
		return refuse(parser, form);
	site.file = plan->functions[function].file;
	result = plan->codes[function].result;
	if (!parse_site_options(line, plan, &site, &result))
		return refuse(parser, form);
	if (!site.at_return) {
		site.index = function;
		return add_site(parser, &site);
	}
	/* The return of what gives back tells nothing. */
	if (plan->codes[function].role == EVENT_ROLE_FREE || plan->codes[function].role == EVENT_ROLE_DELETE)
		return NULL;
	plan->codes[function].at_entry = 0;
	if (!is_usual(&result))
		err = add_result(parser, &result, &site.index);
	return err ? err : add_site(parser, &site);
}

/* Returns first; of two returns at a place the one that says more. */
static int compare_sites(const void *a, const void *b)
{
	const struct plan_site *left = a, *right = b;

	if (left->at_return != right->at_return)
		return left->at_return ? -1 : 1;
	if (left->file != right->file)
		return left->file < right->file ? -1 : 1;
	if (left->offset != right->offset)
		return left->offset < right->offset ? -1 : 1;
	return (left->index < right->index) - (left->index > right->index);
}

/* A frame that ends at a place ends for every function that is pending in it: one probe is enough. */
static void settle_sites(struct plan *plan)
{
	size_t kept = 0;

	if (!plan->site_count)
		return;
	qsort(plan->sites, plan->site_count, sizeof(*plan->sites), compare_sites);
	for (size_t i = 1; i < plan->site_count; i++) {
		const struct plan_site *last = &plan->sites[kept], *site = &plan->sites[i];

		if (site->at_return && last->at_return && site->file == last->file && site->offset == last->offset)
			continue;
		plan->sites[++kept] = *site;
	}
	plan->site_count = kept + 1;
}

/* ---- the whole ---- */

static struct error *take_line(struct parser *parser)
{
	static const struct {
		const char *name;
		struct error *(*take)(struct parser *parser);
	} kinds[] = {{"file", take_file},
		     {"function", take_function},
		     {"argument", take_argument},
		     {"result", take_result},
		     {"site", take_site}};

	if (parser->plan->file_count == MAX_FILES || parser->plan->function_count == MAX_FUNCTIONS)
		return refuse(parser, "too many files or functions");
	for (size_t i = 0; i < array_size(kinds); i++)
		if (strcmp(parser->line.fields[0], kinds[i].name) == 0)
			return kinds[i].take(parser);
	return refuse(parser, "it begins with none of file, function, argument, result, site");
}

static struct error *read_lines(struct parser *parser, FILE *in)
{
	char text[MAX_LINE + 2];
	struct error *err = NULL;

	while (!err && fgets(text, sizeof(text), in)) {
		size_t length = strlen(text);

		parser->line.number++;
		if (!length || text[length - 1] != '\n')
			return refuse(parser, "it has no end, is too long, or holds a NUL");
		text[length - 1] = 0;
		if (!split_line(text, &parser->line))
			return refuse(parser, "too many words, or a broken %-escape");
		if (parser->line.number > 1)
			err = take_line(parser);
		else if (parser->line.count != 2 || strcmp(parser->line.fields[0], "corelate-plan") != 0 ||
			 strcmp(parser->line.fields[1], "1") != 0)
			return refuse(parser, "not 'corelate-plan 1'");
	}
	if (!err && ferror(in))
		err = error_errno(errno, "cannot read");
	if (!err && !parser->line.number)
		err = refuse(parser, "it is empty");
	return err;
}

struct error *plan_read(FILE *in, struct plan *ret_plan)
{
	struct plan plan = {
		.files = calloc(MAX_FILES, sizeof(*plan.files)),
		.functions = calloc(MAX_FUNCTIONS, sizeof(*plan.functions)),
		.codes = calloc(MAX_FUNCTIONS, sizeof(*plan.codes)),
		.results = calloc(16, sizeof(*plan.results)),
		.result_count = 1,
	};
	struct parser parser = {.plan = &plan, .result_room = 16};
	struct error *err = &error_no_memory;

	if (plan.files && plan.functions && plan.codes && plan.results)
		err = read_lines(&parser, in);
	if (err) {
		plan_deinit(&plan);
		return err;
	}
	settle_sites(&plan);
	*ret_plan = plan;
	return NULL;
}

struct error *plan_open(const char *path, struct plan *ret_plan)
{
	cleanup_file FILE *in = fopen(path, "re");
	struct error *err;

	if (!in)
		return error_errno(errno, "--probe-plan %s", path);
	err = plan_read(in, ret_plan);
	return err ? error_prefix(err, "--probe-plan %s", path) : NULL;
}

void plan_deinit(struct plan *plan)
{
	for (size_t i = 0; plan->files && i < plan->file_count; i++)
		free(plan->files[i].path);
	for (size_t i = 0; plan->functions && i < plan->function_count; i++) {
		free(plan->functions[i].name);
		free(plan->functions[i].signature);
		free(plan->functions[i].hole);
	}
	free(plan->files);
	free(plan->functions);
	free(plan->codes);
	free(plan->results);
	free(plan->sites);
	*plan = (struct plan){0};
}
