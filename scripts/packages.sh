# shellcheck shell=bash
# Sourced: how a script refuses, and how it installs Debian packages where it may.

refuse() { # what, because, now, next
    printf 'error: %s\n  because  %s\n  now      %s\n  next     %s\n' "$@" >&2
    exit 1
}

may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

install_packages() { # package...
    echo "installing $*" >&2
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } >&2 ||
        refuse "$* could not be installed" 'apt-get failed, see above' 'nothing else was changed' "apt-get install $*"
}

need() { # command, package, what for
    command -v "$1" >/dev/null && return
    may_install || refuse "\`$1\` is missing" "$3" 'nothing was changed' "sudo apt-get install $2, or your system's package of that name"
    install_packages "$2"
}
