"""Times the start of a session cluster with one TaskManager of two slots: ours against the stock scripts.

All sides use the same java and Flink, the same configuration directory as Flink ships it, the same memory and free
ports, and start from nothing in every round. The sides take turns, and who begins takes turns too, so that a machine
growing slower or faster during the run favours none. scripts/bench calls this.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SLOTS = 2
MEMORY = {"jobmanager.memory.process.size": "1600m", "taskmanager.memory.process.size": "1728m"}

# Twenty times what a start takes on two busy CPUs: reached only when something is broken.
START_LIMIT_S = 120
# Longer than Flink's own limit for its shutdown hooks and than the time we give our tasks.
STOP_LIMIT_S = 60
# Small against what is measured, and rare enough to cost the started processes nothing.
POLL_S = 0.02

# `archives` is ours with them: JVMs as the image starts them.
SIDES = ["ours", "archives", "stock"]
TO_WEB_UI = "command to Web UI answering"
TO_SLOTS = "command to all slots"
TO_MORE = "order to another TaskManager"
TO_JOB = "job to the TaskManager it starts"
MEMORY_MODEL = "memory model"

# Flink before 1.18 ships no flags for JDK 17, without which it does not start on it.
JDK_17_FLAGS = " ".join(
    ["--add-exports=java.base/sun.net.util=ALL-UNNAMED"]
    + [
        f"--add-opens=java.base/{package}=ALL-UNNAMED"
        for package in (
            "java.lang java.net java.io java.nio sun.nio.ch java.lang.reflect java.text java.time java.util "
            "java.util.concurrent java.util.concurrent.atomic java.util.concurrent.locks"
        ).split()
    ]
)


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


class Round:
    """One start from nothing: a fresh directory, free ports, and every process ended at its end."""

    def __init__(self, options):
        self.options = options
        self.processes = []

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="flink-on-mesos-bench."))
        (self.directory / "tmp").mkdir()
        self.rest_port, self.rpc_port, self.status_port = free_ports(3)
        self.write_conf()
        return self

    def __exit__(self, *_):
        # The last started first: a TaskManager that loses its JobManager only logs about it.
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.directory)

    def write_conf(self):
        self.conf = self.directory / "conf"
        shutil.copytree(self.options.flink_home / "conf", self.conf)
        files = [self.conf / "config.yaml", self.conf / "flink-conf.yaml"]
        [shipped] = [file for file in files if file.exists()]
        settings = {
            "rest.port": self.rest_port,
            "jobmanager.rpc.port": self.rpc_port,
            "taskmanager.numberOfTaskSlots": SLOTS,
            "io.tmp.dirs": self.directory / "tmp",
            **MEMORY,
        }
        if "java.opts" not in shipped.read_text() and not re.search(r"^env:", shipped.read_text(), re.MULTILINE):
            settings["env.java.opts.all"] = JDK_17_FLAGS
        # The later line wins in both grammars.
        with shipped.open("a") as file:
            file.writelines(f"\n{key}: {value}" for key, value in settings.items())
            file.write("\n")

    def environment(self, **more):
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "USER", "JAVA_HOME", "LANG") if name in os.environ}
        return {
            **kept,
            "FLINK_HOME": str(self.options.flink_home),
            "FLINK_CONF_DIR": str(self.conf),
            "FLINK_LOG_DIR": str(self.directory),
            # Else the scripts leave their pid files in the system's directory for temporary files.
            "FLINK_PID_DIR": str(self.directory),
            "TMPDIR": str(self.directory / "tmp"),
            **more,
        }

    def spawn(self, *command, **environment):
        number = len(self.processes)
        with (self.directory / f"{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [str(word) for word in command],
                env=self.environment(**environment),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for this program, which then ends the others in order.
                start_new_session=True,
            )
        self.processes.append(process)
        return process

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

    def wait_for_slots(self, begin, count):
        return self.wait_for(begin, f"{count} slots", lambda: (self.overview() or {}).get("slots-total") == count)

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

    def wait_for(self, begin, what, is_there):
        while not is_there():
            for process in self.processes:
                if process.poll() is not None:
                    self.fail(f"{process.args[0]} ended with code {process.returncode} before there was {what}")
            if time.monotonic() - begin > START_LIMIT_S:
                self.fail(f"no {what} within {START_LIMIT_S} s")
            time.sleep(POLL_S)
        return time.monotonic() - begin

    def overview(self):
        try:
            return self.ask("/overview")
        except (urllib.error.URLError, OSError, ValueError):
            return None

    def upload(self, jar):
        boundary = "a-line-that-no-jar-has"
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="jarfile"; filename="{jar.name}"\r\n'
        head += "Content-Type: application/x-java-archive\r\n\r\n"
        body = head.encode() + jar.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        answer = self.ask("/jars/upload", body, f"multipart/form-data; boundary={boundary}")
        return pathlib.Path(answer["filename"]).name

    def ask(self, path, body=None, media_type=None):
        headers = {"Content-Type": media_type} if media_type else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.rest_port}{path}", body, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def fail(self, message):
        for log in sorted(self.directory.glob("*.log")):
            print(f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-20:], sep="\n", file=sys.stderr)
        sys.exit(f"bench: {message}")


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


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def read_once(directory):
    """Brings the jars into the page cache, so that the first side measured does not pay for both."""
    for jar in directory.glob("*.jar"):
        jar.read_bytes()


if __name__ == "__main__":
    main()
