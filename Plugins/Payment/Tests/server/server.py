#!/usr/bin/env python3
"""A payment API that behaves like Stripe's, and fails like it: for tests of modules and by hand.

Payment intents (create and confirm, capture, search), refunds, idempotency keys whose answers are kept, 400 for a key that
comes with other parameters, 409 while its first request is in flight, 402, 429 with Retry-After. With --faults it also
loses requests and answers, breaks down before and after it has taken money, and answers when the client has left.

The ledger is what it has taken: `GET /_ledger`, and one JSON object a line in --ledger FILE. `POST /_calm` ends the faults.
Prints the port that it listens on.
"""
import argparse
import hashlib
import http.server
import json
import random
import socket
import struct
import sys
import threading
import time
import urllib.parse

SAID = "Your card 4242 4242 4242 4242 with code 987"
FAULTS = [
    "reset_before", "reset_after", "timeout_before", "timeout_after", "slow", "broken_before", "broken_after",
    "proxy_after", "limited", "unavailable",
]


class Failure(Exception):
    """An answer with an error."""

    def __init__(self, status, kind, code=None, message="", decline=None, headers=None):
        self.status, self.headers = status, headers or {}
        self.body = {"error": {"type": kind, "message": message or f"{SAID}: {code or kind}"}}
        if code:
            self.body["error"]["code"] = code
        if decline:
            self.body["error"]["decline_code"] = decline


class Bank:
    """Everything that is kept: keys, payments, refunds, and the ledger of what moved money."""

    def __init__(self, ledger, seed, rate, delay):
        self.lock = threading.Lock()
        self.random = random.Random(seed)
        self.rate, self.delay = rate, delay
        self.keys, self.intents, self.refunds, self.ledger = {}, {}, {}, []
        self.counts = {}
        self.file = open(ledger, "a", buffering=1) if ledger else None

    def fault(self):
        with self.lock:
            name = self.random.choice(FAULTS) if self.random.random() < self.rate else "none"
            self.counts[name] = self.counts.get(name, 0) + 1
            return name

    def write(self, kind, intent, amount, key):
        entry = {"kind": kind, "id": intent["id"], "amount": amount, "key": key,
                 "order": intent["metadata"].get("order", "")}
        self.ledger.append(entry)
        if self.file:
            print(json.dumps(entry), file=self.file)

    # The requests themselves, under the lock.

    def create(self, form, key):
        amount, currency = form.get("amount", ""), form.get("currency", "")
        if not amount.isdigit() or int(amount) == 0 or len(currency) != 3:
            raise Failure(400, "invalid_request_error", "parameter_invalid_integer")
        method = form.get("payment_method")
        if form.get("confirm") != "true" or not method:
            raise Failure(400, "invalid_request_error", "parameter_missing")
        if method == "pm_declined":
            raise Failure(402, "card_error", "card_declined", decline="insufficient_funds")
        manual = form.get("capture_method") == "manual"
        intent = {
            "id": f"pi_{len(self.intents) + 1}", "object": "payment_intent", "amount": int(amount),
            "amount_received": 0 if manual else int(amount), "currency": currency, "customer": form.get("customer"),
            "status": "requires_capture" if manual else "succeeded", "metadata": metadata(form),
        }
        self.intents[intent["id"]] = intent
        if not manual:
            self.write("charge", intent, int(amount), key)
        return intent

    def capture(self, name, form, key):
        intent = self.intents.get(name)
        if not intent:
            raise Failure(404, "invalid_request_error", "resource_missing")
        if intent["status"] != "requires_capture":
            raise Failure(400, "invalid_request_error", "payment_intent_unexpected_state")
        amount = int(form.get("amount_to_capture", intent["amount"]))
        if amount > intent["amount"]:
            raise Failure(400, "invalid_request_error", "amount_too_large")
        intent["status"], intent["amount_received"] = "succeeded", amount
        intent["metadata"].update(metadata(form))
        self.write("capture", intent, amount, key)
        return intent

    def refund(self, form, key):
        intent = self.intents.get(form.get("payment_intent"))
        if not intent:
            raise Failure(404, "invalid_request_error", "resource_missing")
        back = sum(r["amount"] for r in self.refunds.values() if r["payment_intent"] == intent["id"])
        amount = int(form.get("amount", intent["amount_received"] - back))
        if amount <= 0 or amount > intent["amount_received"] - back:
            raise Failure(400, "invalid_request_error", "charge_already_refunded")
        refund = {"id": f"re_{len(self.refunds) + 1}", "object": "refund", "amount": amount, "status": "succeeded",
                  "currency": intent["currency"], "payment_intent": intent["id"], "metadata": metadata(form)}
        self.refunds[refund["id"]] = refund
        self.write("refund", intent, amount, key)
        return refund

    def find(self, path, query):
        if path == "/v1/payment_intents/search":
            name, _, value = query.get("query", "").partition(":")
            value = value.strip("'").replace("\\'", "'").replace("\\\\", "\\")
            found = [i for i in self.intents.values() if f"metadata['{key_of(i, value)}']" == name]
            return {"object": "search_result", "data": found[: int(query.get("limit", 10))], "has_more": False}
        if path == "/v1/refunds":
            found = [r for r in self.refunds.values() if r["payment_intent"] == query.get("payment_intent")]
            return {"object": "list", "data": found[::-1][:100], "has_more": False}
        intent = self.intents.get(path.rsplit("/", 1)[-1])
        if not intent:
            raise Failure(404, "invalid_request_error", "resource_missing")
        return intent


