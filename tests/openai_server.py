"""Model servers on this machine for tests: one that misbehaves as told, and a real one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Exchange(BaseHTTPRequestHandler):
    """One request, and the ways to answer it."""

    protocol_version = "HTTP/1.1"
    request_read: Request

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def log_message(self, *_: Any) -> None:
        pass

    def json(self, body: Any, *, status: int = 200, **headers: str) -> None:
        self.text(json.dumps(body), kind="application/json", status=status, **headers)

    def text(self, body: str, *, kind: str, status: int = 200, **headers: str) -> None:
        content = body.encode()
        self.send_response(status)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"content-type": kind, **named}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def begin(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def bytes(self, content: bytes) -> None:
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()

    def event(self, data: dict[str, Any] | str) -> None:
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        self.bytes(f"data: {text}\n\n".encode())

    def delta(self, text: str, **more: Any) -> None:
        self.event(chunk({"content": text, **more}))

    def end(self, reason: str | None = "stop", usage: tuple[int, int] | None = None) -> None:
        if reason:
            self.event(chunk({}, finish_reason=reason))
        if usage:
            counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
            self.event(chunk({}) | {"choices": [], "usage": counts})
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def drop(self) -> None:
        """Close the connection as a killed server does."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        parsed = json.loads(body) if body else {}
        self.request_read = Request(self.command, self.path, headers, parsed)
        stub: Stub = self.server.stub  # type: ignore[attr-defined]
        stub.requests.append(self.request_read)
        try:
            route = stub.routes.get(self.path) or (lambda e: e.json({}, status=404))
            route(self)
        except (ConnectionError, ValueError):  # ValueError: the file of a closed socket
            self.close_connection = True
            stub.left.set()


def chunk(delta: dict[str, Any], *, finish_reason: str | None = None) -> dict[str, Any]:
    """Return one event of a streamed chat, as OpenAI's protocol has it."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    shape = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "tiny"}
    return {**shape, "choices": [choice]}


class QuietServer(ThreadingHTTPServer):
    """Says nothing of clients that went away; that is what the tests look for."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


Route = Callable[[Exchange], None]


@dataclass
class Stub:
    """A server that answers each path as told; ``left`` is set once a client has gone away."""

    port: int = 0
    routes: dict[str, Route] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def chats(self) -> list[Request]:
        return [r for r in self.requests if r.path.endswith("/chat/completions")]

    def on_chat(self, route: Route) -> None:
        self.routes["/v1/chat/completions"] = route

    def lists(self, *entries: dict[str, Any]) -> None:
        self.routes["/v1/models"] = lambda e: e.json({"object": "list", "data": list(entries)})


@contextlib.contextmanager
def run_stub() -> Iterator[Stub]:
    """Serve on a free port until the end of the block."""
    server = QuietServer(("127.0.0.1", 0), Exchange)
    stub = Stub(server.server_address[1])
    server.stub = stub  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextlib.contextmanager
def serve_transformers(model: Path, home: Path, *, seconds: float = 120) -> Iterator[str]:
    """Run ``transformers serve`` on the folder ``model``; yield its base URL.

    ``home`` becomes its Hugging Face cache: it lists the models there. Ends it with all it started.
    """
    port = free_port()
    (home / "hub").mkdir(parents=True, exist_ok=True)
    command = [str(Path(sys.executable).with_name("transformers")), "serve", str(model)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    log = home / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=environment, start_new_session=True
        )
    try:
        _wait(f"http://127.0.0.1:{port}/health", process, log, time.monotonic() + seconds)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, until: float) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < until:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            direct.open(url, timeout=2).close()
            return
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise RuntimeError(f"transformers serve did not start:\n{log.read_text('utf-8')[-2000:]}")
