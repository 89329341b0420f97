"""What may happen to a host beside crashes: a disk that is full for a while, and SIGTERM in an outage."""

import os
import random
import shutil
import subprocess
import time

import oracle
from host import Failure, Host, configure
from load import Sender

ATTEMPTS_MAX = 4


def fresh(work):
    for name in ("record", "in.sock", "host.log", "outage"):
        if os.path.exists(f"{work}/{name}"):
            os.remove(f"{work}/{name}")


def drained(host, what, pending=None):
    code, report = host.drain()
    if code != 0 or report.get("problems") or report["deliveries"]["dead"]:
        raise Failure(f"{what}: exit code {code}, {report}\n{host.tail()}")
    if pending is not None and report.get("log", {}).get("pending") not in pending:
        raise Failure(f"{what}: the log has {report.get('log')} and not {pending} pending deliveries")
    return report


def full_disk(options, work):
    """On a disk of 4 MiB: intake stops when it is full, and goes on in the same run when there is room again."""
    fresh(work)
    disk = f"{work}/small"
    os.makedirs(disk, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk]
    result = subprocess.run(mount, capture_output=True, text=True)
    if result.returncode != 0:
        return f"left out: no right to mount: {result.stderr.strip()}"
    host = None
    try:
        # In the way until it is removed.
        with open(f"{disk}/ballast", "wb") as file:
            file.write(bytes(3 << 20))
        configure(work, f"{disk}/data", retention=0)
        host = Host(options.patchbay, work, 0, {}, is_shimmed=False)
        if not host.wait_until(lambda: os.path.exists(f"{work}/in.sock")):
            raise Failure(f"the host did not start:\n{host.tail()}")
        sender = Sender(0, f"{work}/in.sock", random.Random(options.seed))
        # More than the disk has room for; the thread waits in a send that nobody answers.
        sender.send = lambda send=sender.send: send(kinds=["ok"], padding=4000)
        sender.start()
        stalled, amount = time.monotonic(), -1
        while time.monotonic() - stalled < 3 and host.is_running:
            if sender.acknowledged != amount:
                stalled, amount = time.monotonic(), sender.acknowledged
            time.sleep(0.05)
        if not host.is_running or amount <= 0:
            raise Failure(f"{amount} events were accepted, the host ended with {host.process.poll()}\n{host.tail()}")
        os.remove(f"{disk}/ballast")
        if not host.wait_until(lambda: sender.acknowledged > amount, 60):
            raise Failure(f"nothing was accepted after there was room again:\n{host.tail()}")
        sender.is_stopping.set()
        if not host.wait_until(lambda: not left(work, sender), 60):
            raise Failure(f"not handled: {left(work, sender)[:5]}")
        sender.join()
        drained(host, "the run with a full disk", pending=[0, None])
        after = Host(options.patchbay, work, 1, {}, is_shimmed=False)
        host = after
        host.wait_until(lambda: os.path.exists(f"{work}/in.sock"))
        drained(host, "the run after a full disk", pending=[0, None])
        wrong = oracle.check(sender.events, oracle.read(f"{work}/record"), ATTEMPTS_MAX)
        if wrong:
            raise Failure("; ".join(wrong[:5]))
        return f"{amount} events until it was full, {sender.acknowledged} in all"
    finally:
        end(host)
        subprocess.run(["umount", "-l", disk], check=True)
        os.rmdir(disk)


def outage(options, work):
    """SIGTERM while every call fails: nothing dies, everything waits, and the next run handles it."""
    fresh(work)
    shutil.rmtree(f"{work}/outage-data", ignore_errors=True)
    configure(work, f"{work}/outage-data", delay="1s", retries=200)
    open(f"{work}/outage", "w").close()
    environment = {"CRASH_OUTAGE": f"{work}/outage"}
    host = Host(options.patchbay, work, 0, environment, is_shimmed=False)
    try:
        host.wait_until(lambda: os.path.exists(f"{work}/in.sock"))
        sender = Sender(0, f"{work}/in.sock", random.Random(options.seed))
        while len(sender.events) < 200:
            if not sender.send(kinds=["ok"]):
                raise Failure(f"a batch was not accepted:\n{host.tail()}")
        wanted = sum(2 if event.key else 1 for event in sender.events)
        host.wait_until(lambda: len(oracle.read(f"{work}/record")) > 50)
        begun = time.monotonic()
        drained(host, "SIGTERM in an outage", pending=[wanted])
        seconds = time.monotonic() - begun
        if seconds > 15:
            raise Failure(f"the drain took {seconds:.0f} s, although nothing could be done")
        os.remove(f"{work}/outage")
        host = Host(options.patchbay, work, 1, environment, is_shimmed=False)
        if not host.wait_until(lambda: not left(work, sender), 60):
            raise Failure(f"not resumed: {left(work, sender)[:5]}\n{host.tail()}")
        drained(host, "the run after the outage", pending=[0])
        wrong = oracle.check(sender.events, oracle.read(f"{work}/record"), 201)
        if wrong:
            raise Failure("; ".join(wrong[:5]))
        return f"{wanted} deliveries kept and resumed"
    finally:
        end(host)


def left(work, sender):
    return oracle.unsettled(sender.events, oracle.read(f"{work}/record"), 1 << 30)


def end(host):
    if host and host.is_running:
        host.process.kill()
        host.process.wait()
