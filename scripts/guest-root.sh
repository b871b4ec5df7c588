#!/usr/bin/env bash
# Unpacks Debian packages of another architecture, with all they depend on, into a folder that serves as a guest's root.
# Installs nothing, touches no package state of this system, needs no root. Maintainer scripts are not run.
#
#   scripts/guest-root.sh ARCH DIR PACKAGE...
#
# ARCH is Debian's name (riscv64, arm64, amd64, i386). The mirror is the one this system's apt uses. SUITE chooses the
# release; without it, this system's own, or trixie for riscv64, which came into Debian with it.
set -euo pipefail

if (($# < 3)); then
  sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
  exit 2
fi
arch=$1 dir=$2
shift 2

die() { echo "guest-root: $*" >&2; exit 1; }

# The first Debian archive in apt's sources, in either of their two formats.
find_mirror() {
  local found=
  if compgen -G '/etc/apt/sources.list.d/*.sources' >/dev/null; then
    found=$(awk '$1 == "URIs:" { print $2; exit }' /etc/apt/sources.list.d/*.sources)
  fi
  if [[ -z $found && -f /etc/apt/sources.list ]]; then
    found=$(awk '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^[a-z+]+:\/\//) { print $i; exit } }' /etc/apt/sources.list)
  fi
  [[ -n $found ]] || die 'no mirror in the sources of apt'
  echo "$found"
}

own_suite() { (. /etc/os-release && echo "${VERSION_CODENAME:-stable}"); }

suite=${SUITE:-}
if [[ -z $suite ]]; then
  suite=$(own_suite)
  [[ $arch == riscv64 && $suite == bookworm ]] && suite=trixie
fi
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[[ -f $keyring ]] || die "needs $keyring (package debian-archive-keyring)"

private=$(mktemp -d)
trap 'rm -rf "$private"' EXIT
mkdir -p "$private"/{etc/apt.conf.d,etc/preferences.d,state/lists/partial,cache/archives/partial}
: >"$private/state/status"
echo "deb [arch=$arch signed-by=$keyring] $(find_mirror) $suite main" >"$private/etc/sources.list"
cat >"$private/apt.conf" <<EOF
Dir::Etc "$private/etc";
Dir::State "$private/state";
Dir::State::status "$private/state/status";
Dir::Cache "$private/cache";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "3";
EOF
export APT_CONFIG=$private/apt.conf
apt-get -qq update
apt-get -qq -y install --download-only "$@" >/dev/null

mkdir -p "$dir"/usr/{bin,sbin,lib,lib64} "$dir"/{dev,etc,proc,root,tmp,var}
chmod 1777 "$dir/tmp"
for link in bin sbin lib lib64; do
  [[ -e $dir/$link ]] || ln -s "usr/$link" "$dir/$link"
done
for package in "$private"/cache/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink --no-same-owner -C "$dir"
done
