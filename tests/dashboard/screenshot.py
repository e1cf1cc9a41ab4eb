#!/usr/bin/env python3
"""Look at the dashboard as a user does: log in with the second factor, see every service, the strategies, the orders.

    screenshot.py --url http://HOST --account FILE --out DIR [--strategy NAME] [--order ID]

Saves desktop.png, dark.png and phone.png (360 pixels wide) in DIR, on a failure failure.png, and prints what was seen
as JSON. Status 1 and a sentence when something is not as it must be. Needs Debian's chromium and chromium-driver.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "examples/cryptobot")]

from journey import totp  # noqa: E402 - the application's own
from webdriver import Browser, BrowserError, browser  # noqa: E402

PHONE = 360
CODE_SECONDS = 30
SERVICES = "[...document.querySelectorAll('[data-service]')].map(one => [one.dataset.service, one.dataset.state, one.innerText])"
NAMES = "[...document.querySelectorAll('[data-%s]')].map(one => one.dataset.%s)"


def log_in(page: Browser, url: str, email: str, password: str, secret: str) -> None:
    page.open(url)
    page.wait("document.querySelector('input[name=email]')", 15, "the login form")
    page.type("input[name=email]", email)
    page.type("input[name=password]", password)
    page.click("button[type=submit]")
    fault = "document.querySelector('[role=alert]')?.innerText"
    page.wait(f"document.querySelector('input[name=code]') || {fault}", 15, "the second step of the login")
    if message := page.script(f"{fault} || ''"):
        raise BrowserError(f"the login was refused: {message}")
    if (left := CODE_SECONDS - time.time() % CODE_SECONDS) < 2:
        time.sleep(left)  # a code that is about to run out
    page.type("input[name=code]", totp(secret))
    page.click("button[type=submit]")
    page.wait(f"document.querySelector('.board') || {fault}", 15, "the dashboard behind the login")
    if not page.script("document.querySelector('.board') !== null"):
        raise BrowserError(f"the code was refused: {page.script(fault)}")


def look(page: Browser, seconds: float, wanted: dict[str, str | None]) -> dict[str, Any]:
    """What the page shows once every service is healthy and what is *wanted* (strategy, order, symbol) is there."""
    page.wait("document.querySelector('[data-settled=true]')", seconds, "an answer of every service")
    try:
        page.wait("document.querySelector('#health').parentElement.querySelector('.good')", seconds, "all services healthy")
    except BrowserError as error:
        sick = [text.replace("\n", " ") for _, state, text in page.script(SERVICES) if state != "ok"]
        raise BrowserError(f"not healthy on the dashboard: {'; '.join(sick)}") from error
    page.wait("document.querySelector('[data-strategy]')", seconds, "a strategy")
    for kind, name in wanted.items():
        if name is not None:
            page.wait(f"{NAMES % (kind, kind)}.includes({json.dumps(name)})", seconds, f"{kind} {name}")
    page.wait("document.querySelector('[data-link=open]')", seconds, "the stream of prices")
    seen = {kind: page.script(NAMES % (kind, kind)) for kind in ("strategy", "order", "symbol")}
    return {"services": {name: state for name, state, _ in page.script(SERVICES)}, **seen}


def photograph(page: Browser, out: Path) -> None:
    page.window(1280, 900)
    page.screenshot(out / "desktop.png")
    page.window(1280, 900, dark=True)
    page.screenshot(out / "dark.png")
    page.window(PHONE, 780, mobile=True)
    page.screenshot(out / "phone.png")
    if (width := page.script("document.documentElement.scrollWidth")) > PHONE:
        raise BrowserError(f"at {PHONE} pixels the page is {width} wide: it scrolls sideways on a phone")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--account", type=Path, required=True, help="what journey.py --keep-session --json wrote")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--strategy", help="a name that must be listed")
    parser.add_argument("--order", help="a client order id that must be listed")
    parser.add_argument("--symbol", help="a symbol whose price must be shown")
    parser.add_argument("--wait", type=float, default=30, help="seconds for each thing to appear")
    arguments = parser.parse_args()
    account = json.loads(arguments.account.read_text(encoding="utf-8"))["account"]
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        with browser() as page:
            page.window(1280, 900)
            try:
                log_in(page, arguments.url, account["email"], account["password"], account["totp_secret"])
                wanted = {"strategy": arguments.strategy, "order": arguments.order, "symbol": arguments.symbol}
                seen = look(page, arguments.wait, wanted)
                photograph(page, arguments.out)
            except BrowserError:
                page.screenshot(arguments.out / "failure.png")
                raise
            seen["complaints"] = page.complaints()
    except BrowserError as error:
        print(f"dashboard: {error}", file=sys.stderr)
        return 1
    print(json.dumps(seen, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
