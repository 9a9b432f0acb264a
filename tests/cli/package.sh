#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The Debian package: built, judged, installed into a root that has its dependencies and nothing else, used there, removed
# and purged. And cmake --install into another prefix.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"

skip() {
	printf 'skipped: %s\n' "$1"
	exit 77
}
! grep -q 'CORELATE_SANITIZE:BOOL=ON' "$build/CMakeCache.txt" || skip 'sanitized programs are not packaged'

# ---- any prefix, any DESTDIR ----
DESTDIR=$work/stage cmake --install "$build" --prefix /opt/corelate >log 2>&1 || { fail 'cmake --install'; show log; }
prefix=$work/stage/opt/corelate
for file in bin/corelate sbin/corelated include/corelate/marker.h share/corelate/report.schema.json share/man/man1/corelate.1 \
	share/man/man1/corelate-explain.1 share/man/man7/corelate-database.7 lib/systemd/system/corelate-record.service \
	share/bash-completion/completions/corelate share/zsh/vendor-completions/_corelate \
	share/fish/vendor_completions.d/corelate.fish lib/sysusers.d/corelate.conf; do
	[ -s "$prefix/$file" ] || fail "cmake --install does not install $file"
done
[ "$(ls stage)" = opt ] || fail "cmake --install writes outside of its prefix: $(ls stage)"
grep -qx 'ExecStart=/opt/corelate/bin/corelate record.*' "$prefix/lib/systemd/system/corelate-record.service" ||
	fail 'the unit does not name the program where it is installed'
accept "$prefix/bin/corelate" --version
# corelate finds its recorder there.
accept "$prefix/bin/corelate" record --version
# The header is found by pkg-config, and a program with it compiles and runs.
printf '#include <corelate/marker.h>\nint main(void) { CORELATE_MARK(1); CORELATE_MARK_TEXT(2, "two"); return 0; }\n' >marked.c
# shellcheck disable=SC2046 # words on purpose
PKG_CONFIG_PATH=$prefix/share/pkgconfig accept cc -Wall -Wextra -Werror -o marked marked.c \
	$(PKG_CONFIG_PATH=$prefix/share/pkgconfig pkg-config --cflags corelate)
accept ./marked
cp marked.c marked.cc
# shellcheck disable=SC2046
accept c++ -Wall -Wextra -Werror -o marked marked.cc $(PKG_CONFIG_PATH=$prefix/share/pkgconfig pkg-config --cflags corelate)
for source in main depot walker; do
	# shellcheck disable=SC2046
	accept cc -fsyntax-only "$prefix/share/doc/corelate/examples/double-munmap/$source.c" \
		$(PKG_CONFIG_PATH=$prefix/share/pkgconfig pkg-config --cflags corelate)
done
[ "$("$corelate" --version)" = "corelate $(PKG_CONFIG_PATH=$prefix/share/pkgconfig pkg-config --modversion corelate)" ] ||
	fail 'corelate.pc has another version'

# ---- the units ----
if command -v systemd-analyze >/dev/null; then
	sed "s,ExecStart=/opt,ExecStart=$work/stage/opt,; s,ExecStop=/opt,ExecStop=$work/stage/opt," -i "$prefix"/lib/systemd/system/*.service
	accept systemd-analyze verify --man=no "$prefix"/lib/systemd/system/corelate-*
	for unit in record:25 capture:20 import:35 gc:15; do
		# Tenths of what systemd-analyze calls exposure.
		accept systemd-analyze security --offline=true --threshold="${unit#*:}" "$prefix/lib/systemd/system/corelate-${unit%:*}.service"
	done
fi

# ---- the package ----
command -v cpack >/dev/null && command -v dpkg-shlibdeps >/dev/null || skip 'no cpack or no dpkg-shlibdeps'
run cpack --config "$build/CPackConfig.cmake" -B "$work/package"
[ "$status" -eq 0 ] || { fail "cpack, status $status"; show err; }
deb=$(ls "$work"/package/*.deb)
if command -v lintian >/dev/null; then
	lintian --fail-on error --allow-root "$deb" >complaints 2>&1 || { fail 'lintian'; show complaints; }
	grep '^[EW]:' complaints || true
fi
dpkg-deb -f "$deb" Depends | grep -q 'libsqlite3-0.*libzydis' || fail 'the package does not say what it needs'
is_root || skip 'installing needs root'
mapfile -t needed < <(dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed 's/[(|].*//; s/ //g')
root=$work/root
mkdir "$root"
"$python" "$here/clean_root.py" "$root" "${needed[@]}" dpkg coreutils dash bash grep sed tar findutils diffutils libc-bin login \
	perl-base init-system-helpers

