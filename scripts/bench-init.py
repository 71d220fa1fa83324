"""Measures init against tini, dumb-init and catatonit: one after the other in every round, so that a machine growing slower
or faster during the run favours none. scripts/bench calls this.
"""

import argparse
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

OTHERS = {
    "tini-static": ["/usr/bin/tini-static", "-s", "--"],
    "dumb-init": ["/usr/bin/dumb-init", "--"],
    "catatonit": ["/usr/bin/catatonit", "--"],
}
# dumb-init adopts nothing unless it is PID 1, so all are, for the orphans.
AS_PID_1 = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]

STARTS = 200
ORPHANS = 10_000
MAKE_ORPHANS = f"echo ready; read _; i=0; while [ $i -lt {ORPHANS} ]; do ( : & ); i=$((i+1)); done; echo done; read _"
# Short against what is measured.
POLL_S = 0.0005
# Far above what any step takes.
LIMIT_S = 120
# Others look around once a second.
IDLE_S = 6

UNITS = {
    "exec and exit of true": "ms",
    "private memory while idle": "kB",
    "anonymous memory while idle": "kB",
    "wake-ups a minute while idle": "",
    "page faults of a start": "",
    "reaping 10,000 orphans": "ms",
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", type=pathlib.Path, action="append", required=True)
    parser.add_argument("--helper", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    # The others say nothing either.
    os.environ["FLINK_ON_MESOS_VERBOSITY"] = "quiet"
    # More than one binary of ours is for comparing builds.
    ours = {("ours" if number == 0 else f"ours {number + 1}"): binary for number, binary in enumerate(options.binary)}
    sides = {name: [str(binary), "exec", "--"] for name, binary in ours.items()} | OTHERS
    samples = {(side, what): [] for side in sides for what in UNITS}
    for number in range(options.rounds):
        names = list(sides)
        names = names[number % len(names) :] + names[: number % len(names)]
        # One start is too short to stand alone, and many of one side in a row would meet another machine than the next's.
        for _ in range(STARTS):
            for side in names:
                samples[side, "exec and exit of true"].append(start(sides[side]))
        for side in names:
            for what, value in measure(sides[side], options.helper):
                samples[side, what].append(value)
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    print_table(options, sides, samples)


def start(command):
    """Milliseconds from the fork to the end."""
    begin = time.perf_counter()
    pid = os.posix_spawn(command[0], [*command, "/bin/true"], os.environ)
    _, status = os.waitpid(pid, 0)
    if status != 0:
        sys.exit(f"bench: {command}: ended with status {status}")
    return (time.perf_counter() - begin) * 1000


def measure(command, helper):
    yield "page faults of a start", faults(command)
    yield from idle(command, helper)
    yield "reaping 10,000 orphans", reap(command)


def faults(command):
    """Of init alone: what the program itself needs is taken off."""

    def of(words):
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_minflt

    return of([*command, "/bin/true"]) - of(["/bin/true"])


def idle(command, helper):
    process = subprocess.Popen([*command, str(helper), "sleep"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        expect(process, b"ready\n")
        before = switches(process.pid)
        # The last work of the start comes after the program is there.
        while (time.sleep(0.2), switches(process.pid))[1] != before:
            before = switches(process.pid)
        begin = time.monotonic()
        time.sleep(IDLE_S)
        woken = switches(process.pid) - before
        yield "wake-ups a minute while idle", woken * 60 / (time.monotonic() - begin)
        sizes = fields(f"/proc/{process.pid}/smaps_rollup")
        yield "private memory while idle", sizes["Private_Clean"] + sizes["Private_Dirty"]
        yield "anonymous memory while idle", sizes["Anonymous"]
    finally:
        end(process)


def reap(command):
    """From 10,000 orphans that have ended while init was stopped to the last one being reaped."""
    process = subprocess.Popen(
        [*AS_PID_1, *command, "/bin/sh", "-c", MAKE_ORPHANS], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        expect(process, b"ready\n")
        [init] = children(process.pid)
        os.kill(init, signal.SIGSTOP)
        process.stdin.write(b"go on\n")
        process.stdin.flush()
        expect(process, b"done\n")
        # All of them and the program; the last may still be on their way to their end.
        wait_until(lambda: len(children(init)) == ORPHANS + 1)
        begin = time.monotonic()
        os.kill(init, signal.SIGCONT)
        wait_until(lambda: len(children(init)) == 1)
        return (time.monotonic() - begin) * 1000
    finally:
        process.stdin.close()
        end(process)


def wait_until(is_so):
    begin = time.monotonic()
    while not is_so():
        if time.monotonic() - begin > LIMIT_S:
            sys.exit("bench: the orphans do not come or go")
        time.sleep(POLL_S)


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def expect(process, line):
    found = process.stdout.readline()
    if found != line:
        sys.exit(f"bench: {process.args}: expected {line}, got {found}")


def end(process):
    process.terminate()
    try:
        process.wait(LIMIT_S / 10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(LIMIT_S)


def switches(pid):
    return fields(f"/proc/{pid}/status")["voluntary_ctxt_switches"]


def fields(path):
    lines = (line.split(":", 1) for line in pathlib.Path(path).read_text().splitlines() if ":" in line)
    return {name: int(value.split()[0]) for name, value in lines if value.split() and value.split()[0].isdigit()}


def print_table(options, sides, samples):
    print(f"{options.rounds} rounds, {os.cpu_count()} CPUs, medians; the ratio is ours to the best of the others\n")
    print(f"{'':32}" + "".join(f"{side:>14}" for side in sides) + f"{'ratio':>9}")
    for what, unit in UNITS.items():
        medians = {side: statistics.median(samples[side, what]) for side in sides}
        best = min(medians[side] for side in OTHERS)
        ratio = f"{medians['ours'] / best:9.2f}" if best else ""
        label = f"{what}, {unit}" if unit else what
        print(f"{label:32}" + "".join(f"{value:14.2f}" for value in medians.values()) + ratio)


if __name__ == "__main__":
    main()
