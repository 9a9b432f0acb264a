/* SPDX-License-Identifier: MIT */
/* `corelate check --json`. What is not known is null, never left out; addresses are "0x…" strings. */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/check.h"
#include "cli/json.h"
#include "common/cleanup.h"

static json_t *hex(uint64_t value)
{
	return json_sprintf("0x%" PRIx64, value);
}

/* Names that are not UTF-8 come out as null. */
static json_t *text_or_null(const char *text)
{
	json_t *value = text ? json_string(text) : NULL;

	return value ? value : json_null();
}

static json_t *hazard_json(const struct probe_hazard *hazard)
{
	json_t *object = json_object();

	json_object_set_new(object, "kind", json_string(probe_hazard_kind_name(hazard->kind)));
	json_object_set_new(object, "severity", json_string(probe_hazard_severity_name(hazard->severity)));
	json_object_set_new(object, "claim", json_string(hazard->claim));
	json_object_set_new(object, "text", json_string(hazard->text));
	json_object_set_new(object, "instead", json_string(hazard->advice));
	json_object_set_new(object, "evidence", text_or_null(hazard->evidence));
	json_object_set_new(object, "file", text_or_null(hazard->file));
	json_object_set_new(object, "pid", hazard->pid ? json_integer(hazard->pid) : json_null());
	json_object_set_new(object, "spares_leaf_functions", json_boolean(hazard->spares_leaves));
	return object;
}

static json_t *site_json(const struct code_return_site *site)
{
	json_t *object = json_object();

	json_object_set_new(object, "symbol", text_or_null(site->symbol));
	json_object_set_new(object, "offset", json_integer((json_int_t)site->offset));
	json_object_set_new(object, "address", hex(site->address));
	json_object_set_new(object, "file_offset", hex(site->file_offset));
	json_object_set_new(object, "shared", json_boolean(site->is_shared));
	if (site->kind == CODE_SITE_TAIL_CALL) {
		json_object_set_new(object, "target", site->target ? hex(site->target) : json_null());
		json_object_set_new(object, "target_name", text_or_null(site->target_name));
		json_object_set_new(object, "through_plt", json_boolean(site->through_plt));
		json_object_set_new(object, "conditional", json_boolean(site->is_conditional));
	}
	return object;
}

static json_t *function_json(const struct check *check, const struct code_return_sites *sites)
{
	static const char *const extents[] = {"symbol", "frame", "guess"};
	cleanup_free char *line = check_bpftrace_line(check, sites);
	cleanup_free char *lines = check_tracefs_lines(check, sites, "");
	json_t *object = json_object(), *returns = json_array(), *tails = json_array();

	for (size_t i = 0; i < sites->count; i++)
		json_array_append_new(sites->sites[i].kind == CODE_SITE_RETURN ? returns : tails,
				      site_json(&sites->sites[i]));
	json_object_set_new(object, "name", text_or_null(sites->function.name));
	json_object_set_new(object, "address", hex(sites->function.address));
	json_object_set_new(object, "file_offset", hex(sites->function.file_offset));
	json_object_set_new(object, "size", json_integer((json_int_t)sites->function.size));
	json_object_set_new(object, "extent", json_string(extents[sites->function.extent]));
	json_object_set_new(object, "ifunc", json_boolean(sites->function.is_ifunc));
	json_object_set_new(object, "complete", json_boolean(sites->complete));
	json_object_set_new(object, "incomplete_reason", text_or_null(sites->incomplete_reason));
	json_object_set_new(object, "has_indirect_jumps", json_boolean(sites->has_indirect_jumps));
	json_object_set_new(object, "calls_itself", json_boolean(sites->calls_itself));
	json_object_set_new(object, "never_returns", json_boolean(sites->complete && sites->count == 0));
	json_object_set_new(object, "returns", returns);
	json_object_set_new(object, "tail_calls", tails);
	json_object_set_new(object, "bpftrace", text_or_null(line));
	json_object_set_new(object, "tracefs", text_or_null(lines));
	return object;
}

struct error *check_write_json(const struct cli_options *options, const struct check *check)
{
	cleanup_free char *verdict = check_verdict(check);
	json_t *object = json_object(), *reasons = json_array(), *functions = json_array();

	for (size_t i = 0; i < check->safety.count; i++)
		json_array_append_new(reasons, hazard_json(&check->safety.hazards[i]));
	for (size_t i = 0; i < check->function_count; i++)
		json_array_append_new(functions, function_json(check, &check->sites[i]));
	json_object_set_new(object, "verdict", json_string(check->unsafe ? "unsafe" : "safe"));
	json_object_set_new(object, "summary", text_or_null(verdict));
	json_object_set_new(object, "path", text_or_null(check->elf->path));
	json_object_set_new(object, "pid", check->process ? json_integer(check->process->pid) : json_null());
	json_object_set_new(object, "function", text_or_null(check->function));
	json_object_set_new(object, "symbols", json_boolean(check->elf->has_symbol_table));
	json_object_set_new(object, "reasons", reasons);
	json_object_set_new(object, "functions", functions);
	return cli_json_write(options, object);
}
