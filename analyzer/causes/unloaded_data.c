/* SPDX-License-Identifier: MIT */
/*
 * unloaded-data: a pointer into the data of a library was used after the library had been unloaded: a string, a table,
 * a static variable, a virtual function table.
 *
 * What is seen: the read or write hit a page where nothing is mapped, and the last thing recorded of it is a library's
 * mapping that the dynamic linker unmapped. The file's section and symbol are told from the offset. The culprit is who
 * called dlclose, never the library.
 *
 * What it could be mistaken for: a file that the program itself mapped and unmapped (use-after-munmap: it was not the
 * dynamic linker that unmapped it); another mapping that came and went at the place later (then that one is the last
 * life); a wild address that hits an old library by chance (wild-address: open where the file does not say what was
 * there). The zero-initialized end of a library's data is anonymous memory: there the library is known, its symbol may
 * not be.
 */
#include <inttypes.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_mapping.h"
#include "analyzer/evidence/link_unloaded.h"

const struct link_kind link_data_unloaded = {"data-unloaded", FINDING_UNLOADED_DATA, link_unloaded_alternatives};
const struct link_kind link_data_remains = {"unloaded-data-remains", FINDING_UNLOADED_DATA, link_remains_alternatives};

static bool is_data_access(const struct fault *fault)
{
	return fault->is_fault && (fault->access == ACCESS_READ || fault->access == ACCESS_WRITE);
}

static struct error *summarize(const struct crash *crash, const struct life *life, struct finding *finding)
{
	const struct biography *biography = &crash->facts.biography;
	const struct memory_event *died = &biography->events[life->died];
	struct words name, when, code, caller;

	return finding_set_summary(
		finding, "%s accessed 0x%" PRIx64 ", data of %s, which thread %" PRIu32 " had unloaded in %s, %s.",
		evidence_faulting_code(&code, crash), crash->facts.fault.address, words_unloaded(&name, crash),
		died->tid, words_caller(&caller, biography, life->died),
		words_before_crash(&when, crash, died->exit_ns));
}

struct error *cause_unloaded_data(const struct crash *crash, struct finding_list *findings)
{
	const struct life *life = link_unloaded_life(crash);
	struct finding *finding;

	if (crash->facts.remains.found && is_data_access(&crash->facts.fault))
		return link_tell_remains(crash, findings, &link_data_remains, "accessed", "data");
	if (!life || crash->facts.fault.access == ACCESS_EXECUTE ||
	    !evidence_by_dynamic_linker(&crash->facts.biography, life->died))
		return NULL;
	return finding_append(findings, FINDING_UNLOADED_DATA, &finding)
		?: link_append_unloading(crash, finding, &link_data_unloaded, life)
		?: summarize(crash, life, finding)
		?: finding_set_next_step(finding, "which pointers into %s outlive its dlclose?",
					 words_base_name(crash->facts.unloaded.path));
}
