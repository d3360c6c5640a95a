"""The server of the page: files, a list of models, and a WebSocket for every session."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from sqair_wm.common.cpu import use_cpu
from sqair_wm.playground.commands import LONGEST, answer
from sqair_wm.playground.guard import HOSTS, Guard
from sqair_wm.playground.playables import Playable
from sqair_wm.playground.session import Session

STATIC = Path(__file__).parent / "static"
MOST = 8
"""Most sessions at the same time: each keeps its history in memory."""

TRY_LATER = 1013
"""Code with which a WebSocket is closed if there are too many sessions."""

T = TypeVar("T")


class Sessions:
    """Runs the sessions in threads, so that the server can always answer.

    Args:
        playables: what can be played.
        seed: of the first game of every session.
        threads: number of threads; each session uses one at a time.
    """

    def __init__(self, playables: Sequence[Playable], seed: int = 0, threads: int = 2):
        self.playables, self.seed, self.open = playables, seed, 0
        self._threads = ThreadPoolExecutor(threads, "session", initializer=use_cpu, initargs=(1,))

    async def page(self, request: Request) -> Response:
        """The page."""
        return FileResponse(STATIC / "index.html")

    async def models(self, request: Request) -> Response:
        """The names of the playables, in the order of their numbers."""
        return JSONResponse([p.name for p in self.playables])

    async def play(self, websocket: WebSocket) -> None:
        """A session with the playable of a number: an introduction, then an answer to every question, see `answer`."""
        number = websocket.path_params["number"]
        if number >= len(self.playables):
            await websocket.close()
            return
        await websocket.accept()
        if self.open >= MOST:
            await websocket.close(TRY_LATER, f"{MOST} sessions are open already: close a page")
            return
        self.open += 1
        try:
            session = await self._work(partial(Session, self.playables[number], self.seed))
            try:
                await self._converse(websocket, session)
            finally:
                await self._work(session.close)
        finally:
            self.open -= 1

    async def _converse(self, websocket: WebSocket, session: Session) -> None:
        try:
            await websocket.send_text(json.dumps({"type": "hello"} | session.introduction))
            while True:
                question = await websocket.receive_text()
                await websocket.send_text(await self._work(partial(answer, session, question)))
        except (WebSocketDisconnect, KeyError):  # KeyError: the message was not text
            pass

    async def _work(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def build_app(playables: Sequence[Playable], port: int, seed: int = 0) -> Starlette:
    """The application, which answers only its own pages, see `Guard`.

    Args:
        playables: what can be played, at least one.
        port: on which it will be served.
        seed: of the first game of every session.
    """
    sessions = Sessions(playables, seed)
    routes = [
        Route("/", sessions.page),
        Route("/models", sessions.models),
        WebSocketRoute("/play/{number:int}", sessions.play),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard, port=port)])


def listen(port: int) -> socket.socket:
    """A socket that only this machine can reach.

    Args:
        port: to listen on; 0 for any free port.

    Raises:
        OSError: if the port is taken.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOSTS[0], port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise OSError(f"port {port} can't be used ({error}): choose another with --port, or 0 for any") from error
    listening.listen()
    return listening


def serve(app: Starlette, listening: socket.socket) -> None:
    """Serve until the process is told to stop."""
    config = uvicorn.Config(app, log_level="warning", ws_max_size=4 * LONGEST, server_header=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listening])
