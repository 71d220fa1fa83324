"""Measures the embedded Mesos with many tasks, each a program that sleeps below an init of its own.

    bench-mesos.py --binary PATH [--tasks 100,300,1000] [--others N]

For each number of tasks three times, in seconds: from the ACCEPT to the last TASK_RUNNING; from TEARDOWN to the end of
the last process of a task; and, with as many tasks again, from SIGTERM to the end of the embedded Mesos and of all its
processes. While tasks end it is asked for /health: the longest answer is told too. The last column is how much longer
the whole took than for the number before, divided by n log n of both. With --others so many more processes run beside it.
Ends with 1 when a process is left over after minutes, or when the growth is above what noise explains.
"""

import argparse
import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

# Each task has an init beside it, and other programs run on this machine, too.
TASKS_MOST = 1400
# For everything to happen that is waited for; the machine may be busy.
LIMIT_S = 300
# Noise of two measurements of seconds on a machine that does other things, too.
GROWTH_MOST = 2.0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--tasks", default="100,300,1000")
    parser.add_argument("--others", type=int, default=0)
    options = parser.parse_args()
    numbers = [int(number) for number in options.tasks.split(",")]
    if max(numbers) > TASKS_MOST:
        parser.error(f"at most {TASKS_MOST} tasks: each is two processes")
    others = [subprocess.Popen(["sleep", "3600"]) for _ in range(options.others)]
    try:
        is_good = measure_all(options.binary, numbers)
    finally:
        for other in others:
            other.kill()
        for other in others:
            other.wait()
    return 0 if is_good else 1


def measure_all(binary, numbers):
    print(f"{'tasks':>6} {'start':>8} {'teardown':>9} {'SIGTERM':>8} {'longest answer':>15} {'growth / n log n':>17}")
    before = None
    is_good = True
    for number in numbers:
        start, teardown, answer = measure_teardown(binary, number)
        stop = measure_stop(binary, number)
        whole = start + teardown + stop
        growth = ""
        if before is not None:
            expected = number * math.log(number) / (before[0] * math.log(before[0]))
            ratio = whole / before[1] / expected
            growth = f"{ratio:.2f}"
            is_good = is_good and ratio <= GROWTH_MOST
        print(f"{number:6} {start:7.2f}s {teardown:8.2f}s {stop:7.2f}s {answer:14.3f}s {growth:>17}", flush=True)
        before = number, whole
    return is_good


def measure_teardown(binary, number):
    with embedded(binary, number) as (process, address):
        scheduler = Scheduler(address)
        start = scheduler.launch(number)
        # A task and its init each.
        started = below(process.pid)
        assert len(started) == 2 * number, started
        answers = Answers(address)
        begin = time.monotonic()
        scheduler.call({"type": "TEARDOWN"})
        wait_until(lambda: not alive(started), "the tasks have ended and nobody is left to wait for them")
        teardown = time.monotonic() - begin
        return start, teardown, answers.longest()


def measure_stop(binary, number):
    with embedded(binary, number) as (process, address):
        Scheduler(address).launch(number)
        started = below(process.pid)
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT_S)
        wait_until(lambda: not alive(started), "the tasks have ended")
        return time.monotonic() - begin


