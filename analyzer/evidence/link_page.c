/* SPDX-License-Identifier: MIT */
#include "analyzer/evidence/link_page.h"

#include <inttypes.h>

#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_mapping.h"
#include "analyzer/evidence/link_mapping.h"
#include "analyzer/words.h"

static const char *const refused_alternatives[] = {"other-permissions", "other-address", NULL};

const struct link_kind link_refused_access = {"refused-access", FINDING_UNKNOWN, refused_alternatives};

static const char *const loaded_alternatives[] = {"other-path", "other-address", NULL};

const struct link_kind link_pointer_from_page = {"pointer-from-page", FINDING_UNKNOWN, loaded_alternatives};

struct error *link_add_end(const struct crash *crash, struct finding *finding)
{
	struct error *err = NULL;

	if (crash->facts.fault.source != ADDRESS_UNKNOWN)
		err = evidence_add_fault(crash, finding);
	return err ?: evidence_add_faulting_frame(crash, finding);
}

static struct error *add_mapping(const struct crash *crash, struct finding *finding)
{
	const struct mapping_facts *mapping = &crash->facts.mapping;
	struct words protection, spot;

	if (!mapping->known)
		return NULL;
	return finding_add_evidence(finding, EVIDENCE_MAPPING, 0, mapping->start,
				    "the core has 0x%" PRIx64 "-0x%" PRIx64 " mapped %s: %s", mapping->start,
				    mapping->end, words_protection(&protection, mapping->protection),
				    evidence_spot(&spot, &mapping->file));
}

static struct error *examine_permissions(const struct crash *crash, struct finding *finding)
{
	const struct mapping_facts *mapping = &crash->facts.mapping;
	struct words protection;

	if (mapping->known)
		return link_rule_out(finding, "other-permissions", EVIDENCE_MAPPING, 0, mapping->start,
				     "the core has the mapping, with %s",
				     words_protection(&protection, mapping->protection));
	return link_leave_open(finding, "other-permissions", "no core shows the page's permissions at the crash");
}

struct error *link_append_refused_access(const struct crash *crash, struct finding *finding, const struct life *life)
{
	const struct mapping_facts *mapping = &crash->facts.mapping;
	struct node node = {.kind = NODE_MAPPING, .start = mapping->start, .end = mapping->end};
	struct words protection;

	if (life)
		node = link_mapping_node(&crash->facts.biography, life);
	return link_append(finding, &link_refused_access, mapping->known ? BASIS_COMPUTED : BASIS_OBSERVED, node,
			   "the mapping of 0x%" PRIx64 " (%s) does not allow this %s", crash->facts.fault.address,
			   words_protection(&protection, mapping->known ? mapping->protection
							 : life		? life->protection
									: -1),
			   words_access(crash->facts.fault.access))
		?: evidence_add_fault(crash, finding)
		?: add_mapping(crash, finding)
		?: examine_permissions(crash, finding)
		?: link_examine_address(crash, finding, "other-address");
}

static struct error *examine_path(const struct crash *crash, const struct memory_view *view, struct finding *finding)
{
	if (view->is_exact)
		return link_rule_out(finding, "other-path", EVIDENCE_MEMORY, 0,
				     crash->facts.has_registers ? crash->facts.registers[CORE_RIP] : view->address,
				     "no branch leads into the code between the load and the use");
	return finding_add_missing(finding, "the path through the code: only the instructions before the use show that "
					    "the pointer was loaded from there")
		       ?: link_leave_unseen(finding, "other-path",
					    "a branch leads into the code between the load and the use");
}

struct error *link_append_pointer_from_page(const struct crash *crash, struct finding *finding,
					    const struct memory_view *view)
{
	struct node node = {.kind = NODE_WORD, .start = view->address, .end = view->address + sizeof(uint64_t)};

	return link_append(finding, &link_pointer_from_page, BASIS_COMPUTED, node,
			   "the pointer%s%s = 0x%" PRIx64 " was loaded from 0x%" PRIx64, view->pointer[0] ? " " : "",
			   view->pointer, view->value, view->address)
		?: link_add_end(crash, finding)
		?: evidence_add_view(finding, view)
		?: examine_path(crash, view, finding)
		?: link_examine_address(crash, finding, "other-address");
}