mknod -m 666 "$root/dev/null" c 1 3

# inside COMMAND...: in the clean root, with a /proc that ends with the command.
cat >inside <<END
#!/bin/sh
exec unshare --mount --pid --fork sh -c 'mount -t proc proc "$root/proc" && exec chroot "$root" "\$@"' sh "\$@"
END
chmod +x inside
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$work
# What is there, but for dpkg's own files.
inventory() {
	(cd "$root" && find . -path ./var/lib/dpkg -prune -o -path ./proc -prune -o -path ./var/log -prune -o -print | sort)
}
inventory >before
mkdir -p "$root/root"
cp "$deb" "$root/root/corelate.deb"
cp "$here/../../README.md" "$root/root/"
accept inside dpkg --install /root/corelate.deb
[ "$(inside dpkg-query -W -f='${db:Status-Abbrev}' corelate)" = 'ii ' ] || fail 'the package is not installed'
inside getent passwd corelate >user || fail 'there is no user corelate'
grep -q ':/usr/sbin/nologin$' user || fail "the user may log in: $(cat user)"
[ -z "$(find "$root/etc/systemd" -name 'corelate*' 2>/dev/null)" ] || fail 'the installation has enabled a unit'
accept inside corelate --version
accept inside corelated --version
run inside corelate doctor --json
[ "$status" -le 1 ] && "$python" "$here/validate.py" - out >complaints && [ ! -s err ] || { fail "doctor, status $status"; show err; }
fixture db=story.db core=core
cp story.db core "$root/root/"
accept inside corelate explain --db /root/story.db --no-pager /root/core
expect_text double-munmap
for file in $(inside dpkg -L corelate); do
	[ -e "$root$file" ] || fail "dpkg lists $file, which is not there"
done

# What was changed by hand outlives an upgrade and a removal, and what was enabled does not dangle.
echo 'MaxAge=7d' >>"$root/etc/corelate/capture.conf"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants" "$root/var/lib/corelate"
ln -s /lib/systemd/system/corelate-record.service "$root/etc/systemd/system/multi-user.target.wants/"
echo data >"$root/var/lib/corelate/corelate.db"
accept inside dpkg --install /root/corelate.deb
grep -q MaxAge=7d "$root/etc/corelate/capture.conf" || fail 'the upgrade has lost a setting'
accept inside dpkg --remove corelate
[ ! -e "$root/usr/bin/corelate" ] || fail 'the program is left after the removal'
[ -e "$root/var/lib/corelate/corelate.db" ] && [ -e "$root/etc/corelate/capture.conf" ] || fail 'the removal takes data or settings'
accept inside dpkg --purge corelate
rm -rf "$root/root"
inventory | grep -v '^\./root$' >after
sed -i '/^\.\/root$/d' before
# The user stays, and with it what useradd keeps of its files; the directories of systemd are not ours.
diff before after | grep '^[<>]' | grep -vE '/etc/(subuid|subgid|passwd|group|g?shadow|\.pwd\.lock)-?$|/etc/systemd(/system(/[a-z.-]+\.wants)?)?$|/var/lib/systemd(/|$)' >left || true
[ ! -s left ] || { fail 'after the purge:'; show left; }
finish
