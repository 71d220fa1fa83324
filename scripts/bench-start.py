"""Times the start of a session cluster with one TaskManager of two slots: ours against the stock scripts.

All sides use the same java and Flink, the same configuration directory as Flink ships it, the same memory and free
ports, and start from nothing in every round. The sides take turns, and who begins takes turns too, so that a machine
growing slower or faster during the run favours none. scripts/bench calls this.
"""

import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

from bench_cluster import Cluster, POLL_S, START_LIMIT_S, read_once

SLOTS = 2

# `archives` is ours with them: JVMs as the image starts them.
SIDES = ["ours", "archives", "stock"]
TO_WEB_UI = "command to Web UI answering"
TO_SLOTS = "command to all slots"
TO_MORE = "order to another TaskManager"
TO_JOB = "job to the TaskManager it starts"
MEMORY_MODEL = "memory model"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", type=pathlib.Path, required=True)
    parser.add_argument("--flink-home", type=pathlib.Path, required=True)
    parser.add_argument("--warm-up", type=pathlib.Path, required=True, help="what compile_warm_up made")
    parser.add_argument("--rounds", type=int, required=True)
    options = parser.parse_args()
    # A TERM unwinds like Ctrl-C does, so that every started process is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    read_once(options.flink_home / "lib")
    options.archives = options.warm_up / "archives"
    with Round(options) as round_:
        round_.make_archives()
    samples = {}
    for number in range(1, options.rounds + 1):
        turn = number % len(SIDES)
        for side in SIDES[turn:] + SIDES[:turn]:
            for what, seconds in measure(options, side):
                samples.setdefault((side, what), []).append(seconds)
                print(f"round {number}  {side:8}  {what:30} {seconds:8.3f} s", flush=True)
    print_table(options, samples)


def measure(options, side):
    with Round(options) as round_:
        yield from round_.measure_start(side)
    if side != "stock":
        with Round(options) as round_:
            yield TO_JOB, round_.measure_demand(side)
    if side != "archives":
        with Round(options) as round_:
            yield MEMORY_MODEL, round_.measure_memory_model(side)


def print_table(options, samples):
    print(f"\n{options.flink_home.name}, {options.rounds} rounds, {os.cpu_count()} CPUs, medians in seconds")
    print(f"{'':32}", *(f"{side:>10}" for side in SIDES), f"{'ours/stock':>12}{'archives/stock':>16}")
    for what in (TO_WEB_UI, TO_SLOTS, TO_MORE, TO_JOB, MEMORY_MODEL):
        medians = [statistics.median(samples[side, what]) if (side, what) in samples else None for side in SIDES]
        ours, archives, stock = medians
        ratios = [one / stock if one and stock else None for one in (ours, archives)]
        cells = [f"{'-' if value is None else format(value, '.3f'):>10}" for value in medians]
        cells += [f"{'-' if value is None else format(value, '.2f'):>14}" for value in ratios]
        print(f"{what:32}", *cells)


class Round(Cluster):
    def __init__(self, options):
        super().__init__(options, SLOTS)

    def make_archives(self):
        options = self.options
        options.archives.mkdir()
        jar, classes = options.warm_up / "jobs.jar", options.warm_up / "classes"
        warm_up = ["java", "-cp", classes, "WarmUp", jar, options.archives, self.rest_port]
        process = self.spawn(*warm_up, options.binary, "local", "-D", f"mesos.status.port={self.status_port}")
        if process.wait(2 * START_LIMIT_S) != 0:
            self.fail("the class archives could not be made")

    def measure_start(self, side):
        begin = time.monotonic()
        self.start(side)
        yield TO_WEB_UI, self.wait_for(begin, "the Web UI", lambda: self.overview() is not None)
        yield TO_SLOTS, self.wait_for_slots(begin, SLOTS)
        begin = time.monotonic()
        if side == "stock":
            self.spawn(self.options.flink_home / "bin" / "taskmanager.sh", "start-foreground")
        else:
            scale = [self.options.binary, "scale", "2"]
            subprocess.run(scale, env=self.environment(), check=True, stdout=subprocess.DEVNULL)
        yield TO_MORE, self.wait_for_slots(begin, 2 * SLOTS)

    def measure_demand(self, side):
        """From a job to the slots of the TaskManager that is started for it; there was none before."""
        begin = time.monotonic()
        self.start(side, "-D", "mesos.scaling=demand")
        self.wait_for(begin, "the Web UI", lambda: self.overview() is not None)
        jar = self.upload(self.options.warm_up / "jobs.jar")
        begin = time.monotonic()
        self.ask(f"/jars/{jar}/run", json.dumps({"entryClass": "WordCount"}).encode(), "application/json")
        return self.wait_for_slots(begin, SLOTS)

    def start(self, side, *more):
        if side == "stock":
            start_stock(self)
            return
        if side == "archives":
            for role in ("jobmanager", "taskmanager"):
                # Else the JVM is silent about an archive that does not fit.
                shared = f"-Xshare:on -XX:SharedArchiveFile={self.options.archives / role}.jsa"
                more += ("-D", f"env.java.opts.{role}={shared}")
        status_port = f"mesos.status.port={self.status_port}"
        command = [self.options.binary, "local", "-D", status_port, *more]
        self.spawn(*command, _CLIENT_TM_COUNT="1", _SLOTS=str(SLOTS))

    def measure_memory_model(self, side):
        if side == "ours":
            command = [self.options.binary, "config", "--command", "taskmanager"]
        else:
            [dist] = (self.options.flink_home / "lib").glob("flink-dist*.jar")
            jars = f"{self.options.flink_home / 'bin' / 'bash-java-utils.jar'}:{dist}"
            utils = "org.apache.flink.runtime.util.bash.BashJavaUtils"
            command = ["java", "-classpath", jars, utils, "GET_TM_RESOURCE_PARAMS", "--configDir", self.conf]
        begin = time.monotonic()
        process = self.spawn(*command)
        code = process.wait(START_LIMIT_S)
        seconds = time.monotonic() - begin
        if code != 0:
            self.fail(f"the memory model of {side} ended with code {code}")
        return seconds

def start_stock(round_):
    """As start-cluster.sh does, without the time its own reading of the configuration takes: the TaskManager's
    script begins when the JobManager's has become the JVM."""
    scripts = round_.options.flink_home / "bin"
    job_manager = round_.spawn(scripts / "jobmanager.sh", "start-foreground")
    deadline = time.monotonic() + START_LIMIT_S
    while program_of(job_manager) != "java":
        if job_manager.poll() is not None or time.monotonic() > deadline:
            round_.fail("jobmanager.sh did not start a JVM")
        time.sleep(POLL_S)
    round_.spawn(scripts / "taskmanager.sh", "start-foreground")


def program_of(process):
    try:
        return pathlib.Path(os.readlink(f"/proc/{process.pid}/exe")).name
    except OSError:
        return None


if __name__ == "__main__":
    main()
