#!/usr/bin/env python3
"""A framework on the unmodified library pymesos: one Docker task, from launch to kill.

    pymesos_framework.py MASTER IMAGE [--command 'sleep 1000'] [--network HOST|BRIDGE|NONE] ...

MASTER is `host:port` or `zk://host:port/mesos`. The framework subscribes, launches one task of
IMAGE on the first offer that is large enough, kills the task when it is told TASK_RUNNING, and
ends after TASK_KILLED. The library acknowledges each update by itself.

Standard output is one JSON object per line, each with the key `event`:

    {"event": "registered", "framework_id": "...", "master": {...}}
    {"event": "launched", "task_id": "...", "agent_id": "...", "offer_id": "..."}
    {"event": "update", "status": {<the TaskStatus as it came>}}
    {"event": "killing", "task_id": "..."}
    {"event": "finished", "states": ["TASK_STARTING", "TASK_RUNNING", "TASK_KILLED"]}
    {"event": "failed", "reason": "..."}

Exit status: 0 after TASK_KILLED, 1 after another end, 2 when the time is over.
"""

import argparse
import json
import logging
import os
import sys
import threading
import time
import uuid

from addict import Dict
from pymesos import MesosSchedulerDriver, Scheduler

TERMINAL = {
    "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR",
    "TASK_LOST", "TASK_DROPPED", "TASK_GONE", "TASK_GONE_BY_OPERATOR",
}


def say(event, **details):
    print(json.dumps({"event": event, **details}), flush=True)


class OneTask(Scheduler):
    """Runs one task and ends it. All methods but `wait` run on the library's own thread."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.task_id = None
        self.states = []
        self.killed = False
        self.over = threading.Event()
        self.outcome = None

    def wait(self, deadline):
        """Waits for the end; returns the process' exit status."""
        while not self.over.wait(0.1):
            if time.monotonic() > deadline:
                say("failed", reason="the time is over", states=self.states)
                return 2
        return self.outcome

    def end(self, outcome, event, **details):
        if not self.over.is_set():
            say(event, states=self.states, **details)
            self.outcome = outcome
            self.over.set()

    def registered(self, driver, framework_id, master):
        say("registered", framework_id=framework_id["value"], master=master)

    def reregistered(self, driver, master):
        say("reregistered", master=master)

    def disconnected(self, driver):
        if not self.over.is_set():
            say("disconnected")

    def resourceOffers(self, driver, offers):
        for offer in offers:
            if self.task_id is None and self.is_large_enough(offer):
                task = self.task(offer)
                self.task_id = task.task_id.value
                driver.launchTasks(offer.id, [task])
                say("launched", task_id=self.task_id, agent_id=offer.agent_id.value,
                    offer_id=offer.id.value)
            else:
                driver.declineOffer(offer.id, Dict(refuse_seconds=60))

    def offerRescinded(self, driver, offer_id):
        say("rescinded", offer_id=offer_id["value"])

    def statusUpdate(self, driver, status):
        say("update", status=status)
        if status.task_id.value != self.task_id:
            return
        if not self.states or self.states[-1] != status.state:
            self.states.append(status.state)
        if status.state == "TASK_RUNNING" and not self.killed:
            self.killed = True
            say("killing", task_id=self.task_id)
            driver.killTask(status.task_id)
        elif status.state == "TASK_KILLED":
            # The library acknowledges after this method; the end may come only after that.
            threading.Timer(self.arguments.linger, self.end, (0, "finished")).start()
        elif status.state in TERMINAL:
            reason = f"{status.state}: {status.get('message', 'no message')}"
            threading.Timer(self.arguments.linger, self.end, (1, "failed"), {"reason": reason}).start()

    def error(self, driver, message):
        self.end(1, "failed", reason=f"the master says: {message}")

    def is_large_enough(self, offer):
        scalars = {
            resource.name: resource.scalar.value
            for resource in offer.resources if resource.type == "SCALAR"
        }
        wanted = {"cpus": self.arguments.cpus, "mem": self.arguments.mem}
        return all(scalars.get(name, 0) >= amount for name, amount in wanted.items())

    def task(self, offer):
        arguments = self.arguments
        task = Dict()
        task.task_id.value = arguments.task_id
        task.agent_id.value = offer.agent_id.value
        task.name = arguments.name
        task.resources = [
            Dict(name="cpus", type="SCALAR", scalar=Dict(value=arguments.cpus)),
            Dict(name="mem", type="SCALAR", scalar=Dict(value=arguments.mem)),
        ]
        task.container.type = "DOCKER"
        task.container.docker.image = arguments.image
        task.container.docker.network = arguments.network
        if arguments.command is None:
            task.command.shell = False
        else:
            task.command.value = arguments.command
        task.labels.labels = [Dict(key="client", value="pymesos")]
        return task


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("master", help="host:port or zk://host:port/mesos")
    parser.add_argument("image", help="the Docker image to run")
    parser.add_argument("--command", help="a shell line; without it the image's own command")
    parser.add_argument("--network", default="HOST", choices=["HOST", "BRIDGE", "NONE"])
    parser.add_argument("--cpus", type=float, default=0.1)
    parser.add_argument("--mem", type=float, default=32)
    parser.add_argument("--name", default="pymesos-task")
    parser.add_argument("--task-id", default=f"pymesos.{uuid.uuid4()}")
    parser.add_argument("--role", default="*")
    parser.add_argument("--timeout", type=float, default=60, help="seconds until exit status 2")
    parser.add_argument("--linger", type=float, default=0.5,
                        help="seconds between the last update and the end")
    return parser.parse_args()


def main():
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    arguments = parse()
    framework = Dict(
        user="root",
        name="pymesos",
        hostname=os.uname().nodename,
        role=arguments.role,
        capabilities=[Dict(type="TASK_KILLING_STATE"), Dict(type="PARTITION_AWARE")],
    )
    scheduler = OneTask(arguments)
    driver = MesosSchedulerDriver(scheduler, framework, arguments.master, use_addict=True)
    driver.start()
    outcome = scheduler.wait(time.monotonic() + arguments.timeout)
    # Ends the framework with a TEARDOWN, as the library does on every orderly stop.
    driver.stop()
    driver.join()
    return outcome


if __name__ == "__main__":
    sys.exit(main())
