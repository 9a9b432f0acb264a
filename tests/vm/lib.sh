# SPDX-License-Identifier: MIT
# Boots Debian's 6.1 cloud kernel in qemu (software emulation) with an initramfs of what is needed. Sourced.

# Where the unpacked kernel is kept between runs.
vm_cache=${CORELATE_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/corelate-vm}

# Prints the path of the kernel image; downloads the package once. Fails where there is no such package.
vm_kernel() {
	local package image

	image=$(ls "$vm_cache"/boot/vmlinuz-6.1.*-cloud-amd64 2>/dev/null | tail -n 1 || true)
	if [ -z "$image" ]; then
		package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
			sed -n 's/^ *Depends: \(linux-image-6\.1\..*-cloud-amd64\)$/\1/p' | head -n 1)
		[ -n "$package" ] || return 1
		mkdir -p "$vm_cache/package"
		(cd "$vm_cache/package" && rm -f ./*.deb && apt-get -qq download "$package" >/dev/null 2>&1) || return 1
		dpkg-deb -x "$vm_cache"/package/*.deb "$vm_cache" || return 1
		rm -rf "$vm_cache/package"
		image=$(ls "$vm_cache"/boot/vmlinuz-6.1.*-cloud-amd64 2>/dev/null | tail -n 1)
	fi
	printf '%s\n' "$image"
}

# vm_programs BUILD_DIRECTORY DIRECTORY FILE...: copies of these files of the build, under a path without blanks.
vm_programs() {
	local build=$1 directory=$2 file

	for file in "${@:3}"; do
		mkdir -p "$directory/$(dirname "$file")"
		cp "$build/$file" "$directory/$file"
	done
}

# vm_add ROOT FILE...: copies programs and the shared libraries that they need, at their own paths.
vm_add() {
	local root=$1 file library

	shift
	for file in "$@"; do
		mkdir -p "$root$(dirname "$file")"
		cp -L "$file" "$root$file"
		{ ldd "$file" 2>/dev/null || true; } | sed -n 's/.*=> \(\/.*\) (0x[0-9a-f]*)$/\1/p; s/^[[:space:]]*\(\/.*\) (0x[0-9a-f]*)$/\1/p' |
			while read -r library; do
				[ -e "$root$library" ] && continue
				mkdir -p "$root$(dirname "$library")"
				cp -L "$library" "$root$library"
			done
	done
}

# vm_root ROOT: a root directory with busybox; the script on standard input becomes what runs there.
vm_root() {
	local root=$1 applet

	mkdir -p "$root"/{bin,dev,proc,sys,tmp,etc,root,var,vm}
	cp "$(command -v busybox)" "$root/bin/busybox"
	for applet in sh mount cat ls echo sleep poweroff mkdir chmod grep uname kill ps mv cp rm test id seq; do
		ln -sf busybox "$root/bin/$applet"
	done
	echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
	echo 'root:x:0:' >"$root/etc/group"
	cat >"$root/vm/main.sh"
	cat >"$root/init" <<-'END'
		#!/bin/sh
		export PATH=/bin
		mount -t proc proc /proc
		mount -t sysfs sysfs /sys
		mount -t devtmpfs dev /dev
		sh /vm/main.sh
		echo "VM-EXIT $?"
		poweroff -f
	END
	chmod +x "$root/init"
}

# vm_run KERNEL ROOT LOG SECONDS: boots; the log is the serial console, on which the kernel says nothing of a slow host.
vm_run() {
	local kernel=$1 root=$2 log=$3 seconds=$4

	(cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$root.cpio.gz"
	timeout "$seconds" qemu-system-x86_64 -accel tcg -m 1024 -smp 2 -nographic -no-reboot -kernel "$kernel" \
		-initrd "$root.cpio.gz" </dev/null >"$log" 2>&1 \
		-append 'console=ttyS0 quiet loglevel=1 panic=-1 nosoftlockup rcupdate.rcu_cpu_stall_suppress=1' || true
	rm -f "$root.cpio.gz"
	tr -d '\r' <"$log" | grep -q '^VM-EXIT 0$'
}
