"""A Hugging Face hub and a ModelScope on 127.0.0.1: the same repositories behind both APIs.

Large files are redirected to a storage address under ``/storage``, as both hubs do. Faults are set
on the object: ``drop_after`` cuts a body, ``never_answer`` accepts and keeps silent, ``refuse``
answers every request with that status, ``spoil`` sends other bytes than were announced,
``pause`` slows files down.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 100_000  # bytes from which a file is stored apart


@dataclass(frozen=True)
class Request:
    """What a client asked for, and the body bytes that it was sent."""

    method: str
    path: str
    headers: dict[str, str]
    sent: int = 0

    @property
    def range(self) -> str | None:
        return self.headers.get("range")


@dataclass
class HubServer:
    """The server's content, its faults, and what it was asked."""

    repositories: dict[str, dict[str, bytes]]
    url: str = ""
    storage: str = ""  # where large files are; another address than ``url``
    drop_after: dict[str, list[int]] = field(default_factory=dict)  # bytes of each next answer
    spoil: set[str] = field(default_factory=set)
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)  # name: status, X-Error-Code
    never_answer: bool = False
    pause: float = 0.0  # seconds before each next 64 KiB of a file
    ignore_range: bool = False
    requests: list[Request] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def asked(self, part: str, method: str = "GET") -> list[Request]:
        """Return the requests with ``part`` in their path, in order."""
        return [r for r in self.requests if r.method == method and part in r.path]

    def describe(self, name: str) -> list[dict[str, object]]:
        """Return the listing of a repository, as ``/api/models/NAME/tree/COMMIT`` has it."""
        listing: list[dict[str, object]] = []
        for path, content in self.repositories[name].items():
            blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
            entry: dict[str, object] = {
                "type": "file", "path": path, "size": len(content), "oid": blob,
            }  # fmt: skip
            if len(content) >= LARGE:
                digest = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 134}
                entry["xetHash"] = hashlib.sha256(b"xet" + content).hexdigest()
            listing.append(entry)
        return listing


