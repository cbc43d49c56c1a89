# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What tools/quickstart and tools/check share: installing what is missing, and building. Sourced from
# the root of the project.

# shellcheck disable=SC2034  # used by those that source this

# Debian's packages, in one place: libraries by package, programs by `command:package`, so that a
# program that is there from elsewhere counts.
build_packages=(
    gcc:gcc libc6-dev meson:meson ninja:ninja-build pkg-config:pkg-config
    protoc-c:protobuf-c-compiler libprotobuf-c-dev libglib2.0-dev libssl-dev uuid-dev libyaml-dev
    libsqlite3-dev libevent-dev libjansson-dev libcurl4-openssl-dev libpaho-mqtt-dev
    mosquitto-dev libmosquitto-dev libncurses-dev libgoogle-perftools-dev
)
page_packages=(node:nodejs npm:npm)
run_packages=(mosquitto curl:curl openssl:openssl dot:graphviz)
check_packages=(
    clang:clang clang-format:clang-format libclang-rt-dev python3:python3
    mosquitto_sub:mosquitto-clients nm:binutils shellcheck:shellcheck git:git tmux:tmux
    chromium:chromium mandoc:mandoc man:man-db ip:iproute2 libigraph-dev
    promtool:prometheus
)

package_packages=(debhelper lintian:lintian dpkg-buildpackage:dpkg-dev fakeroot:fakeroot systemd-analyze:systemd)

say() {
    printf '== %s\n' "$*"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

is_installed() {
    case $1 in
    *:*) command -v "${1%%:*}" >/dev/null || [ -x "/usr/sbin/${1%%:*}" ] ;;
    *) [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
    esac
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

install_packages() {
    local package missing=()
    command -v dpkg-query >/dev/null ||
        die "this is no Debian system: install what stands for these, then build with meson: $*"
    for package in "$@"; do
        is_installed "$package" || missing+=("${package##*:}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
        die "not root and no sudo: have root run: apt-get install ${missing[*]}"
    say "installing ${missing[*]}"
    as_root apt-get update -qq || die "the package lists cannot be fetched: check the network, then run this again"
    as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" ||
        die "these packages cannot be installed: ${missing[*]}: see the lines above"
}

# install_modules FROM DIR: what npm has of FROM's package-lock.json, into DIR/node_modules.
install_modules() {
    local from=$1 dir=$2
    mkdir -p "$dir"
    cmp -s "$from/package-lock.json" "$dir/node_modules/.installed" && return
    cp "$from/package.json" "$from/package-lock.json" "$dir"/
    (cd "$dir" && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error) || {
        echo "npm cannot install what $from/package.json names: check that its registry is reachable"
        return 1
    }
    cp "$dir/package-lock.json" "$dir/node_modules/.installed"
}

# What the dashboard's page is made of; all else works without.
install_page() {
    (install_packages "${page_packages[@]}") && install_modules tools/dashboard build-page >&2
}

configure() {
    local dir=$1 compiler=$2
    shift 2
    if [ -f "$dir/build.ninja" ]; then
        meson setup --reconfigure "$dir" "$@"
    else
        CC=$compiler meson setup "$dir" "$@"
    fi
}

# build DIR COMPILER OPTION...: configures and builds what has changed.
build() {
    local dir=$1
    say "building in $dir with ${*:2}"
    mkdir -p "$dir"
    configure "$@" >"$dir/setup.log" 2>&1 || {
        cat "$dir/setup.log"
        return 1
    }
    ninja --quiet -C "$dir"
}
