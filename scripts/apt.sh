# Sourced by the scripts that may have to install system packages (Debian and its kin).

say() { printf '%s\n' "geocrew: $*"; }

fail() {
    printf '%s\n' "geocrew: $*" >&2
    exit 1
}

as_root() {
    if [[ $(id -u) -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

# Runs a command without its chatter, which is shown when it fails.
quietly() {
    local output
    if ! output=$("$@" 2>&1 </dev/null); then
        printf '%s\n' "$output" | tail -n 40 >&2
        return 1
    fi
}

# require_apt PACKAGES: ends with a plain message where we cannot install them.
require_apt() {
    command -v apt-get >/dev/null ||
        fail "this machine has no apt-get; please install by other means: $*"
    [[ $(id -u) -eq 0 ]] || command -v sudo >/dev/null ||
        fail "neither root nor sudo; please ask an administrator for: apt-get install $*"
}

# The list of packages may be older than what the mirror still has, or absent as in a container.
apt_update() {
    quietly as_root apt-get -q -o DPkg::Lock::Timeout=300 update ||
        say "apt-get update failed; trying with the lists that are there"
}

apt_install() {
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=300 --no-install-recommends install "$@" ||
        fail "could not install: $*"
}