def metadata(form):
    return {name[9:-1]: value for name, value in form.items() if name.startswith("metadata[")}


def key_of(intent, value):
    return next((name for name, held in intent["metadata"].items() if held == value), "")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bank = None

    def log_message(self, *arguments):
        pass

    def handle(self):
        try:
            super().handle()
        except ConnectionError:
            pass    # The client has left.

    def do_GET(self):
        if self.path == "/_ledger":
            with self.bank.lock:
                return self.answer(200, {"entries": self.bank.ledger, "faults": self.bank.counts})
        self.guarded(lambda fault: self.get(fault))

    def do_POST(self):
        self.form = dict(urllib.parse.parse_qsl(
            self.rfile.read(int(self.headers.get("content-length", 0))).decode(), keep_blank_values=True))
        if self.path == "/_calm":
            self.bank.rate = 0
            return self.answer(200, {})
        self.guarded(lambda fault: self.post(fault))

    def guarded(self, body):
        fault = self.bank.fault()
        if fault == "reset_before":
            return self.reset()
        if fault == "timeout_before":
            time.sleep(self.bank.delay)
            return self.reset()
        try:
            if self.headers.get("authorization") != "Bearer sk_test":
                raise Failure(401, "invalid_request_error")
            if fault == "limited":
                raise Failure(429, "rate_limit_error", "rate_limit", headers={"Retry-After": "1"})
            if fault == "unavailable":
                raise Failure(503, "api_error")
            body(fault)
        except Failure as failure:
            self.answer(failure.status, failure.body, failure.headers)

    def get(self, fault):
        if fault in ("broken_before", "broken_after"):
            raise Failure(500, "api_error")
        url = urllib.parse.urlsplit(self.path)
        with self.bank.lock:
            found = self.bank.find(url.path, dict(urllib.parse.parse_qsl(url.query)))
        self.deliver(fault, 200, found)

    def post(self, fault):
        key = self.headers.get("idempotency-key", "")
        if not key or len(key) > 255:
            raise Failure(400, "invalid_request_error", "idempotency_key_invalid")
        digest = hashlib.sha256(json.dumps([self.path, sorted(self.form.items())]).encode()).hexdigest()
        bank = self.bank
        with bank.lock:
            known = bank.keys.get(key)
            if known and known["digest"] != digest:
                raise Failure(400, "idempotency_error", message="Keys can only be used with the same parameters.")
            if known and known["answer"] is None:
                raise Failure(409, "idempotency_error", "idempotency_key_in_use")
            if not known:
                if fault == "broken_before":
                    # Nothing was begun, so nothing is kept.
                    raise Failure(500, "api_error")
                bank.keys[key] = {"digest": digest, "answer": None}
        if known:
            return self.deliver(fault, *known["answer"], {"Idempotent-Replayed": "true"})
        if fault == "slow":
            time.sleep(bank.delay)
        with bank.lock:
            try:
                status, body = 200, self.perform(key)
            except Failure as failure:
                status, body = failure.status, failure.body
            if fault == "broken_after" and status == 200:
                status, body = 500, Failure(500, "api_error").body
            bank.keys[key]["answer"] = (status, json.loads(json.dumps(body)))
        self.deliver(fault, status, body)

    def perform(self, key):
        parts = self.path.strip("/").split("/")
        if parts == ["v1", "payment_intents"]:
            return self.bank.create(self.form, key)
        if parts[:2] == ["v1", "payment_intents"] and parts[3:] == ["capture"]:
            return self.bank.capture(parts[2], self.form, key)
        if parts == ["v1", "refunds"]:
            return self.bank.refund(self.form, key)
        raise Failure(404, "invalid_request_error", "resource_missing")

    # The way back.

    def deliver(self, fault, status, body, headers=None):
        if fault == "reset_after":
            return self.reset()
        if fault == "timeout_after":
            time.sleep(self.bank.delay)
        if fault == "proxy_after":
            return self.answer(502, None)
        self.answer(status, body, headers)

    def answer(self, status, body, headers=None):
        text = b"<html>bad gateway</html>" if body is None else json.dumps(body).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if body is None else "application/json")
            self.send_header("Content-Length", str(len(text)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)
        except OSError:
            self.close_connection = True    # The client has left.

    def reset(self):
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        # What the base class flushes and closes later is this, and not the closed connection.
        self.wfile = open("/dev/null", "wb")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--faults", type=float, default=0, help="how many of the requests meet one, from 0 to 1")
    parser.add_argument("--delay", type=float, default=1.5, help="seconds that slow answers take")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ledger", help="file that what was taken is added to")
    options = parser.parse_args()
    Handler.bank = Bank(options.ledger, options.seed, options.faults, options.delay)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
