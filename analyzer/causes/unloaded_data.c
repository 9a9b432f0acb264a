/* SPDX-License-Identifier: MIT */
/*
 * unloaded-data: a pointer into the data of a library was used after the library had been unloaded: a string, a table,
 * a static variable, a virtual function table.
 *
 * What is seen: the read or write hit a page where nothing is mapped, and the last thing recorded of it is a library's
 * mapping that the dynamic linker unmapped. The file's section and symbol are told from the offset.
 *
 * What it could be mistaken for: a file that the program itself mapped and unmapped (use-after-munmap: it was not the
 * dynamic linker that unmapped it); another mapping that came and went at the place later (then that one is the last
 * life). The zero-initialized end of a library's data is anonymous memory: there the library is known, its symbol is
 * not.
 */
#include <inttypes.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence_mapping.h"

struct error *cause_unloaded_data(const struct crash *crash, struct finding_list *findings)
{
	const struct life *life = evidence_unloaded_life(crash);
	const struct memory_event *died;
	struct words spot, when, offender, code;
	struct finding *finding;
	struct error *err;

	if (crash->facts.remains.found && crash->facts.fault.is_fault &&
	    (crash->facts.fault.access == ACCESS_READ || crash->facts.fault.access == ACCESS_WRITE))
		return evidence_tell_remains(crash, findings, FINDING_UNLOADED_DATA, "used", "data");
	if (!life || crash->facts.fault.access == ACCESS_EXECUTE ||
	    !evidence_by_dynamic_linker(&crash->facts.biography, life->died))
		return NULL;
	died = &crash->facts.biography.events[life->died];
	err = finding_append(findings, FINDING_UNLOADED_DATA, &finding);
	if (err)
		return err;
	finding->confidence = CONFIDENCE_PROVEN;
	return evidence_weigh_unloading(crash, finding, life)
		?: finding_set_summary(
			finding,
			"%s used 0x%" PRIx64 ", data of a library that thread %" PRIu32 " had unloaded %s: %s.",
			evidence_faulting_code(&code, crash), crash->facts.fault.address, died->tid,
			words_before_crash(&when, crash, died->exit_ns), evidence_spot(&spot, &crash->facts.unloaded))
		?: evidence_add_unloading(crash, finding, life)
		?: evidence_add_fault(crash, finding)
		?: evidence_add_faulting_frame(crash, finding)
		?: finding_set_offender(finding, "%s", evidence_unloaded_function(&offender, crash))
		?: finding_set_next_step(finding, "look for pointers into %s that outlive its dlclose",
					 words_base_name(crash->facts.unloaded.path));
}