@contextlib.contextmanager
def embedded(binary, number):
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        port_file = os.path.join(directory, "port")
        process = subprocess.Popen(
            [binary, "mesos", "--port", "0", "--port-file", port_file, "--work-dir", os.path.join(directory, "work"),
             "--no-switch_user", "--resources", f"cpus:{number};mem:{number * 32};disk:1024;ports:[31000-32000]"],
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until(lambda: os.path.exists(port_file), "it listens")
            with open(port_file) as file:
                yield process, ("127.0.0.1", int(file.read()))
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


class Scheduler:
    """Speaks JSON over plain sockets, with one connection for the stream and one for the calls."""

    def __init__(self, address):
        self.stream = socket.create_connection(address)
        self.calls = socket.create_connection(address)
        info = {
            "user": "root", "name": "bench", "roles": ["*"], "failover_timeout": 0.0,
            "capabilities": [{"type": kind} for kind in ["MULTI_ROLE", "PARTITION_AWARE"]],
        }
        body = {"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}
        self.stream.sendall(request(body, None))
        head = read_head(self.stream)
        self.stream_id = head["mesos-stream-id"]
        self.events = events(self.stream)
        subscribed = next(event for event in self.events if event["type"] == "SUBSCRIBED")
        self.framework = subscribed["subscribed"]["framework_id"]

    def call(self, body):
        self.calls.sendall(request(body | {"framework_id": self.framework}, self.stream_id))
        head = read_head(self.calls)
        remaining = int(head.get("content-length", 0))
        while remaining > 0:
            remaining -= len(self.calls.recv(remaining))

    def launch(self, number):
        """Answers how long it took until all run."""
        offer = next(event for event in self.events if event["type"] == "OFFERS")["offers"]["offers"][0]
        infos = [
            {
                "name": f"t{index}", "task_id": {"value": f"t{index}"}, "agent_id": offer["agent_id"],
                "command": {"shell": False, "value": "sleep", "arguments": ["sleep", "3600"]},
                "resources": [scalar("cpus", 0.5), scalar("mem", 16)],
            }
            for index in range(number)
        ]
        operations = [{"type": "LAUNCH", "launch": {"task_infos": infos}}]
        begin = time.monotonic()
        self.call({"type": "ACCEPT", "accept": {"offer_ids": [offer["id"]], "operations": operations}})
        running = set()
        for event in self.events:
            if event["type"] != "UPDATE":
                continue
            status = event["update"]["status"]
            if "uuid" in status:
                acknowledge = {name: status[name] for name in ["agent_id", "task_id", "uuid"]}
                self.call({"type": "ACKNOWLEDGE", "acknowledge": acknowledge})
            if status["state"] == "TASK_RUNNING":
                running.add(status["task_id"]["value"])
            elif status["state"] != "TASK_STARTING":
                raise SystemExit(f"a task ended: {status}")
            if len(running) == number:
                return time.monotonic() - begin
        raise SystemExit("the stream ended")


class Answers:
    """Asks for /health again and again."""

    def __init__(self, address):
        self.address = address
        self.is_over = False
        self.most = 0.0
        self.thread = threading.Thread(target=self.ask)
        self.thread.start()

    def ask(self):
        while not self.is_over:
            begin = time.monotonic()
            with socket.create_connection(self.address) as connection:
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                while connection.recv(4096):
                    pass
            self.most = max(self.most, time.monotonic() - begin)
            time.sleep(0.02)

    def longest(self):
        self.is_over = True
        self.thread.join()
        return self.most


def scalar(name, value):
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}}


def request(body, stream_id):
    text = json.dumps(body).encode()
    head = [
        "POST /api/v1/scheduler HTTP/1.1", "Host: localhost", "Content-Type: application/json",
        "Accept: application/json", f"Content-Length: {len(text)}",
    ]
    if stream_id:
        head.append(f"Mesos-Stream-Id: {stream_id}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + text


def read_head(connection):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            raise SystemExit("the connection was closed")
        head += byte
    lines = head.decode().split("\r\n")
    if lines[0].split()[1] not in ("200", "202"):
        raise SystemExit(f"answered {lines[0]}")
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}


def events(connection):
    """Records of the stream: HTTP chunks, in which are RecordIO."""
    file = connection.makefile("rb")
    waiting = b""
    while True:
        size = int(file.readline().strip() or b"0", 16)
        if size == 0:
            return
        waiting += file.read(size)
        file.readline()
        while True:
            length, newline, rest = waiting.partition(b"\n")
            if not newline or len(rest) < int(length):
                break
            waiting = rest[int(length):]
            yield json.loads(rest[: int(length)])


def below(pid):
    """All processes below one, each with its start time; zombies are processes, too."""
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        stat = stat_of(name)
        if stat:
            children.setdefault(int(stat[1]), []).append((int(name), stat[19]))
    found, ahead = [], [pid]
    while ahead:
        for child in children.get(ahead.pop(), []):
            found.append(child)
            ahead.append(child[0])
    return found


def alive(processes):
    return [(pid, started) for pid, started in processes if (stat_of(pid) or [None] * 20)[19] == started]


def stat_of(pid):
    """What follows the name: state, parent and so on."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def wait_until(condition, what):
    end = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"within {LIMIT_S} s it did not happen that {what}")
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
