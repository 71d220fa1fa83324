"""Runs one task to its end with pymesos and prints what its scheduler is told, a line each.

    run_task.py MASTER TASK COMMAND [PRINCIPAL SECRET]

MASTER is host:port. Ends with 0 after TASK_FINISHED, with 1 after any other end.
"""

import sys
import threading

from pymesos import MesosSchedulerDriver, Scheduler

TERMINAL = {
    "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_LOST",
    "TASK_DROPPED", "TASK_GONE", "TASK_GONE_BY_OPERATOR",
}


# How long a task may take here.
LONGEST_S = 60


class OneTask(Scheduler):
    def __init__(self, task, command):
        self.task = task
        self.command = command
        self.is_launched = False
        self.end = None
        self.ended = threading.Event()

    def registered(self, driver, framework_id, master_info):
        say("registered", framework_id["value"], master_info["version"])

    def resourceOffers(self, driver, offers):
        first, rest = offers[0], offers[1:]
        if self.is_launched:
            rest = offers
        else:
            self.is_launched = True
            driver.launchTasks(first["id"], [self.task_info(first)])
        for offer in rest:
            driver.declineOffer(offer["id"])

    def statusUpdate(self, driver, status):
        say(status["state"], status.get("message", ""))
        if status["state"] in TERMINAL:
            self.end = status["state"]
            self.ended.set()

    def error(self, driver, message):
        say("error", message)
        self.ended.set()

    def task_info(self, offer):
        return {
            "task_id": {"value": self.task},
            "agent_id": offer["agent_id"],
            "name": self.task,
            "command": {"value": self.command},
            "resources": [scalar("cpus", 0.1), scalar("mem", 32)],
        }


def scalar(name, value):
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}}


def say(*words):
    print(*words, flush=True)


def main(master, task, command, principal=None, secret=None):
    scheduler = OneTask(task, command)
    framework = {"user": "root", "name": "pymesos", "role": "flink"}
    if principal:
        framework["principal"] = principal
    driver = MesosSchedulerDriver(scheduler, framework, master, principal=principal, secret=secret)
    driver.start()
    scheduler.ended.wait(LONGEST_S)
    driver.stop()
    driver.join()
    return 0 if scheduler.end == "TASK_FINISHED" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
