# A Docker engine of one's own, with its data in a directory that goes with it, and who builds images; source it after lib.sh.
# shellcheck shell=bash

# The code of a script that found no engine and could not start one.
no_engine=69

# Far above what the engine takes on a busy machine.
engine_start_limit_s=60

install_engine() {
    : "${root:?}"
    ((EUID == 0)) || {
        say "the Docker engine needs root"
        exit "$no_engine"
    }
    command -v dockerd >/dev/null || "$root/scripts/setup" --docker
}

# Starts it with its data in `directory` and points DOCKER_HOST at it. Networks of containers lead nowhere outside.
start_engine() {
    local directory=$1
    export DOCKER_HOST="unix://$directory/docker.sock"
    dockerd --host="$DOCKER_HOST" --data-root="$directory/data" --exec-root="$directory/exec" \
        --pidfile="$directory/docker.pid" --bridge=none --iptables=false --ip6tables=false >"$directory/log" 2>&1 &
    engine=$!
    for ((tenths = 0; tenths < engine_start_limit_s * 10; tenths++)); do
        ! docker version >/dev/null 2>&1 || return 0
        kill -0 "$engine" 2>/dev/null || break
        sleep 0.1
    done
    tail --lines=20 "$directory/log" >&2
    say "the Docker engine did not start"
    exit "$no_engine"
}

# Ends it and deletes its directory. Of `--net=host` it leaves a mount behind, which must not be deleted through.
end_engine() {
    local directory=$1
    end_process "$engine" 30
    awk -v below="$directory/" 'index($2, below) == 1 { print $2 }' /proc/mounts | tac |
        xargs --no-run-if-empty umount || true
    rm --recursive --force --one-file-system "$directory"
}

# A client that builds with BuildKit: Docker's own needs its plugin buildx for that, Debian's has it built in.
builder() {
    local candidate
    for candidate in docker /usr/bin/docker; do
        if "$candidate" buildx version >/dev/null 2>&1 ||
            [[ "$("$candidate" --version 2>/dev/null)" =~ version\ (19|20|22)\. ]]; then
            printf '%s' "$candidate"
            return
        fi
    done
    die "no Docker client here builds with BuildKit: install docker-buildx, or Debian's docker.io"
}
