/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Files: identity and path. The path is read from the dentries in the kernel, so that it is right even when the process
 * is gone a moment later. bpf_d_path() would do it, but only for programs that this kernel may refuse (fentry, LSM).
 */
#ifndef BPF_FILE_H
#define BPF_FILE_H

#include "state.bpf.h"

/* A walk from a dentry up to the root of its mount namespace; a bpf_loop() callback takes one step of it, so that the
 * verifier reads the step once and not once a component. */
struct path_walk {
	struct dentry *dentry;
	struct mount *mount;
	char *out; /* EVENT_PATH_BYTES */
	u32 used;
	u32 complete;
};

static long path_step(u32 index, struct path_walk *walk)
{
	struct dentry *dentry = walk->dentry;
	struct mount *mount = walk->mount;
	struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
	u32 used = walk->used;
	long length;

	if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
		struct mount *up = BPF_CORE_READ(mount, mnt_parent);

		if (up == mount) {
			walk->complete = 1;
			return 1;
		}
		walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		walk->mount = up;
		return 0;
	}
	if (used <= EVENT_PATH_BYTES - 256 && (dentry != parent || index == 0)) {
		length = bpf_probe_read_kernel_str(walk->out + used, 256, BPF_CORE_READ(dentry, d_name.name));
		if (length <= 0)
			return 1;
		walk->used = used + length;
		walk->dentry = parent;
	}
	/* A dentry that is its own parent without being a mount's root belongs to a file system that is mounted nowhere
	 * (memfd, SysV segment): there is nothing above it. */
	walk->complete = dentry == parent;
	return dentry == parent || used > EVENT_PATH_BYTES - 256;
}

/* Writes the names of `dentry` up to the root, leaf first, each NUL-terminated; returns the bytes used. */
static __always_inline u32 path_components(struct dentry *dentry, struct vfsmount *vfsmount, char *out,
					   u8 *ret_truncated)
{
	struct path_walk walk = {
		.dentry = dentry,
		.mount = (void *)vfsmount - bpf_core_field_offset(struct mount, mnt),
		.out = out,
	};

	bpf_loop(EVENT_PATH_COMPONENTS, path_step, &walk, 0);
	*ret_truncated = !walk.complete;
	return walk.used;
}

/* The identity of an open file; its path goes out first unless it is known already. */
static __always_inline void file_announce(struct file *file, struct event_file_id *ret_id)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	/* A renamed file, or another link to it, is announced again: the name and its directory tell. */
	u64 name = BPF_CORE_READ(dentry, d_name.hash_len) ^ (u64)BPF_CORE_READ(dentry, d_parent);
	struct event_file *record;
	u64 *known;

	ret_id->inode = BPF_CORE_READ(inode, i_ino);
	ret_id->device = BPF_CORE_READ(inode, i_sb, s_dev);
	ret_id->generation = BPF_CORE_READ(inode, i_generation);
	known = bpf_map_lookup_elem(&known_files, ret_id);
	if (known && *known == name)
		return;
	record = event_reserve_kept(EVENT_FILE, sizeof(*record));
	if (!record)
		return; /* not marked as known: the next use tries again */
	record->file = *ret_id;
	record->padding[0] = record->padding[1] = 0;
	record->deleted = BPF_CORE_READ(inode, i_nlink) == 0;
	record->used = path_components(dentry, BPF_CORE_READ(file, f_path.mnt),
				       record->components, &record->truncated);
	event_submit(record);
	bpf_map_update_elem(&known_files, ret_id, &name, BPF_ANY);
}

/* The current task's open file number `fd`, or NULL. */
static __always_inline struct file *file_of_descriptor(struct task_struct *task, u64 fd)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **slots = BPF_CORE_READ(table, fd);
	struct file *file = NULL;

	if (fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), slots + fd);
	return file;
}

#endif