def _handler(hub: HubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            headers = {key.lower(): value for key, value in self.headers.items()}
            self.request_seen = Request(self.command, self.path, headers)
            hub.requests.append(self.request_seen)
            if hub.never_answer:
                hub.released.wait(60)
                self.close_connection = True
                return
            path = unquote(urlsplit(self.path).path)
            for name, (status, code) in hub.refuse.items():
                if name in path:
                    self.reply(status, b"{}", {"X-Error-Code": code})
                    return
            query = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
            for pattern, answer in self.routes():
                found = re.fullmatch(pattern, path)
                if found:
                    answer(query=query, **found.groupdict())
                    return
            self.reply(404, b"{}", {"X-Error-Code": "EntryNotFound"})

        def routes(self):  # type: ignore[no-untyped-def]
            name = r"(?P<name>[^/]+/[^/]+)"
            return [
                (rf"/api/models/{name}(/revision/(?P<revision>.+))?", self.info),
                (rf"/api/models/{name}/tree/(?P<revision>[^/]+)/?", self.tree),
                (rf"/{name}/resolve/(?P<revision>[^/]+)/(?P<file>.+)", self.resolve),
                (rf"/storage/{name}/(?P<file>.+)", self.stored),
                (rf"/api/v1/models/{name}/repo/files", self.modelscope_files),
                (rf"/api/v1/models/{name}/repo", self.modelscope_file),
            ]

        def known(self, name: str, revision: str | None) -> bool:
            if name not in hub.repositories:
                self.reply(404, b"{}", {"X-Error-Code": "RepoNotFound"})
                return False
            if revision not in (None, "main", "master", COMMIT):
                self.reply(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
                return False
            return True

        def info(self, *, name: str, revision: str | None, query: dict[str, str]) -> None:
            if self.known(name, revision):
                files = [{"rfilename": path} for path in hub.repositories[name]]
                self.reply_json({"id": name, "modelId": name, "sha": COMMIT, "siblings": files})

        def tree(self, *, name: str, revision: str, query: dict[str, str]) -> None:
            if self.known(name, revision):
                self.reply_json(hub.describe(name))

        def resolve(self, *, name: str, revision: str, file: str, query: dict[str, str]) -> None:
            if not self.known(name, revision):
                return
            content = hub.repositories[name].get(file)
            if content is None:
                self.reply(404, b"", {"X-Error-Code": "EntryNotFound"})
                return
            entry = next(e for e in hub.describe(name) if e["path"] == file)
            about = {"X-Repo-Commit": COMMIT}
            if "lfs" in entry:
                digest = hashlib.sha256(content).hexdigest()
                about |= {
                    "X-Linked-Etag": f'"{digest}"',
                    "X-Linked-Size": str(len(content)),
                    "X-Xet-Hash": str(entry["xetHash"]),
                    "Location": f"{hub.storage}/storage/{name}/{file}",
                }
                self.reply(302, b"", about)
            else:
                self.send_file(file, content, about | {"ETag": f'"{entry["oid"]}"'})

        def stored(self, *, name: str, file: str, query: dict[str, str]) -> None:
            self.send_file(file, hub.repositories[name][file], {})

        def modelscope_files(self, *, name: str, query: dict[str, str]) -> None:
            if name not in hub.repositories or query.get("Revision") != "master":
                self.reply(404, json.dumps({"Code": 10010205001, "Message": "not found"}).encode())
                return
            files = [
                {
                    "Path": path, "Name": path.rpartition("/")[2], "Type": "blob",
                    "Size": len(content), "Sha256": hashlib.sha256(content).hexdigest(),
                    "Revision": COMMIT, "IsLFS": len(content) >= LARGE,
                }
                for path, content in hub.repositories[name].items()
            ]  # fmt: skip
            self.reply_json({"Code": 200, "Success": True, "Data": {"Files": files}})

        def modelscope_file(self, *, name: str, query: dict[str, str]) -> None:
            file = query["FilePath"]
            content = hub.repositories[name].get(file)
            if content is None:
                self.reply(404, b"{}")
            elif len(content) >= LARGE:
                self.reply(302, b"", {"Location": f"{hub.storage}/storage/{name}/{file}"})
            else:
                self.send_file(file, content, {})

        def send_file(self, file: str, content: bytes, about: dict[str, str]) -> None:
            if file in hub.spoil:
                content = bytes([content[0] ^ 1]) + content[1:]
            start = 0
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if asked and not hub.ignore_range:
                start = int(asked[1])
                about["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            about |= {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
            self.reply(206 if start else 200, content[start:], about, file=file)

        def reply_json(self, value: object) -> None:
            self.reply(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

        def reply(
            self,
            status: int,
            body: bytes,
            headers: dict[str, str] | None = None,
            *,
            file: str | None = None,
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            cuts = hub.drop_after.get(file or "", [])
            if cuts:
                body = body[: cuts.pop(0)]
                self.close_connection = True
            if hub.pause and file:
                with suppress(ConnectionError):  # a reader that stops
                    for at in range(0, len(body), 65536):
                        self.wfile.write(body[at : at + 65536])
                        time.sleep(hub.pause)
            else:
                self.wfile.write(body)
            index = next(i for i, r in enumerate(hub.requests) if r is self.request_seen)
            seen = self.request_seen
            hub.requests[index] = Request(seen.method, seen.path, seen.headers, len(body))

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler


@contextmanager
def serve(repositories: dict[str, dict[str, bytes]]) -> Iterator[HubServer]:
    """Serve ``repositories`` (name: path: content) until the block ends, on two ports."""
    hub = HubServer(repositories)
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub)) for _ in range(2)]
    for server in servers:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    hub.url, hub.storage = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    try:
        yield hub
    finally:
        hub.released.set()
        for server in servers:
            server.shutdown()
            server.server_close()
