"""Slack's Web API on loopback, as far as publishing needs it: the real `slack_sdk.WebClient` talks to it.

It is as strict as Slack where that matters: only `chat.postMessage` takes a channel's name, a scope that is not granted is missing,
history and channel lists come in pages, and a message is only returned with its metadata when that is asked for.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

TOKEN = "xoxb-loopback"  # noqa: S105 (no secret: the server below is the only one that knows it)
ALL_SCOPES = frozenset({"chat:write", "channels:history", "channels:read"})
_SCOPES = {
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "conversations.history": "channels:history",
    "conversations.list": "channels:read",
}
Fields = dict[str, Any]


@dataclass
class SlackServer:
    """A workspace.

    Attributes:
        channels: ID by name, the names without `#`.
        members: IDs of the channels the app was invited to.
        scopes: What the token may do.
        messages: By channel ID, oldest first.
        calls: Methods called, in order.
        errors: Error code that a method answers, until it is taken out.
        statuses: HTTP status that a method answers once instead of its result; 429 asks to retry at once.
        hang_up_after: Methods whose answer is lost once, after Slack has done what was asked.
        page_size: Most entries a page has, whatever limit is asked for.
    """

    channels: dict[str, str] = field(default_factory=lambda: {"random": "C0RANDOM", "experiments": "C0EXPERIMENTS", "promise": "C0PROMISE"})
    members: set[str] = field(default_factory=lambda: {"C0RANDOM", "C0EXPERIMENTS", "C0PROMISE"})
    scopes: set[str] = field(default_factory=lambda: set(ALL_SCOPES))
    messages: dict[str, list[Fields]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    hang_up_after: set[str] = field(default_factory=set)
    page_size: int = 2
    base_url: str = ""

    def client(self, token: str = TOKEN) -> WebClient:
        """A real client of this workspace."""
        return WebClient(token, base_url=self.base_url, timeout=10)

    def in_channel(self, name: str) -> list[Fields]:
        """The messages of a channel, oldest first."""
        return self.messages.get(self.channels[name], [])

    def answer(self, method: str, token: str, fields: Fields) -> Fields:
        """What Slack would answer."""
        self.calls.append(method)
        if method in self.errors:
            return _error(self.errors[method])
        if token != TOKEN:
            return _error("invalid_auth" if token else "not_authed")
        if _SCOPES[method] not in self.scopes:
            return {**_error("missing_scope"), "needed": _SCOPES[method], "provided": ",".join(sorted(self.scopes))}
        return {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.list": self._list,
        }[method](fields)

    def _post(self, fields: Fields) -> Fields:
        channel = self.channels.get(str(fields["channel"]).removeprefix("#"), fields["channel"])
        refusal = self._refusal(channel, fields)
        if refusal:
            return refusal
        ts = f"{time.time() + 0.001 * len(self.in_all()):.6f}"
        self.messages.setdefault(channel, []).append({"type": "message", "ts": ts, "edits": 0} | self._content(fields))
        return {"ok": True, "channel": channel, "ts": ts}

    def _update(self, fields: Fields) -> Fields:
        channel = fields["channel"]
        refusal = self._refusal(channel, fields)
        if refusal:
            return refusal
        for message in self.messages.get(channel, []):
            if message["ts"] == fields["ts"]:
                message.update(self._content(fields), edits=message["edits"] + 1)
                return {"ok": True, "channel": channel, "ts": fields["ts"]}
        return _error("message_not_found")

    def _history(self, fields: Fields) -> Fields:
        channel = fields["channel"]
        refusal = self._refusal(channel, {"text": "read"})
        if refusal:
            return refusal
        newest_first = [m for m in reversed(self.messages.get(channel, [])) if float(m["ts"]) >= float(fields.get("oldest", 0))]
        with_metadata = str(fields.get("include_all_metadata", "0")).lower() in {"1", "true"}
        shown = [{k: v for k, v in m.items() if k != "metadata" or with_metadata} for m in newest_first]
        return self._page("messages", shown, fields)

    def _list(self, fields: Fields) -> Fields:
        return self._page("channels", [{"id": channel, "name": name} for name, channel in self.channels.items()], fields)

    def _page(self, key: str, entries: list[Fields], fields: Fields) -> Fields:
        start = int(fields.get("cursor") or 0)
        end = start + min(self.page_size, int(fields.get("limit", 100)))
        return {"ok": True, key: entries[start:end], "response_metadata": {"next_cursor": str(end) if end < len(entries) else ""}}

    def _refusal(self, channel: str, fields: Fields) -> Fields | None:
        if channel not in self.channels.values():
            return _error("channel_not_found")
        if channel not in self.members:
            return _error("not_in_channel")
        if not fields.get("text") and not fields.get("blocks"):
            return _error("no_text")
        return _refuse_blocks(_parsed(fields.get("blocks")) or [])

    def _content(self, fields: Fields) -> Fields:
        return {key: _parsed(fields[key]) for key in ("text", "blocks", "metadata") if key in fields}

    def in_all(self) -> list[Fields]:
        """Every message of the workspace."""
        return [message for messages in self.messages.values() for message in messages]


@contextmanager
def slack_server() -> Iterator[SlackServer]:
    """A workspace that listens on a free port of loopback."""
    workspace = SlackServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve(dict(_flat(parse_qs(urlsplit(self.path).query))))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            is_json = self.headers.get("Content-Type", "").startswith("application/json")
            self._serve(json.loads(body) if is_json else dict(_flat(parse_qs(body))))

        def _serve(self, fields: Fields) -> None:
            method = urlsplit(self.path).path.rpartition("/")[2]
            status = workspace.statuses.pop(method, None)
            if status is not None:
                workspace.calls.append(method)
                self._reply(status, {"ok": False, "error": "ratelimited"} if status == 429 else None)
                return
            answer = workspace.answer(method, self.headers.get("Authorization", "").removeprefix("Bearer "), fields)
            if method in workspace.hang_up_after:
                workspace.hang_up_after.remove(method)
                self.close_connection = True
                return
            self._reply(200, answer)

        def _reply(self, status: int, answer: Fields | None) -> None:
            body = json.dumps(answer).encode() if answer is not None else b"upstream connect error"
            self.send_response(status)
            self.send_header("Content-Type", "application/json" if answer is not None else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            if status == 429:
                self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    workspace.base_url = f"http://127.0.0.1:{server.server_address[1]}/api/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield workspace
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _refuse_blocks(blocks: list[Fields]) -> Fields | None:
    if len(json.dumps(blocks, ensure_ascii=False)) > 13_200:
        return _error("msg_blocks_too_long")
    if len(blocks) > 50:
        return _error("invalid_blocks")
    for block in blocks:
        try:
            parsed = Block.parse(block)
            if parsed is None or (block["type"] == "section" and not block["text"]["text"]):
                return _error("invalid_blocks")
            parsed.validate_json()
        except (SlackObjectFormationError, TypeError, KeyError):
            return _error("invalid_blocks")
    return None


def _parsed(value: Any) -> Any:
    """Blocks and metadata arrive as JSON text inside a form."""
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _flat(query: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    for key, values in query.items():
        yield key, values[-1]


def _error(code: str) -> Fields:
    return {"ok": False, "error": code}
