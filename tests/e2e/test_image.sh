#!/bin/bash
# The Dockerfile, as far as it can be tried without an engine: its packages, what it copies, what the
# installed program needs.
. "$(dirname "$0")/lib.sh"
cd "$source_dir" || exit 1
final_stage() { awk '/^FROM/ { n++ } n == 2' Dockerfile; }
image_packages() { awk '$1 == "image" { print $2 }' packages.txt; }
# "libpq.so.5" -> "libpq5"; nothing for a library that comes with the C library's packages
package_of() {
    local path
    path=$(ldconfig -p | awk -v name="$1" '$1 == name { print $NF; exit }')
    [ -n "$path" ] || { echo "not-found-$1" && return; }
    { dpkg -S "$path" || dpkg -S "$(readlink -f "$path")" || dpkg -S "*/$1"; } 2>/dev/null | head -n 1 |
        sed 's/:.*//' | grep -vxE 'libc6|libgcc-s1|libasan[0-9]*|libubsan[0-9]*|libtsan[0-9]*'
}

it "both stages take their packages from packages.txt"
is "stages" "$(grep -c '^FROM debian:12-slim' Dockerfile)" 2
is "apt is called by nobody else" "$(grep -v '^#' Dockerfile | grep -cE 'apt(-get)? ')" 0
is "the first installs" "$(sed -nE 's/^RUN scripts.(install-packages [a-z]+).*/\1/p' Dockerfile | head -n 1)" "install-packages run"
is "the second installs" "$(final_stage | sed -nE 's/^RUN scripts.(install-packages [a-z]+).*/\1/p')" "install-packages image"
is "words of packages.txt" "$(grep -v '^#' packages.txt | cut -d ' ' -f 1 | sort -u | xargs)" "image run test"

it "it does not run as root"
is "the last user" "$(final_stage | awk '/^USER/ { user = $2 } END { print user }')" dagrun
final_stage | awk '/^USER/ { done = 1 } done && /^(COPY|RUN)/ { exit 1 }' || note "something is done after USER"

it "what it copies is there"
for path in $(awk '/^COPY/ && !/--from/ { for (i = 2; i < NF; i++) if ($i !~ /^--/) print $i }' Dockerfile); do
    [ -e "$path" ] || note "there is no $path"
done

it "the image has every library that the program and its plugins load or link"
command -v dpkg >/dev/null || skip "this is not Debian"
for library in $(sed -n 's/^#define LIBRARY "\(.*\)"$/\1/p' runner/*/*.c tasks/*.c) \
    $(readelf -d "$build/dagrun" "$build"/tasks/*.so | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u); do
    package=$(package_of "$library")
    [ -z "$package" ] || image_packages | grep -qxF "$package" || note "$library is in $package, which is not in the image"
done
finish
