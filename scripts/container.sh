# What tries the image in containers has in common; source it after lib.sh and engine.sh.
# The script says in `limit_s` how long it waits, in `ui` where Flink answers, and in `tell_state` what to look at when
# something did not happen in time.
# shellcheck shell=bash
# What is defined here is used by the scripts that source it, and they define what is used here.
# shellcheck disable=SC2034,SC2154

version=1.20.5
tag=flink-on-mesos
# As safe as Docker can be asked to run it. What is unpacked below /tmp and loaded, such as RocksDB, wants `exec`.
confined=(--read-only --tmpfs=/tmp:exec --cap-drop=ALL --security-opt=no-new-privileges)

# Reads the script's options; makes a directory that goes at the script's end, an engine unless there is one, the images and
# a job.
prepare() {
    while (($# > 0)); do
        case $1 in
            --flink) version="$(value_of "$@")"; shift ;;
            --help) usage; exit ;;
            *) usage >&2; exit 64 ;;
        esac
        shift
    done
    prepare_engine
    "$root/scripts/image" --flink "$version" --tag "$tag"
    compile_job
    make_agent_image
}

prepare_engine() {
    engine=
    directory="$(mktemp --directory)"
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    if [[ -z ${DOCKER_HOST:-} ]]; then
        install_engine
        start_engine "$directory"
    fi
}

compile_job() {
    local home jars
    home="$("$root/scripts/flink" "$version")"
    jars=("$home"/lib/flink-dist*.jar)
    mkdir "$directory/classes"
    javac --release 11 -classpath "${jars[0]}" -d "$directory/classes" "$root/scripts/job/WordCount.java"
    jar --create --file "$directory/WordCount.jar" --main-class WordCount -C "$directory/classes" .
}

# An agent that has neither Flink nor java: the binary, and the C library that the delivered java wants.
make_agent_image() {
    local id
    mkdir "$directory/root"
    id="$(docker create "$tag")"
    docker export "$id" | tar --extract --directory "$directory/root" lib lib64 etc/passwd etc/group usr/bin/flink-on-mesos
    docker rm "$id" >/dev/null
    tar --create --directory "$directory/root" . |
        docker import --change 'ENTRYPOINT ["/usr/bin/flink-on-mesos"]' - "$tag-agent" >/dev/null
}

# Runs a container that clean_up finds.
run() {
    docker run --label "$tag-test=$directory" "$@"
}

remove_containers() {
    docker ps --all --quiet --filter "label=$tag-test=$directory" | xargs --no-run-if-empty docker rm --force >/dev/null
}

clean_up() {
    trap '' INT TERM HUP
    remove_containers || true
    [[ -z ${network:-} ]] || docker network rm "$network" >/dev/null 2>&1 || true
    [[ -z $engine ]] || end_engine "$directory"
    rm --recursive --force --one-file-system "$directory"
}

# --- What Flink says

until_slots() {
    until_true "there are $1 slots" has_slots "$1"
}

has_slots() {
    local overview
    overview="$(curl --silent --fail --max-time 5 "$ui/overview")" && [[ "$(json slots-total <<<"$overview")" == "$1" ]]
}

# WordCount with this parallelism, to its end.
run_job() {
    local answer jar job state
    answer="$(curl --silent --fail-with-body --max-time 60 \
        --form "jarfile=@$directory/WordCount.jar;type=application/x-java-archive" "$ui/jars/upload")"
    jar="$(basename "$(json filename <<<"$answer")")"
    answer="$(curl --silent --fail-with-body --max-time 60 --request POST "$ui/jars/$jar/run?parallelism=$1")"
    job="$(json jobid <<<"$answer")"
    until_true "WordCount has ended" job_ended
    [[ $state == FINISHED ]] || die "WordCount $state"
}

job_ended() {
    state="$(curl --silent --fail --max-time 5 "$ui/jobs/$job" | json state)" && [[ $state == FINISHED || $state == FAILED ]]
}

# --- What the Mesos of this machine says, at `mesos_port`

tasks() {
    curl --silent --fail "http://127.0.0.1:$mesos_port/state" | python3 -c '
import json, sys
print(*sorted(t["id"] for f in json.load(sys.stdin)["frameworks"] for t in f["tasks"]))'
}

no_tasks() {
    curl --silent --fail "http://127.0.0.1:$mesos_port/state" |
        python3 -c 'import json, sys; sys.exit(any(f["tasks"] for f in json.load(sys.stdin)["frameworks"]))'
}

# ---

until_true() {
    local what=$1 end=$((SECONDS + limit_s))
    shift
    until "$@" 2>/dev/null; do
        if ((SECONDS >= end)); then
            tell_state >&2 || true
            die "within $limit_s s it did not happen that $what"
        fi
        sleep 0.2
    done
}

passed() {
    printf '%s: %s\n' "$(basename "$0")" "$1"
}
