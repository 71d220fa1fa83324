"""Times the start of containers of the image, with its class archives and without them.

Each round starts `local` with one TaskManager of two slots, from `docker run` to the Web UI and to all slots. The sides
take turns, and who begins takes turns too. scripts/bench calls this.
"""

import argparse
import json
import socket
import statistics
import subprocess
import time
import urllib.error
import urllib.request

# Twenty times what a start takes on two busy CPUs: reached only when something is broken.
START_LIMIT_S = 120
# Small against what is measured, and rare enough to cost the started processes nothing.
POLL_S = 0.02

# What the user says about sharing keeps ours away; `auto` is the JVM's own archive alone.
SIDES = {"with archives": [], "without": ["-D", "env.java.opts.all=-Xshare:auto"]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--image", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    options = parser.parse_args()
    samples = {side: [] for side in SIDES}
    for number in range(1, options.rounds + 1):
        for side in list(SIDES) if number % 2 else list(reversed(SIDES)):
            web_ui, slots = measure(options.image, SIDES[side])
            samples[side].append((web_ui, slots))
            print(f"round {number}  {side:13}  Web UI {web_ui:6.2f} s  slots {slots:6.2f} s", flush=True)
    print_table(samples, options.rounds)


def print_table(samples, rounds):
    print(f"\n{rounds} rounds, medians in seconds")
    print(f"{'':34}{'with':>10}{'without':>10}{'with/without':>14}")
    for index, label in enumerate(("docker run to Web UI answering", "docker run to all slots")):
        one, other = (statistics.median(sample[index] for sample in samples[side]) for side in SIDES)
        print(f"{label:34}{one:10.2f}{other:10.2f}{one / other:14.2f}")


def measure(image, options):
    rest, rpc = free_ports(2)
    begin = time.monotonic()
    container = docker(
        "run", "--detach", "--net=host", "--read-only", "--tmpfs=/tmp:exec", image, "local",
        "-D", f"rest.port={rest}", "-D", f"jobmanager.rpc.port={rpc}", "-D", "mesos.status.port=0",
        "-D", "mesos.initial-tasks=1", *options,
    )
    try:
        overview = f"http://127.0.0.1:{rest}/overview"
        web_ui = wait(begin, lambda: ask(overview) is not None)
        slots = wait(begin, lambda: (ask(overview) or {}).get("slots-total") == 2)
        return web_ui, slots
    finally:
        docker("rm", "--force", container)


def wait(begin, is_done):
    while not is_done():
        if time.monotonic() - begin > START_LIMIT_S:
            raise TimeoutError("the container did not start in time")
        time.sleep(POLL_S)
    return time.monotonic() - begin


def ask(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def docker(*arguments):
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
