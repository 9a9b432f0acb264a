/* SPDX-License-Identifier: MIT */
/* Which ELF files were mapped, and where the same builds of them are on this machine. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "analyzer/core/core_internal.h"
#include "common/cleanup.h"
#include "common/vector.h"

/* The vdso has a few pages; more is a lie of the core. */
#define VDSO_BYTES_MAX (1u << 20)
/* How many mappings of other files are passed over in search of the rest of a module. */
#define FOREIGN_MAX 64
/* Where Go's linker puts its build-id: the first page of the file. */
#define GO_PAGE_BYTES 4096
/* Descriptors left to the caller, however many modules a core names. */
#define DESCRIPTORS_SPARED 64

static const char *const default_debug_directories[] = {"/usr/lib/debug", NULL};
static const char deleted_suffix[] = " (deleted)";

static size_t read_image(const void *memory, uint64_t address, void *buffer, size_t size)
{
	return core_read_dumped(memory, address, buffer, size);
}

struct elf_image core_image_at(const struct core *core, uint64_t base)
{
	return (struct elf_image){.read_memory = read_image, .memory = core, .base = base, .fd = -1};
}

struct module_search {
	struct core *core;
	struct elf_host *host;
	const char *const *debug_directories;
	bool *taken; /* for each of core->files: belongs to a module already */
	size_t capacity;
	int descriptor_limit;
};

static int search_open(const struct module_search *search, const char *path)
{
	int fd;

	if (path[0] != '/')
		return -ENOENT;
	fd = elf_host_open(search->host, path, NULL);
	if (fd >= search->descriptor_limit) {
		close(fd);
		return -EMFILE;
	}
	return fd;
}

/* Opens `path` if it is an ELF file with the module's build-id. */
static int search_open_build(const struct module_search *search, const char *path, const struct core_module *module)
{
	struct elf_image image = {.fd = -1};
	cleanup_fd int fd = search_open(search, path);
	uint8_t build_id[64];
	size_t length = 0;

	if (fd < 0)
		return -1;
	image.fd = fd;
	if (elf_image_init(&image) == ELF_IMAGE_ELF)
		length = elf_image_read_build_id(&image, 0, build_id);
	elf_image_deinit(&image);
	if (length == 0 || length != module->build_id_bytes || memcmp(build_id, module->build_id, length) != 0)
		return -1;
	elf_host_keep(search->host, path);
	return take_fd(&fd);
}

/* DIRECTORY/.build-id/xx/rest, as GDB's manual names it ("Debugging Information in Separate Files"): with the suffix
 * ".debug" the separate debug file, without it the program or library itself. */
