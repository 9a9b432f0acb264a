/* SPDX-License-Identifier: MIT */
#include "analyzer/probe/probe_plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "common/cleanup.h"
#include "common/vector.h"

/* A sentence or two; what is beyond says nothing new. */
#define HOLE_BYTES_MAX 600

static void function_deinit(struct probe_function *function)
{
	free(function->name);
	free(function->signature);
	free(function->hole);
	free(function->sites);
}

void probe_plan_deinit(struct probe_plan *plan)
{
	for (size_t i = 0; i < plan->file_count; i++)
		free(plan->files[i].path);
	for (size_t i = 0; i < plan->function_count; i++)
		function_deinit(&plan->functions[i]);
	free(plan->files);
	free(plan->functions);
	*plan = (struct probe_plan){0};
}

struct error *probe_plan_add_file(struct probe_plan *plan, const char *path, const struct stat *identity, size_t *ret)
{
	for (size_t i = 0; i < plan->file_count; i++) {
		if (plan->files[i].identity.st_dev == identity->st_dev &&
		    plan->files[i].identity.st_ino == identity->st_ino) {
			*ret = i;
			return NULL;
		}
	}
	if (array_resize(plan->files, plan->file_count + 1))
		return &error_no_memory;
	plan->files[plan->file_count] = (struct probe_file){.path = strdup(path), .identity = *identity};
	if (!plan->files[plan->file_count].path)
		return &error_no_memory;
	*ret = plan->file_count++;
	return NULL;
}

struct error *probe_plan_add_function(struct probe_plan *plan, size_t file, uint64_t offset, enum function_role role,
				      const char *name, const char *signature, struct probe_function **ret)
{
	struct probe_function *function;

	*ret = NULL;
	for (size_t i = 0; i < plan->function_count && role != FUNCTION_USDT; i++) {
		/* The same function to log and to follow the heap by are two. */
		if (plan->functions[i].file == file && plan->functions[i].offset == offset &&
		    (plan->functions[i].role == FUNCTION_PLAIN) == (role == FUNCTION_PLAIN))
			return NULL;
	}
	if (array_resize(plan->functions, plan->function_count + 1))
		return &error_no_memory;
	function = &plan->functions[plan->function_count++];
	*function = (struct probe_function){
		.file = file,
		.offset = offset,
		.role = role,
		.name = strdup(name ? name : ""),
		.signature = strdup(signature ? signature : ""),
		.hole = strdup(""),
	};
	if (!function->name || !function->signature || !function->hole)
		return &error_no_memory;
	*ret = function;
	return NULL;
}

struct error *probe_function_add_site(struct probe_function *function, const struct probe_site *site)
{
	for (size_t i = 0; i < function->site_count; i++) {
		const struct probe_site *known = &function->sites[i];

		if (known->file == site->file && known->offset == site->offset && known->at_return == site->at_return)
			return NULL;
	}
	return array_push(function->sites, function->site_count, *site);
}

struct error *probe_function_add_hole(struct probe_function *function, const char *format, ...)
{
	cleanup_free char *text = NULL;
	char *joined;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	if (!text)
		return &error_no_memory;
	if (strstr(function->hole, text) || strlen(function->hole) + strlen(text) > HOLE_BYTES_MAX)
		return NULL;
	if (asprintf(&joined, "%s%s%s", function->hole, *function->hole ? "; " : "", text) < 0)
		return &error_no_memory;
	free(function->hole);
	function->hole = joined;
	return NULL;
}

bool probe_function_add_argument(struct probe_function *function, const char *source, const char *kind)
{
	struct probe_value *value = &function->arguments[function->argument_count];
	size_t count = function->argument_count;

	if (count == PROBE_ARGUMENTS_MAX)
		return false;
	value->position = count ? function->arguments[count - 1].position + 1 : 0;
	snprintf(value->source, sizeof(value->source), "%s", source);
	snprintf(value->kind, sizeof(value->kind), "%s", kind);
	function->argument_count++;
	return true;
}

