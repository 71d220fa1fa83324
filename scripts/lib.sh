# Shared by the scripts beside it; source it, it runs nothing by itself.
# shellcheck shell=bash
# What is defined here is used by the scripts that source it.
# shellcheck disable=SC2034

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/flink-on-mesos"
# Where cargo leaves what it builds for this machine; empty until cargo is there.
built="${CARGO_TARGET_DIR:-$root/target}/$(rustc --print host-tuple 2>/dev/null || true)"
binary="$built/release/flink-on-mesos"
helper="$built/debug/examples/test-helper"

# Progress and errors go to stderr: stdout belongs to what a script was asked for.
say() {
    printf '%s\n' "$*" >&2
}

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Prints the comment at the head of the calling script.
usage() {
    sed --quiet '2,/^[^#]/ { s/^# \{0,1\}//p }' "$0"
}

# The value in `--option value`: dies when it is missing.
value_of() {
    [[ $# -ge 2 && -n $2 ]] || die "$1 needs a value"
    printf '%s' "$2"
}

flink_versions() {
    sed --quiet 's/^apache-flink==\([^ ]*\) .*/\1/p' "$root/scripts/flink.requirements"
}

# Ends one process started by this shell and waits for it: TERM first, KILL after `grace_s` seconds.
end_process() {
    local pid=$1 grace_s=$2
    kill -TERM "$pid" 2>/dev/null || true
    for ((tenths = 0; tenths < grace_s * 10; tenths++)); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}

port_is_free() {
    ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# `port` if nothing listens on it, else the next free one of the hundred above it.
free_port() {
    local port=$1
    local last=$((port + 100))
    until port_is_free "$port"; do
        port=$((port + 1))
        ((port <= last)) || die "no free port between $1 and $last"
    done
    printf '%s' "$port"
}

# Reads JSON from stdin and prints the value at a path: `json jobs 0 state`.
json() {
    python3 -c '
import json, sys
value = json.load(sys.stdin)
for step in sys.argv[1:]:
    value = value[int(step) if isinstance(value, list) else step]
print(value)
' "$@"
}

# Prints where an archive of Debian's root file system with these packages is; makes it the first time, as root.
debian_with() {
    local packages=$1 archive suite log
    suite="$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")"
    [[ "$(. /etc/os-release && printf '%s' "$ID")" == debian ]] || die "images are made of Debian's packages, on Debian"
    archive="$cache/base-$suite-$(sha256sum <<<"$packages" | head --bytes=12).tar"
    if [[ ! -e $archive ]]; then
        command -v mmdebstrap >/dev/null || die "mmdebstrap is missing: scripts/setup --docker installs it"
        say "$(basename "$0"): making a root file system of Debian's packages"
        mkdir --parents "$cache"
        log="$(mktemp)"
        mmdebstrap --quiet --format=tar --variant=apt --include="$packages" "$suite" "$archive.new" 2>"$log" || {
            tail --lines=5 "$log" >&2
            die "mmdebstrap failed"
        }
        rm "$log"
        mv "$archive.new" "$archive"
    fi
    printf '%s' "$archive"
}

# Copies conf/ to a new directory, its configuration named as this version of Flink expects it.
# conf/config.yaml is written so that the grammar of flink-conf.yaml reads the same from it.
copy_conf() {
    local version=$1 directory=$2 name=config.yaml
    case $version in
        1.1[3-8].*) name=flink-conf.yaml ;;
    esac
    mkdir --parents "$directory"
    cp "$root/conf/config.yaml" "$directory/$name"
    cp "$root/conf/log4j-console.properties" "$directory/"
}

# The program that fills class archives, and the jar with its jobs, below `to`.
compile_warm_up() {
    local to=$1 home=$2 sources=$3 job=$4 jobs
    local dist=("$home"/lib/flink-dist-*.jar)
    jobs="$(mktemp --directory)"
    javac -d "$to/classes" "$sources/WarmUp.java"
    javac --release 11 -classpath "${dist[0]}" -d "$jobs" "$sources/DumpClasses.java" "$job/WordCount.java"
    jar --create --file "$to/jobs.jar" -C "$jobs" .
    rm --recursive "$jobs"
}
