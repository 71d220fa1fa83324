"""Compares TaskManagers whose JVM compiles later, which we start by default or not, with the JVM's own thresholds.

A job of a fixed rate (tests/bench/SteadyLoad.java) runs on one TaskManager for some seconds; then its JVM is killed, and the
next one makes up for what has piled up. What comes out, and how late, is compared second by second, after the start and after the
kill. The sides take turns, and who begins takes turns too. scripts/bench calls this.

A second counts as worse, or better, when the median over the rounds of the difference between the sides exceeds every
difference between two successive rounds of one and the same side, in that second, the one before it and the one after it.
"""

import argparse
import collections
import json
import math
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

from bench_cluster import Cluster, START_LIMIT_S, read_once

SIDES = ["1", "5"]
OPTION = "-XX:CompileThresholdScaling="
PHASES = ["start", "failover"]

# Flink's own 10 s would make a killed TaskManager go unnoticed for longer than the next one takes to start.
SETTINGS = {
    "heartbeat.interval": "500 ms",
    "heartbeat.timeout": "5 s",
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": 1_000_000,
    "restart-strategy.fixed-delay.delay": "100 ms",
    "cluster.registration.error-delay": "500 ms",
    # The class metadata of a job that was restored is there twice for a while.
    "taskmanager.memory.jvm-metaspace.size": "256m",
}
# What the source still has when the measurement is over.
SPARE_S = 60

Metric = collections.namedtuple("Metric", "name higher_is_better")
OUT = Metric("records so far", True)
LATE = Metric("records p99 ms", False)
RESULTS = Metric("results p99 ms", False)
METRICS = [OUT, LATE, RESULTS]
# Lateness is written down within a tenth.
RESOLUTION = 0.1
SPANS_S = [(0, 10), (10, 20), (20, 40), (40, 80), (80, math.inf)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", type=pathlib.Path, required=True)
    parser.add_argument("--flink-home", type=pathlib.Path, required=True)
    parser.add_argument("--jar", type=pathlib.Path, required=True, help="with SteadyLoad")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=120, help="measured after the start, and after the kill")
    parser.add_argument("--rate", type=int, default=10_000, help="records a second")
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--output", type=pathlib.Path, help="where the table goes after each round")
    options = parser.parse_args()
    # A TERM unwinds like Ctrl-C does, so that every started process is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    read_once(options.flink_home / "lib")
    rounds = []
    for number in range(1, options.rounds + 1):
        found = {}
        for side in SIDES if number % 2 else reversed(SIDES):
            found[side] = measure(options, side)
            for phase in PHASES:
                print(f"round {number}  {side}  {phase:9}", shortly(options, found[side][phase]), flush=True)
        rounds.append(found)
        table = "\n".join(tell(options, rounds)) + "\n"
        if options.output:
            options.output.write_text(table)
    print(table)


def shortly(options, seconds):
    ends = [span for span in SPANS_S if span[0] < options.seconds]
    late = [f"{statistics.median(value[LATE] for value in seconds[a:int(min(b, 1e6))]):.0f}" for a, b in ends]
    return f"median p99 of the records in ms by span: {' '.join(late)}"


def measure(options, side):
    """By phase, what came out in each second."""
    settings = {**SETTINGS, "env.java.opts.taskmanager": OPTION + side}
    with Cluster(options, options.slots, settings) as cluster:
        numbers = cluster.directory / "numbers"
        numbers.mkdir()
        start(options, cluster)
        jar = cluster.upload(options.jar)
        begin = wait_for_whole_second()
        arguments = [numbers, begin * 1000, options.rate, 2 * options.seconds + SPARE_S]
        run = {
            "entryClass": "SteadyLoad",
            "programArgsList": [str(argument) for argument in arguments],
            "parallelism": options.slots,
        }
        cluster.ask(f"/jars/{jar}/run", json.dumps(run).encode(), "application/json")
        sleep_until(begin + options.seconds)
        killed = kill_taskmanager(cluster)
        # A second is written down when the next one has begun.
        sleep_until(killed + options.seconds + 2)
        found = read(numbers)
        return {
            "start": list(seconds_of(options, found, begin, begin)),
            "failover": list(seconds_of(options, found, begin, killed)),
        }


def start(options, cluster):
    status_port = f"mesos.status.port={cluster.status_port}"
    checkpoints = f"state.checkpoints.dir=file://{cluster.directory}/checkpoints"
    begin = time.monotonic()
    command = [options.binary, "local", "-D", status_port, "-D", checkpoints]
    cluster.spawn(*command, _CLIENT_TM_COUNT="1", _SLOTS=str(options.slots))
    cluster.wait_for_slots(begin, options.slots)


