"""Measures how agents are served files, against nginx with the same files, and who waits meanwhile.

    bench-delivery.py --binary PATH --flink-home PATH [--rounds N] [--seconds N]

An AppMaster with stock Flink beside an embedded Mesos serves the archive of Flink that agents get, and nginx with
`sendfile on` and two workers the files in it, asked for all at once: what a page costs to send depends on how large the
pieces are in which the kernel's cache has a file, so both send the same pages. The sides take turns; a turn is some seconds
in which 1, 8 or 64 readers fetch all of it over and over and throw it away. Then /v1/status is asked every 50 ms, so that most answers are kept ones, and every 300 ms, so that each asks
the scheduler: while nobody reads, while 64 read from nginx, and while 64 read from the AppMaster. At the end stands the
memory that the worker has to itself. Readers run at the lowest priority, as those of real agents run on other machines,
and still take both processors of a small one: answers may take twice as long as the longer of quiet and nginx' takes,
where a process sends that has no part in them. Ends with 1 when a figure is worse than its aim.
"""

import argparse
import contextlib
import hashlib
import http.client
import io
import multiprocessing
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tarfile
import time

from bench_cluster import Cluster, free_ports, read_once

READERS = (1, 8, 64)
MIN_RATIO = 0.95
MAX_SLOWER = 2.0
MAX_PRIVATE_MB = 16
CHUNK = 1 << 20
HEAD = 4096


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", type=pathlib.Path, required=True)
    parser.add_argument("--flink-home", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    read_once(options.flink_home / "lib")
    read_once(options.flink_home / "opt")
    with Delivery(options, 1) as delivery:
        delivery.start()
        with nginx(delivery.directory, options.flink_home) as nginx_port:
            sides = {
                "nginx": (nginx_port, [f"/{name}" for name in delivery.names]),
                "AppMaster": (delivery.artifact_port, [delivery.path]),
            }
            print(f"{len(delivery.names)} files of {delivery.length >> 20} MB, MB/s, medians of {options.rounds}\n")
            is_good = measure_throughput(sides, options)
            is_good = measure_waits(delivery, sides, options) and is_good
            return 0 if measure_memory(delivery) and is_good else 1


class Delivery(Cluster):
    """An AppMaster that delivers Flink, and a Mesos beside it."""

    def start(self):
        begin = time.monotonic()
        self.mesos_port, self.artifact_port = free_ports(2)
        resources = "cpus:4;mem:8192;disk:8192;ports:[31000-31100]"
        work = self.directory / "mesos"
        self.spawn(self.options.binary, "mesos", f"--port={self.mesos_port}", f"--work-dir={work}", f"--resources={resources}")
        time.sleep(1)
        settings = {
            "mesos.master": f"127.0.0.1:{self.mesos_port}",
            "mesos.status.port": self.status_port,
            "mesos.resourcemanager.artifactserver.port": self.artifact_port,
            "mesos.resourcemanager.tasks.delivery": "flink",
            "mesos.initial-tasks": 1,
            "mesos.resourcemanager.tasks.cpus": 1,
        }
        words = [word for key, value in settings.items() for word in ("-D", f"{key}={value}")]
        socket_path = str(self.directory / "socket")
        appmaster = self.spawn(self.options.binary, "appmaster", *words, FLINK_ON_MESOS_SOCKET=socket_path)
        # A TaskManager's command line names what it was sent.
        digest = []
        self.wait_for(begin, "a TaskManager", lambda: digest.extend(delivered(appmaster.pid, self.processes[0].pid)) or digest)
        self.path = f"/{digest[0]}/flink.tar"
        self.wait_for_slots(begin, 1)
        environment = self.environment(FLINK_ON_MESOS_SOCKET=socket_path)
        subprocess.run([self.options.binary, "scale", "0"], env=environment, check=True, stdout=subprocess.DEVNULL)
        self.wait_for(begin, "no TaskManager", lambda: not delivered(appmaster.pid, self.processes[0].pid))
        [self.worker] = [pid for pid in below(appmaster.pid) if "worker" in command_line(pid)[1:2]]
        answer = fetch(self.artifact_port, self.path)
        assert hashlib.sha256(answer).hexdigest() == digest[0], "what was sent has another digest"
        with tarfile.open(fileobj=io.BytesIO(answer)) as archive:
            self.names = [member.name for member in archive if member.size > 0]
        self.length = len(answer)


def delivered(*roots):
    """The digests of Flink in the command lines of tasks."""
    lines = [command_line(pid) for root in roots for pid in below(root)]
    return [word.partition("=")[2] for line in lines for word in line if word.startswith("flink.tar=")]


def below(root):
    children = {}
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        with contextlib.suppress(OSError):
            parent = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(pid)
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo.extend(children.get(pid, []))
    return found


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def fetch(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 200, answer.status
    return answer.read()


@contextlib.contextmanager
def nginx(directory, root):
    [port] = free_ports(1)
    home = directory / "nginx"
    home.mkdir()
    conf = home / "nginx.conf"
    paths = "".join(f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""
    conf.write_text(
        f"{user} daemon off; worker_processes 2; pid {home}/pid; error_log {home}/error.log;\n"
        f"events {{ worker_connections 1024; }}\n"
        f"http {{ access_log off; sendfile on; keepalive_requests 1000000000; {paths}\n"
        f"server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
    )
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    process = subprocess.Popen([program, "-e", home / "error.log", "-c", conf])
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def read_over_and_over(port, paths, counted, stop):
    """Fetches files until it is told to stop. What arrives is thrown away by the kernel."""
    os.nice(19)
    requests = "".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n" for path in paths).encode()
    buffer = bytearray(CHUNK)
    stream = socket.create_connection(("127.0.0.1", port))
    while True:
        stream.sendall(requests)
        for _ in paths:
            head = b""
            while b"\r\n\r\n" not in head:
                head = stream.recv(HEAD, socket.MSG_PEEK)
            head = stream.recv(head.index(b"\r\n\r\n") + 4)
            assert head.startswith(b"HTTP/1.1 200 "), head
            left = int(head.lower().partition(b"content-length:")[2].split()[0])
            while left > 0:
                if stop.value:
                    # Without asking the server to send the rest.
                    os._exit(0)
                count = stream.recv_into(buffer, min(left, CHUNK), socket.MSG_TRUNC)
                assert count > 0, "the connection has ended"
                left -= count
                counted.value += count


@contextlib.contextmanager
def readers(port, paths, count):
    """So many processes that read; what they have read by now is the sum of their counters."""
    stop = multiprocessing.Value("b", 0, lock=False)
    counters = [multiprocessing.Value("Q", 0, lock=False) for _ in range(count)]
    processes = [
        multiprocessing.Process(target=read_over_and_over, args=(port, paths, counter, stop)) for counter in counters
    ]
    for process in processes:
        process.start()
    try:
        while not all(counter.value for counter in counters):
            assert all(process.is_alive() for process in processes), "a reader has ended"
            time.sleep(0.05)
        yield lambda: sum(counter.value for counter in counters)
        assert all(process.is_alive() for process in processes), "a reader has ended"
    finally:
        stop.value = 1
        for process in processes:
            process.join(10)
            if process.is_alive():
                process.kill()


def rate(port, paths, count, seconds):
    with readers(port, paths, count) as read:
        begin, before = time.monotonic(), read()
        time.sleep(seconds)
        return (read() - before) / (time.monotonic() - begin) / 1e6


def measure_throughput(sides, options):
    print(f"{'readers':>8} {'nginx':>8} {'AppMaster':>10} {'ratio':>6}")
    is_good = True
    for count in READERS:
        rates = {side: [] for side in sides}
        for number in range(options.rounds):
            for side in sorted(sides, reverse=number % 2 == 1):
                rates[side].append(rate(*sides[side], count, options.seconds))
        theirs, ours = statistics.median(rates["nginx"]), statistics.median(rates["AppMaster"])
        ratio = statistics.median(ours / theirs for ours, theirs in zip(rates["AppMaster"], rates["nginx"]))
        print(f"{count:8} {theirs:8.0f} {ours:10.0f} {ratio:6.2f}", flush=True)
        is_good = is_good and ratio >= MIN_RATIO
    return is_good


def measure_waits(delivery, sides, options):
    print("\n/v1/status, ms: half and nine tenths of the answers took at most; the second pair asked the scheduler")
    waits = {"quiet": [[], []], "nginx": [[], []], "AppMaster": [[], []]}
    for _ in range(options.rounds):
        for who, taken in waits.items():
            reading = readers(*sides[who], 64) if who in sides else contextlib.nullcontext()
            with reading:
                taken[0] += answers(delivery.status_port, 0.05, options.seconds)
                taken[1] += answers(delivery.status_port, 0.3, 2 * options.seconds)
    is_good = True
    print(f"{'64 readers of':>14} {'p50':>6} {'p90':>6}   {'p50':>6} {'p90':>6}")
    for who, taken in waits.items():
        cells = [f"{quantile(each, share):6.2f} " for each in taken for share in (0.5, 0.9)]
        cells.insert(2, " ")
        print(f"{who:>14} {''.join(cells)}")
    for kind in (0, 1):
        quiet, nginx, own = (quantile(waits[who][kind], 0.9) for who in ("quiet", "nginx", "AppMaster"))
        is_good = is_good and own <= MAX_SLOWER * max(quiet, nginx)
    return is_good


def answers(port, every, seconds):
    """How long answers took, in ms."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    taken = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.monotonic()
        connection.request("GET", "/v1/status")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        taken.append((time.monotonic() - begin) * 1000)
        time.sleep(every)
    return taken


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def measure_memory(delivery):
    # What was freed goes back after two seconds.
    time.sleep(4)
    status = pathlib.Path(f"/proc/{delivery.worker}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    private, peak = (int(fields[name].split()[0]) / 1024 for name in ("RssAnon", "VmHWM"))
    print(f"\nthe worker's own memory: {private:.1f} MB; at most with files mapped: {peak:.1f} MB")
    return private <= MAX_PRIVATE_MB


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
