"""The browser that tests of pages use, where there is one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 60
"""Seconds to wait for the page on a busy machine."""


def browser() -> str | None:
    """Where the system's Chromium or Chrome is; None if there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    return found if found and Path(found).exists() else None


@contextmanager
def chromium() -> Iterator[Any]:
    """A Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        yield opened
        opened.close()


@contextmanager
def page_without_errors(opened: Any, **options: Any) -> Iterator[Any]:
    """A new page; there may be no error on its console, and it may ask the network for nothing."""
    page, wrong = opened.new_page(**options), []
    page.set_default_timeout(1000 * PATIENCE)
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: wrong.append(asked.url) if asked.url.startswith("http") else None)
    yield page
    page.close()
    assert not wrong
