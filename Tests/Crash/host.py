"""Builds the shim and the handlers, and starts and ends hosts under them."""

import json
import os
import signal
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

CONFIGURATION = """\
apiVersion: patchbay/v1
modules: {{directory: {work}/plugins}}
log: {{backend: file, path: {data}, sync: always, retention: {{bytes: {retention}, age: 0s}}}}
policies:
  retries:
    default: {{policy: constant, duration: {delay}, maxRetries: {retries}, jitter: none}}
    quick: {{policy: constant, duration: {delay}, maxRetries: {retries}, jitter: none}}
  circuitBreakers:
    default: {{trip: consecutiveFailures >= 1000000}}
  bulkheads:
    default: {{maxInFlight: 16}}
routes:
  - {{name: work, type: "crash.*", match: event.type != "crash.follow", to: [{{handler: crash.work}}], use: {{retry: quick}}}}
  - name: keyed
    type: crash.keyed
    ordering: {{key: event.partitionkey}}
    to: [{{handler: crash.keyed}}]
    use: {{retry: quick}}
  - {{name: follow, type: crash.follow, to: [{{handler: crash.follow}}], use: {{retry: quick}}}}
  - {{name: booked, type: crash-booked, to: [{{handler: crash.booked}}]}}
  - {{name: again, type: crash-again, to: [{{handler: crash.again}}], use: {{retry: quick}}}}
unmatched: drop
sources: [{{name: inbox, type: socket, path: {work}/in.sock}}]
shutdown: {{drain: 20s}}
"""


class Failure(Exception):
    """Something that must not happen."""


def build(work):
    """Compiles the shim and the module into `work`."""
    os.makedirs(f"{work}/plugins", exist_ok=True)
    flags = ["cc", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run([*flags, f"{HERE}/shim.c", "-o", f"{work}/shim.so", "-ldl", "-lpthread"], check=True)
    include = f"-I{ROOT}/sdk/c/include"
    subprocess.run(
        [*flags, "-fvisibility=hidden", include, f"{HERE}/handlers.c", "-o", f"{work}/plugins/crash.so"], check=True
    )


class Host:
    """One process of the host. `environment` is added to ours."""

    def __init__(self, patchbay, work, cycle, environment, is_shimmed=True):
        self.work = work
        self.log = f"{work}/host.log"
        self.out = f"{work}/host.json"
        added = {"CRASH_CYCLE": str(cycle), "CRASH_RECORD": f"{work}/record", **environment}
        if is_shimmed:
            added |= {
                "LD_PRELOAD": f"{work}/shim.so",
                "CRASH_ROOT": f"{work}/disk",
                "CRASH_SHADOW": f"{work}/shadow",
            }
        with open(self.log, "a") as log, open(self.out, "w") as out:
            log.write(f"-- cycle {cycle} {environment}\n")
            log.flush()
            self.process = subprocess.Popen(
                [patchbay, "run", "-c", f"{work}/patchbay.yaml", "--json", "--log-level", "warning"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=log, cwd=work, env={**os.environ, **added},
            )

    @property
    def is_running(self):
        return self.process.poll() is None

    def wait_until(self, condition, seconds=60.0):
        """Waits for a condition while the process runs; false when it ended, or time is over."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if condition():
                return True
            if not self.is_running:
                return False
            time.sleep(0.005)
        return False

    def kill(self):
        """kill -9. Ending by itself before is a failure, unless the shim did it."""
        if self.is_running:
            self.process.send_signal(signal.SIGKILL)
        code = self.process.wait()
        if code != -signal.SIGKILL:
            raise Failure(f"the host ended by itself with {code}:\n{self.tail()}")

    def drain(self):
        """SIGTERM; the exit code and the report."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=90)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure("the host did not end within 90 s of SIGTERM") from None
        with open(self.out) as file:
            text = file.read()
        if not text.strip():
            raise Failure(f"the host ended with {code} and without a report:\n{self.tail()}")
        return code, json.loads(text)

    def tail(self):
        with open(self.log, errors="replace") as file:
            return "".join(file.readlines()[-12:])


def configure(work, data, delay="20ms", retries=3, retention=65536):
    with open(f"{work}/patchbay.yaml", "w") as file:
        file.write(CONFIGURATION.format(work=work, data=data, delay=delay, retries=retries, retention=retention))
