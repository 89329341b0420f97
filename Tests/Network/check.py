#!/usr/bin/env python3
"""Whom the host trusts: builtin.http against a TLS server on loopback, with and without a reason to trust it.

    python3 Tests/Network/check.py .build/debug/patchbay
"""
import http.server
import json
import pathlib
import ssl
import subprocess
import sys
import tempfile
import threading

CASES = [
    # What the URL names, what the pool trusts, what the dead letter says; None: the event is done.
    ("a certificate of a trusted authority", "localhost", "ca.pem", None),
    ("the same under another name than the certificate's", "127.0.0.1", "ca.pem", "tls: "),
    ("an authority that nobody has heard of", "localhost", "", "tls: "),
]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        pass


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def certify(folder):
    """An authority (ca.pem) and a certificate of its for localhost (server.pem)."""
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=authority",
            "-keyout", "ca.key", "-out", "ca.pem")
    openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "server.key",
            "-out", "server.csr")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    openssl(folder, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", "names", "-out", "server.pem")


def serve(folder):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def run(patchbay, folder, host, port, trusted):
    """What the dead letter of one event says; None: there is none."""
    letters = folder / "dead-letters.jsonl"
    letters.unlink(missing_ok=True)
    (folder / "event.jsonl").write_text(
        json.dumps({"specversion": "1.0", "id": "1", "source": "/check", "type": "com.example.check"}) + "\n")
    (folder / "patchbay.yaml").write_text(json.dumps({
        "apiVersion": "patchbay/v1",
        "modules": {"load": [{"name": "hook", "builtin": "http", "config": {"url": f"https://{host}:{port}/"}}]},
        "policies": {"retries": {"default": {"policy": "none"}}, "connectionPools": {"default": {"caFile": trusted}}},
        "routes": [{"name": "all", "to": [{"handler": "hook.http"}]}],
        "sources": [{"name": "in", "type": "file", "path": "event.jsonl"}],
    }))
    done = subprocess.run([patchbay, "run", "--once", "-c", "patchbay.yaml"], cwd=folder, capture_output=True,
                          text=True, timeout=120)
    if done.returncode not in (0, 3):
        raise SystemExit(f"patchbay exited with {done.returncode}:\n{done.stderr}")
    return json.loads(letters.read_text())["dlqreason"] if letters.exists() and letters.stat().st_size else None


def main():
    patchbay = str(pathlib.Path(sys.argv[1]).resolve())
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        certify(folder)
        server = serve(folder)
        for title, host, trusted, expected in CASES:
            reason = run(patchbay, folder, host, server.server_address[1], trusted)
            is_fine = reason is None if expected is None else reason is not None and reason.startswith(expected)
            failed += not is_fine
            print(f"{'ok    ' if is_fine else 'FAILED'}  {title}: {reason or 'done'}")
        server.shutdown()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