def kill_taskmanager(cluster):
    """The JVM alone; returns when."""
    [pid] = taskmanagers_below(cluster.processes[0].pid)
    killed = wait_for_whole_second()
    os.kill(pid, signal.SIGKILL)
    return killed


def taskmanagers_below(root):
    """By pid."""
    children = collections.defaultdict(list)
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, parent = int(stat.parent.name), int(stat.read_text().rsplit(") ", 1)[1].split()[1])
        except OSError:
            continue
        children[parent].append(pid)
    below, found = [root], []
    while below:
        pid = below.pop()
        below += children[pid]
        try:
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"org.apache.flink.runtime.taskexecutor.TaskManagerRunner" in words:
            found.append(pid)
    return found


def wait_for_whole_second():
    """Seconds since 1970."""
    second = math.ceil(time.time())
    sleep_until(second)
    return second


def sleep_until(second):
    time.sleep(max(second - time.time(), 0))


def read(numbers):
    """By series and second since 1970: how often it was how late."""
    found = collections.defaultdict(lambda: collections.defaultdict(collections.Counter))
    for file in numbers.iterdir():
        series = file.name.split("-")[0]
        for line in file.read_text().splitlines():
            second, *pairs = line.split()
            for pair in pairs:
                late, count = pair.split(":")
                found[series][int(second)][int(late)] += int(count)
    return found


def seconds_of(options, found, begin, since):
    total = 0
    for second in range(since, since + options.seconds):
        records, results = (found[series][second] for series in ("records", "windows"))
        total += sum(records.values())
        # Where nothing comes out all that is due is as late as that lasts.
        silent = (second + 1 - since) * 1000
        yield {OUT: total, LATE: percentile(records, silent), RESULTS: percentile(results, silent)}


def percentile(counts, default, share=0.99):
    wanted = share * sum(counts.values())
    seen = 0
    for late, count in sorted(counts.items()):
        seen += count
        if seen >= wanted:
            return late
    return default


def tell(options, rounds):
    cpus = len(os.sched_getaffinity(0))
    yield f"{options.flink_home.name}, {len(rounds)} rounds in turns of {options.seconds} s after start and kill, {cpus} CPUs,"
    yield f"{options.slots} slots, {options.rate} records a second; medians, and how many seconds {OPTION}5 is worse or better"
    verdicts = {}
    for phase in PHASES:
        for metric in METRICS:
            verdicts[phase, metric] = [judge(rounds, phase, metric, at) for at in range(options.seconds)]
    yield ""
    yield f"{'':9} {'seconds':>9} {'':15} {'1':>10} {'5':>10} {'noise':>10} {'worse':>6} {'better':>6}"
    for phase in PHASES:
        for first, last in SPANS_S:
            span = range(first, int(min(last, options.seconds)))
            for metric in METRICS if span else []:
                one, five = (statistics.median(median(rounds, side, phase, metric, at) for at in span) for side in SIDES)
                noise = statistics.median(noise_of(rounds, phase, metric, at) for at in span)
                told = [verdicts[phase, metric][at] for at in span]
                name = f"{span.start}-{span.stop}"
                counts = f"{told.count('worse'):6} {told.count('better'):6}"
                yield f"{phase:9} {name:>9} {metric.name:15} {one:10.0f} {five:10.0f} {noise:10.0f} {counts}"
    yield ""
    yield f"{'':9} {'second':>6}" + "".join(f" | {metric.name:>14} 1 {'5':>9} {'':6}" for metric in METRICS)
    for phase in PHASES:
        for at in range(options.seconds):
            cells = ""
            for metric in METRICS:
                one, five = (median(rounds, side, phase, metric, at) for side in SIDES)
                cells += f" | {one:16.0f} {five:9.0f} {verdicts[phase, metric][at]:6}"
            yield f"{phase:9} {at:6}{cells}"


def median(rounds, side, phase, metric, at):
    return statistics.median(found[side][phase][at][metric] for found in rounds)


def noise_of(rounds, phase, metric, at):
    """The largest difference between successive rounds of one side, around this second."""
    values = [0]
    for side in SIDES:
        seconds = [found[side][phase] for found in rounds]
        for one, other in zip(seconds, seconds[1:]):
            for near in range(max(at - 1, 0), min(at + 2, len(one))):
                values.append(abs(one[near][metric] - other[near][metric]))
    return max(values)


def judge(rounds, phase, metric, at):
    if len(rounds) < 2:
        return ""
    one, five = ([found[side][phase][at][metric] for found in rounds] for side in SIDES)
    difference = statistics.median(b - a for a, b in zip(one, five))
    least = RESOLUTION * statistics.median(one) if metric != OUT else 0
    if abs(difference) <= max(noise_of(rounds, phase, metric, at), least):
        return ""
    return "better" if (difference > 0) == metric.higher_is_better else "worse"


if __name__ == "__main__":
    main()
