"""A Qdrant on 127.0.0.1, as far as ragkit asks one: its REST paths over the client's own embedded
Qdrant, which holds the points and searches.

No Qdrant server can be had from PyPI, Debian or npm. What is real here are the client's requests
over HTTP, their sizes, headers and repetition; ``refuse`` answers the next requests with a status.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from qdrant_client import QdrantClient, models


@dataclass
class QdrantServer:
    """What the server holds, what it was asked, and how it fails."""

    url: str = ""
    key: str | None = None
    refuse: list[int] = field(default_factory=list)  # statuses of the next answers
    asked: list[tuple[str, str, Any]] = field(default_factory=list)  # method, path, body
    held: Any = field(default_factory=lambda: QdrantClient(":memory:"))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def batches(self) -> list[int]:
        """Return how many points each write had."""
        writes = [body for method, path, body in self.asked if path.endswith("/points")]
        return [len(body["points"]) for body in writes if "points" in body]

    def answer(self, method: str, path: str, body: Any) -> Any:
        """Return the result of one request; KeyError where there is no such path."""
        found = re.fullmatch(r"/collections(?:/(?P<name>[^/]+)(?P<rest>/.*)?)?", path)
        if found is None:
            raise KeyError(path)
        name, rest, held = found["name"], found["rest"] or "", self.held
        match method, rest:
            case "GET", "":
                if name is None:
                    return held.get_collections().model_dump()
                return held.get_collection(name).model_dump(mode="json")
            case "GET", "/exists":
                return {"exists": held.collection_exists(name)}
            case "PUT", "":
                made = models.CreateCollection(**body)
                return held.create_collection(
                    name, vectors_config=made.vectors, sparse_vectors_config=made.sparse_vectors
                )
            case "DELETE", "":
                return held.delete_collection(name)
            case "PUT", "/index":
                return {"operation_id": 0, "status": "completed"}
            case "PUT", "/points":
                points = models.PointsList(**body).points
                return held.upsert(name, points).model_dump(mode="json")
            case "POST", "/points/delete":
                chosen = models.PointIdsList(**body)
                return held.delete(name, chosen).model_dump(mode="json")
            case "POST", "/points/count":
                return held.count(name, exact=True).model_dump()
            case "POST", "/points/query":
                asked = models.QueryRequest(**body)
                return held.query_points(
                    name,
                    query=asked.query,
                    using=asked.using,
                    query_filter=asked.filter,
                    limit=asked.limit or 10,
                    with_payload=asked.with_payload,
                ).model_dump(mode="json")
        raise KeyError(f"{method} {path}")


@contextmanager
def run_qdrant(*, key: str | None = None) -> Iterator[QdrantServer]:
    """Run the server until the block ends; with ``key`` it refuses who has not got it."""
    server = QdrantServer(key=key)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path = self.path.partition("?")[0]
            with server.lock:
                server.asked.append((self.command, path, body))
                if server.key is not None and self.headers.get("api-key") != server.key:
                    return self.reply(401, {"status": {"error": "Must provide an API key"}})
                if server.refuse:
                    status = server.refuse.pop(0)
                    return self.reply(status, {"status": {"error": f"told to say {status}"}})
                try:
                    result = server.answer(self.command, path, body)
                except KeyError as error:
                    return self.reply(404, {"status": {"error": f"Not found: {error}"}})
                except ValueError as error:
                    return self.reply(400, {"status": {"error": str(error)}})
                return self.reply(200, {"result": result, "status": "ok", "time": 0.0})

        do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815  # the base class's names

        def reply(self, status: int, content: dict[str, Any]) -> None:
            data = json.dumps(content, default=str).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_port}"
    threading.Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
