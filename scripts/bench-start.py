"""Times the start of a session cluster with one TaskManager of two slots: ours against the stock scripts.

Both sides use the same Flink, the same configuration directory as Flink ships it, the same memory and free ports, and
start from nothing in every round. The sides take turns, and who begins takes turns too, so that a machine growing
slower or faster during the run favours neither. scripts/bench calls this.
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
    parser.add_argument("--rounds", type=int, required=True)
    options = parser.parse_args()
    # A TERM unwinds like Ctrl-C does, so that every started process is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    read_once(options.flink_home / "lib")
    sides = {"ours": start_ours, "stock": start_stock}
    samples = {(side, what): [] for side in sides for what in ("Web UI", "slots", "memory model")}
    for number in range(1, options.rounds + 1):
        order = list(sides) if number % 2 else list(reversed(sides))
        for side in order:
            with Round(options) as round_:
                web_ui, slots = round_.measure(sides[side])
            samples[side, "Web UI"].append(web_ui)
            samples[side, "slots"].append(slots)
            print(f"round {number}  {side:5}  Web UI {web_ui:6.2f} s  slots {slots:6.2f} s", flush=True)
        for side in order:
            with Round(options) as round_:
                seconds = round_.measure_memory_model(side)
            samples[side, "memory model"].append(seconds)
            print(f"round {number}  {side:5}  memory model {seconds:8.4f} s", flush=True)
    print_table(options, samples)


def print_table(options, samples):
    print(f"\n{options.flink_home.name}, {options.rounds} rounds, {os.cpu_count()} CPUs, medians in seconds")
    print(f"{'':28}{'ours':>10}{'stock':>10}{'ours/stock':>12}")
    for what, label in (
        ("Web UI", "command to Web UI answering"),
        ("slots", "command to all slots"),
        ("memory model", "memory model"),
    ):
        ours = statistics.median(samples["ours", what])
        stock = statistics.median(samples["stock", what])
        print(f"{label:28}{ours:10.3f}{stock:10.3f}{ours / stock:12.3f}")


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

    def measure(self, start):
        """Seconds from the command to the Web UI answering and to all slots being registered."""
        begin = time.monotonic()
        start(self)
        self.wait_for(begin, "the Web UI", lambda: self.overview() is not None)
        web_ui = time.monotonic() - begin
        self.wait_for(begin, f"{SLOTS} slots", lambda: (self.overview() or {}).get("slots-total") == SLOTS)
        return web_ui, time.monotonic() - begin

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

    def overview(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.rest_port}/overview", timeout=5) as answer:
                return json.load(answer)
        except (urllib.error.URLError, OSError, ValueError):
            return None

    def fail(self, message):
        for log in sorted(self.directory.glob("*.log")):
            print(f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-20:], sep="\n", file=sys.stderr)
        sys.exit(f"bench: {message}")


def start_ours(round_):
    round_.spawn(
        round_.options.binary,
        "local",
        "-D",
        f"mesos.status.port={round_.status_port}",
        _CLIENT_TM_COUNT="1",
        _SLOTS=str(SLOTS),
    )


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