static int search_build_id_directories(const struct module_search *search, const struct core_module *module,
				       const char *suffix)
{
	char hex[sizeof(module->build_id) * 2 + 1];

	for (size_t i = 0; i < module->build_id_bytes; i++)
		snprintf(hex + 2 * i, 3, "%02x", module->build_id[i]);
	for (const char *const *directory = search->debug_directories; *directory; directory++) {
		cleanup_free char *path = NULL;
		int fd;

		if (asprintf(&path, "%s/.build-id/%.2s/%s%s", *directory, hex, hex + 2, suffix) < 0) {
			path = NULL;
			return -1;
		}
		fd = search_open_build(search, path, module);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

/* The name of a file that was removed while it was mapped ends in " (deleted)" (d_path). What has the name without it
 * now is a later file, and only the build-id can tell that it is the same. */
static int search_open_replaced(const struct module_search *search, const struct core_module *module)
{
	size_t length = strlen(module->path), suffix_length = sizeof(deleted_suffix) - 1;
	cleanup_free char *path = NULL;

	if (length <= suffix_length || strcmp(module->path + length - suffix_length, deleted_suffix) != 0)
		return -1;
	path = strndup(module->path, length - suffix_length);
	return path ? search_open_build(search, path, module) : -1;
}

/* Go's linker writes no GNU build-id but a note of its own (owner "Go", type 4, cmd/internal/buildid) into the page of
 * the ELF header. Its length in `page`, and where its contents are; 0 for none. */
static size_t find_go_build_id(const uint8_t page[GO_PAGE_BYTES], const uint8_t **ret)
{
	static const uint8_t type_and_owner[] = {4, 0, 0, 0, 'G', 'o', 0, 0};
	const uint8_t *note = memmem(page, GO_PAGE_BYTES, type_and_owner, sizeof(type_and_owner));
	uint32_t length;

	/* Before them stand the lengths of owner and contents. */
	if (!note || note - page < 8)
		return 0;
	memcpy(&length, note - 4, sizeof(length));
	*ret = note + sizeof(type_and_owner);
	return length <= (size_t)(page + GO_PAGE_BYTES - *ret) ? length : 0;
}

static bool search_same_go_build(const struct module_search *search, const struct core_module *module, int fd)
{
	uint8_t mapped[GO_PAGE_BYTES], stored[GO_PAGE_BYTES];
	const uint8_t *mapped_id, *stored_id;
	size_t length;

	if (core_read_dumped(search->core, module->start, mapped, sizeof(mapped)) != sizeof(mapped) ||
	    pread(fd, stored, sizeof(stored), 0) != sizeof(stored))
		return false;
	length = find_go_build_id(mapped, &mapped_id);
	return length && find_go_build_id(stored, &stored_id) == length && memcmp(mapped_id, stored_id, length) == 0;
}

/* Finds the files of a module whose header and build-id (if any) were in the core's memory. */
static void search_files(const struct module_search *search, struct core_module *module)
{
	int fd = search_open(search, module->path);

	module->state = fd == -ESTALE ? CORE_MODULE_MISMATCH : CORE_MODULE_MISSING;
	if (fd >= 0) {
		struct elf_image image = {.fd = fd};
		uint8_t build_id[64];

		module->state = CORE_MODULE_MISMATCH;
		if (elf_image_init(&image) != ELF_IMAGE_ELF)
			; /* the path holds something else now */
		else if (module->build_id_bytes == 0)
			module->state =
				search_same_go_build(search, module, fd) ? CORE_MODULE_FOUND : CORE_MODULE_UNVERIFIED;
		else if (elf_image_read_build_id(&image, 0, build_id) == module->build_id_bytes &&
			 memcmp(build_id, module->build_id, module->build_id_bytes) == 0)
			module->state = CORE_MODULE_FOUND;
		elf_image_deinit(&image);
		if (module->state == CORE_MODULE_MISMATCH) {
			close(fd);
		} else {
			elf_host_keep(search->host, module->path);
			module->elf_fd = fd;
		}
	}
	if (module->build_id_bytes == 0)
		return;
	if (module->elf_fd < 0) {
		module->elf_fd = search_open_replaced(search, module);
		if (module->elf_fd < 0)
			module->elf_fd = search_build_id_directories(search, module, "");
		if (module->elf_fd >= 0)
			module->state = CORE_MODULE_FOUND;
	}
	module->debug_fd = search_build_id_directories(search, module, ".debug");
}

static struct error *search_add(struct module_search *search, const struct core_module *module)
{
	struct core *core = search->core;

	if (array_reserve(core->modules, search->capacity, core->module_count + 1))
		return &error_no_memory;
	core->modules[core->module_count++] = *module;
	return NULL;
}

/* Takes the mappings of the same file, from `first` on, that begin below `limit`. Others may lie between them, put over
 * the module by MAP_FIXED. Returns the highest end. */
static uint64_t search_take(struct module_search *search, size_t first, uint64_t limit)
{
	const struct core *core = search->core;
	uint64_t end = core->files[first].end;
	unsigned foreign = 0;

	for (size_t i = first; i < core->file_count && foreign < FOREIGN_MAX; i++) {
		if (i > first && core->files[i].start >= limit)
			break;
		if (strcmp(core->files[i].path, core->files[first].path) != 0) {
			foreign++;
			continue;
		}
		search->taken[i] = true;
		if (core->files[i].end > end)
			end = core->files[i].end;
	}
	return end;
}

/* A mapping that begins with an ELF header, in the core's own memory. */
static struct error *search_add_from_memory(struct module_search *search, size_t first, const struct elf_image *image)
{
	const struct core_file_mapping *file = &search->core->files[first];
	struct core_module module = {.start = file->start, .path = file->path, .elf_fd = -1, .debug_fd = -1};

	if (!elf_image_find_bias(image, file->start, 0, &module.load_bias))
		return NULL;
	module.end = search_take(search, first, module.load_bias + elf_image_end(image));
	module.build_id_bytes = elf_image_read_build_id(image, module.load_bias, module.build_id);
	search_files(search, &module);
	return search_add(search, &module);
}

/* Executable mappings of a file whose header is not in the core: the file at that path is all there is to go by. */
static struct error *search_add_from_file(struct module_search *search, size_t first)
{
	const struct core *core = search->core;
	const struct core_file_mapping *file = &core->files[first];
	struct core_module module = {.start = file->start,
				     .path = file->path,
				     .state = CORE_MODULE_UNVERIFIED,
				     .elf_fd = -1,
				     .debug_fd = -1};
	struct elf_image image = {.fd = -1};
	bool executable = false, known;
	struct error *err;

	for (size_t i = first; i < core->file_count && strcmp(core->files[i].path, file->path) == 0; i++) {
		const struct core_segment *segment = core_find_segment(core, core->files[i].start);

		if (search->taken[i] || i - first > FOREIGN_MAX)
			break;
		executable = executable || (segment && (segment->flags & PF_X));
	}
	if (!executable)
		return NULL;
	module.elf_fd = search_open(search, file->path);
	if (module.elf_fd < 0)
		return NULL;
	image.fd = module.elf_fd;
	known = elf_image_init(&image) == ELF_IMAGE_ELF &&
		elf_image_find_bias(&image, file->start, file->offset, &module.load_bias);
	if (known)
		module.end = search_take(search, first, module.load_bias + elf_image_end(&image));
	elf_image_deinit(&image);
	if (known)
		elf_host_keep(search->host, file->path);
	err = known ? search_add(search, &module) : NULL;
	if (!known || err)
		close(module.elf_fd);
	return err;
}

/* The vdso is no file: its bytes go into a memory file, so that it can be handled like the others. */
static struct error *search_add_vdso(struct module_search *search)
{
	const struct core *core = search->core;
	struct core_module module = {.path = "[vdso]", .state = CORE_MODULE_FOUND, .elf_fd = -1, .debug_fd = -1};
	const struct core_segment *segment = core_find_segment(core, core->auxv_sysinfo_ehdr);
	struct elf_image image = core_image_at(core, core->auxv_sysinfo_ehdr);
	cleanup_free uint8_t *bytes = NULL;
	bool known;
	size_t size;
	int fd;

	if (core->auxv_sysinfo_ehdr == 0 || !segment || segment->end - core->auxv_sysinfo_ehdr > VDSO_BYTES_MAX)
		return NULL;
	module.start = core->auxv_sysinfo_ehdr;
	module.end = segment->end;
	known = elf_image_init(&image) == ELF_IMAGE_ELF &&
		elf_image_find_bias(&image, module.start, 0, &module.load_bias);
	if (known)
		module.build_id_bytes = elf_image_read_build_id(&image, module.load_bias, module.build_id);
	elf_image_deinit(&image);
	if (!known)
		return NULL;
	bytes = malloc(module.end - module.start);
	if (!bytes)
		return &error_no_memory;
	size = core_read_dumped(core, module.start, bytes, module.end - module.start);
	fd = memfd_create("vdso", MFD_CLOEXEC);
	if (fd < 0)
		return error_errno(errno, "cannot make a memory file for the vdso");
	if (write(fd, bytes, size) != (ssize_t)size) {
		close(fd);
		return error_errno(EIO, "cannot write the memory file for the vdso");
	}
	module.elf_fd = fd;
	return search_add(search, &module);
}

static int module_compare(const void *left, const void *right)
{
	const struct core_module *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

static int find_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < INT32_MAX)
		return (int)limit.rlim_cur - DESCRIPTORS_SPARED;
	return INT32_MAX;
}

int core_find_debug_file(const struct core_module *module, struct elf_host *host, const char *const *debug_directories)
{
	const struct module_search search = {
		.host = host,
		.debug_directories = debug_directories ? debug_directories : default_debug_directories,
		.descriptor_limit = find_descriptor_limit(),
	};

	return module->build_id_bytes ? search_build_id_directories(&search, module, ".debug") : -1;
}

static struct error *find_modules(struct core *core, struct elf_host *host, const char *const *debug_directories)
{
	cleanup_free bool *taken = calloc(core->file_count ? core->file_count : 1, sizeof(*taken));
	struct module_search search = {
		.core = core,
		.host = host,
		.debug_directories = debug_directories ? debug_directories : default_debug_directories,
		.taken = taken,
		.descriptor_limit = find_descriptor_limit(),
	};
	struct error *err = NULL;

	if (!taken)
		return &error_no_memory;
	if (core->module_count > 0)
		return NULL;
	/* First, so that no number of libraries can take its descriptor. */
	err = search_add_vdso(&search);
	for (size_t i = 0; i < core->file_count && !err; i++) {
		struct elf_image image = core_image_at(core, core->files[i].start);
		enum elf_image_kind kind = ELF_IMAGE_ABSENT;

		if (taken[i])
			continue;
		if (core->files[i].offset == 0)
			kind = elf_image_init(&image);
		if (kind == ELF_IMAGE_ELF)
			err = search_add_from_memory(&search, i, &image);
		else if (kind == ELF_IMAGE_ABSENT)
			err = search_add_from_file(&search, i);
		elf_image_deinit(&image);
	}
	if (core->module_count > 0)
		qsort(core->modules, core->module_count, sizeof(*core->modules), module_compare);
	return err;
}

struct error *core_find_modules(struct core *core, const char *const *debug_directories)
{
	return find_modules(core, NULL, debug_directories);
}

struct error *core_find_modules_of(struct core *core, struct elf_host *host)
{
	return find_modules(core, host, NULL);
}
