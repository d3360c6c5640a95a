"""Accepts only requests of pages that this server served itself."""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' {sockets}; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HTTP_DEFAULT = 80


class Guard:
    """Refuses requests to other names than this server's, and requests of other sites' pages.

    A page of another site can send requests to 127.0.0.1, also by a host name of its own that resolves to it (DNS
    rebinding). The browser's headers tell: `Host` is the name that was asked for, `Origin` the site of the page. A
    WebSocket needs an `Origin`.

    Args:
        app: the application to guard.
        port: on which it is served.
    """

    def __init__(self, app: ASGIApp, port: int):
        self._app = app
        self.hosts = {f"{host}:{port}" for host in HOSTS} | (set(HOSTS) if port == HTTP_DEFAULT else set())
        self._origins = {f"http://{host}" for host in self.hosts}
        sockets = " ".join(sorted(f"ws://{host}" for host in self.hosts))
        self._headers = {
            "content-security-policy": POLICY.format(sockets=sockets),
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cross-origin-resource-policy": "same-origin",
            "cache-control": "no-store",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif self._welcome(scope):
            await self._app(scope, receive, self._marked(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            address = " or ".join(sorted(self._origins))
            refusal = PlainTextResponse(f"only this machine's own page may ask here: open {address}\n", 403)
            await refusal(scope, receive, send)

    def _welcome(self, scope: Scope) -> bool:
        given: dict[str, list[str]] = {"host": [], "origin": []}
        for name, value in scope["headers"]:
            if name.decode("latin-1").lower() in given:
                given[name.decode("latin-1").lower()].append(value.decode("latin-1").lower())
        if len(given["host"]) != 1 or given["host"][0] not in self.hosts or len(given["origin"]) > 1:
            return False
        if not given["origin"]:
            return bool(scope["type"] == "http")
        return given["origin"][0] in self._origins

    def _marked(self, send: Send) -> Send:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [(name.encode(), value.encode()) for name, value in self._headers.items()]
                message = {**message, "headers": [*message.get("headers", []), *headers]}
            await send(message)

        return marked
