"""A stock Flink in a directory of its own, started and asked by the benches beside this file."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

# Twenty times what a start takes on two busy CPUs: reached only when something is broken.
START_LIMIT_S = 120
# Longer than Flink's own limit for its shutdown hooks and than the time we give our tasks.
STOP_LIMIT_S = 60
# Small against what is measured, and rare enough to cost the started processes nothing.
POLL_S = 0.02

MEMORY = {"jobmanager.memory.process.size": "1600m", "taskmanager.memory.process.size": "1728m"}

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


class Cluster:
    """One start from nothing: a fresh directory, free ports, and every process ended at its end."""

    def __init__(self, options, slots, settings=()):
        self.options = options
        self.slots = slots
        self.settings = dict(settings)
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
            "taskmanager.numberOfTaskSlots": self.slots,
            "io.tmp.dirs": self.directory / "tmp",
            **MEMORY,
            **self.settings,
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

    def wait_for(self, begin, what, is_there):
        while not is_there():
            for process in self.processes:
                if process.poll() is not None:
                    self.fail(f"{process.args[0]} ended with code {process.returncode} before there was {what}")
            if time.monotonic() - begin > START_LIMIT_S:
                self.fail(f"no {what} within {START_LIMIT_S} s")
            time.sleep(POLL_S)
        return time.monotonic() - begin

    def wait_for_slots(self, begin, count):
        return self.wait_for(begin, f"{count} slots", lambda: (self.overview() or {}).get("slots-total") == count)

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