void probe_function_set_result(struct probe_function *function, const char *source, const char *kind)
{
	function->has_result = true;
	snprintf(function->result.source, sizeof(function->result.source), "%s", source);
	snprintf(function->result.kind, sizeof(function->result.kind), "%s", kind);
}

const char *probe_role_name(enum function_role role)
{
	static const char *const names[] = {
		[FUNCTION_PLAIN] = "plain",
		[FUNCTION_MALLOC] = "malloc",
		[FUNCTION_CALLOC] = "calloc",
		[FUNCTION_REALLOC] = "realloc",
		[FUNCTION_REALLOCARRAY] = "reallocarray",
		[FUNCTION_ALIGNED_ALLOC] = "aligned_alloc",
		[FUNCTION_POSIX_MEMALIGN] = "posix_memalign",
		[FUNCTION_FREE] = "free",
		[FUNCTION_NEW] = "new",
		[FUNCTION_DELETE] = "delete",
		[FUNCTION_USDT] = "usdt",
	};

	return names[role];
}

/* One word of a line, so that it stays one, and does nothing to a terminal. */
static void write_word(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text < ' ' || *text > '~' || *text == '%')
			fprintf(out, "%%%02X", (unsigned char)*text);
		else
			fputc(*text, out);
	}
}

static void write_file(size_t number, const struct probe_file *file, FILE *out)
{
	const struct stat *identity = &file->identity;

	fprintf(out, "file\t%zu\t", number);
	write_word(file->path, out);
	fprintf(out, "\tidentity=%u:%u:%" PRIu64 ":%" PRIu64 ":%" PRId64 "\n", major(identity->st_dev),
		minor(identity->st_dev), (uint64_t)identity->st_ino, (uint64_t)identity->st_size,
		(int64_t)identity->st_mtim.tv_sec * 1000000000 + identity->st_mtim.tv_nsec);
}

static void write_site(size_t number, const struct probe_function *function, const struct probe_site *site, FILE *out)
{
	fprintf(out, "site\t%zu\t%s\t0x%" PRIx64, number, site->at_return ? "return" : "entry", site->offset);
	if (site->file != function->file)
		fprintf(out, "\tfile=%zu", site->file);
	if (site->result[0])
		fprintf(out, "\tresult=%s", site->result);
	if (site->semaphore)
		fprintf(out, "\tsemaphore=0x%" PRIx64, site->semaphore);
	fputc('\n', out);
}

static void write_function(size_t number, const struct probe_function *function, FILE *out)
{
	fprintf(out, "function\t%zu\t%zu\t0x%" PRIx64 "\t%s\t", number, function->file, function->offset,
		probe_role_name(function->role));
	write_word(function->name, out);
	fputc('\t', out);
	write_word(function->signature, out);
	fputc('\t', out);
	write_word(function->hole, out);
	fputc('\n', out);
	for (size_t i = 0; i < function->argument_count; i++)
		fprintf(out, "argument\t%zu\t%u\t%s\t%s\n", number, function->arguments[i].position,
			function->arguments[i].source, function->arguments[i].kind);
	if (function->has_result)
		fprintf(out, "result\t%zu\t%s\t%s\n", number, function->result.source, function->result.kind);
	for (size_t i = 0; i < function->site_count; i++)
		write_site(number, function, &function->sites[i], out);
}

struct error *probe_plan_write(const struct probe_plan *plan, FILE *out)
{
	fputs("corelate-plan\t1\n", out);
	for (size_t i = 0; i < plan->file_count; i++)
		write_file(i, &plan->files[i], out);
	for (size_t i = 0; i < plan->function_count; i++)
		write_function(i, &plan->functions[i], out);
	if (fflush(out) != 0 || ferror(out))
		return error_errno(errno, "cannot write the probe plan");
	return NULL;
}
