"""Load over the host's socket: events by the batch, and which of them the host said it had accepted."""

import json
import socket
import threading
import time

KINDS = ["ok"] * 10 + ["t1", "t1", "t2", "no", "never", "emit", "emit", "later", "timer", "book", "book"]


class Event:
    """An event that was offered. `batch` numbers the connection that it went over, `line` its place there."""

    __slots__ = ("id", "kind", "key", "batch", "line", "is_acknowledged")

    def __init__(self, id, kind, key, batch, line):
        self.id, self.kind, self.key, self.batch, self.line = id, kind, key, batch, line
        self.is_acknowledged = False

    def encoded(self, padding):
        members = {
            "specversion": "1.0", "id": self.id, "source": "/crash", "subject": self.kind,
            "type": "crash.keyed" if self.key else "crash.plain", "data": {"padding": "x" * padding},
        }
        if self.key:
            members["partitionkey"] = self.key
        return json.dumps(members).encode() + b"\n"


class Sender(threading.Thread):
    """Sends batch after batch until it is stopped; a batch whose answer never came is not sent again."""

    def __init__(self, number, path, random, batch_max=20):
        super().__init__(daemon=True)
        self.number, self.path, self.random, self.batch_max = number, path, random, batch_max
        self.events = []
        self.batches = 0
        self.acknowledged = 0
        self.refused = []
        self.is_stopping = threading.Event()

    def run(self):
        while not self.is_stopping.is_set():
            if not self.send():
                time.sleep(0.01)
            time.sleep(self.random.random() * 0.05)

    def send(self, kinds=KINDS, padding=None):
        """One batch; whether it was acknowledged."""
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(120)
        try:
            client.connect(self.path)
        except OSError:
            client.close()
            return False
        self.batches += 1
        events = []
        lines = b""
        for line in range(self.random.randint(1, self.batch_max)):
            key = f"k{self.number}-{self.random.randint(0, 2)}" if self.random.random() < 0.4 else ""
            id = f"s{self.number}-{self.batches}-{line}"
            event = Event(id, self.random.choice(kinds), key, (self.number, self.batches), line)
            events.append(event)
            size = self.random.choice([20, 100, 300, 300, 3000]) if padding is None else padding
            lines += event.encoded(size)
        self.events += events
        answer = b""
        try:
            client.sendall(lines)
            client.shutdown(socket.SHUT_WR)
            while part := client.recv(4096):
                answer += part
        except OSError:
            pass
        client.close()
        if not answer.endswith(b"\n"):
            return False
        said = json.loads(answer)
        if said["refused"] or said.get("end"):
            # Which ones were accepted is in the answer: the first lines, but for those that were refused.
            self.refused.append(said)
        taken = said.get("lines", len(events))
        for event in events[:taken]:
            event.is_acknowledged = said["refused"] == 0
        self.acknowledged += said["accepted"]
        return True
