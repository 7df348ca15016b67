"""Somebody with a browser, and what must hold of every page that they see."""

import contextlib
import os
import re
import time

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

SCHEMES = ["light", "dark"]
WIDTHS = [1280, 390]
SECONDS = 20
STATUS = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")

# Before anything of the page runs: what the policy keeps from loading, and what moves without having been asked to.
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI || event.sourceFile} (line ${event.lineNumber})`);
});
window.shift = 0;
try {
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
} catch {}
"""

EXCESS = """() => Math.max(document.documentElement.scrollWidth - document.documentElement.clientWidth,
  ...[...document.querySelectorAll("canvas")].map((canvas) =>
    Math.floor(canvas.getBoundingClientRect().right) - document.documentElement.clientWidth))"""

TABBABLE = """() => {
  const name = (element) => [element.localName, element.id, element.getAttribute("href") ?? element.name ?? "",
    element.getAttribute("aria-label") ?? (element.labels ? "" : element.textContent.trim().slice(0, 40))].join("|");
  window.nameOf = name;
  const all = document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]");
  return [...all].filter((element) => element.tabIndex >= 0 && element.type !== "hidden" && !element.disabled
    && element.checkVisibility({ visibilityProperty: true })).map(name);
}"""

FOCUSED = """() => {
  const element = document.activeElement;
  if (!element || element === document.body || element === document.documentElement) return null;
  const style = getComputedStyle(element);
  const isVisible = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
  const isSame = element === window.lastFocused;
  window.lastFocused = element;
  return { name: window.nameOf(element), isVisible, isSame };
}"""


class Findings:
    """What is wrong with pages. The story goes on, and fails in the end."""

    def __init__(self):
        self.step = ""
        self.problems = []
        self.axe_count = 0
        self.axe_notes = set()

    def add(self, problem):
        self.problems.append(f"{self.step}: {problem}")


class Visitor:
    def __init__(self, browser, name, base_url, artifacts, findings, secrets, **options):
        self.name = name
        self.base_url = base_url
        self.artifacts = artifacts
        self.findings = findings
        self.secrets = secrets
        self.expected_statuses = set()
        self.has_script = options.get("java_script_enabled", True)
        self.context = browser.new_context(
            viewport={"width": WIDTHS[0], "height": 800}, reduced_motion="reduce", base_url=base_url, **options
        )
        self.context.set_default_timeout(SECONDS * 1000)
        self.context.add_init_script(WATCH)
        self.page = self.context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: findings.add(f"{name}: a script failed: {error}"))

    def _hear(self, message):
        status = STATUS.match(message.text)
        if status and int(status[1]) in self.expected_statuses:
            return
        if message.type in ("error", "warning"):
            self.findings.add(f"{self.name} at {self.page.url}: console {message.type}: {message.text}")

    @contextlib.contextmanager
    def expecting(self, *statuses):
        """Answers with these statuses are no problem meanwhile."""
        self.expected_statuses.update(statuses)
        yield
        self.expected_statuses.difference_update(statuses)

    def open(self, path, status=200):
        with self.expecting(status):
            answer = self.page.goto(path)
        assert answer.status == status, f"{path} answers {answer.status}, not {status}"
        return self.page

    def navigation(self):
        """The pages that the header leads to, by title."""
        links = self.page.locator("header nav a").all()
        return {link.inner_text(): link.get_attribute("href") for link in links}

    def sum(self, region, column):
        """The sum of a table's column, by the names of both. 0 where there is no such table."""
        return self.page.evaluate(
            """([region, column]) => {
              const table = document.querySelector(`[aria-label="${region}"] table`);
              if (!table) return 0;
              const index = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent.trim() === column);
              const texts = [...table.tBodies[0].rows].map((row) => row.cells[index].textContent.replace(/\\D/g, ""));
              return texts.reduce((sum, text) => sum + Number(text), 0);
            }""",
            [region, column],
        )

    def until(self, what, condition):
        """Waits until a condition holds; returns its value. For what no element alone can tell."""
        deadline = time.monotonic() + SECONDS
        while not (value := condition()):
            assert time.monotonic() < deadline, f"{self.name} waits in vain until {what}"
            self.page.wait_for_timeout(50)
        return value

    def look(self, name):
        """Holds the page against what must hold of all, and keeps pictures of it, in each scheme and width."""
        page = self.page
        expect(page.locator("h1")).to_have_count(1)
        assert page.title(), "the page has no title"
        content = page.content()
        for secret in self.secrets:
            if secret in content:
                self.findings.add(f"{name}: the page holds a secret")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                if width == WIDTHS[0] or scheme == SCHEMES[0]:
                    self._check_accessibility(f"{name} ({scheme}, {width} px)")
                excess = self._excess()
                path = os.path.join(self.artifacts, "screenshots", f"{name}-{scheme}-{width}.png")
                page.screenshot(path=path, full_page=True)
                if excess > 0:
                    self.findings.add(f"{name}: scrolls sideways, or cuts a chart off, by {excess} px at {width} px")
        page.emulate_media(color_scheme=SCHEMES[0], reduced_motion="reduce")
        page.set_viewport_size({"width": WIDTHS[0], "height": 800})
        self.check_policy(name)

    def _excess(self):
        """By how many pixels the page scrolls sideways, or a chart is cut off.

        A chart follows the window's width some frames later."""
        self._wait_for_frames()
        deadline = time.monotonic() + 2
        while (excess := self.page.evaluate(EXCESS)) > 0 and time.monotonic() < deadline:
            self.page.wait_for_timeout(50)
        self._wait_for_frames()
        return excess

    def _wait_for_frames(self):
        if self.has_script:
            self.page.evaluate("""async () => {
              for (let count = 0; count < 10; count += 1) await new Promise((done) => requestAnimationFrame(done));
            }""")

    def check_policy(self, name):
        if not self.has_script:
            return
        for violation in self.page.evaluate("window.violations.splice(0)"):
            self.findings.add(f"{name}: against the content security policy: {violation}")

    def _check_accessibility(self, name):
        if not self.has_script:
            return
        self.findings.axe_count += 1
        for violation in Axe().run(self.page).response["violations"]:
            nodes = [node["target"][0] for node in violation["nodes"]]
            text = f"{violation['impact']}: {violation['help']} ({violation['id']}) at {', '.join(map(str, nodes[:3]))}"
            if violation["impact"] in ("serious", "critical"):
                self.findings.add(f"{name}: axe, {text}")
            else:
                self.findings.axe_notes.add(f"{name}: {text}")

    def check_keyboard(self, name):
        """Tab reaches every control in the order of the page, and each shows that it has the focus."""
        page = self.page
        expected = page.evaluate(TABBABLE)
        reached = []
        # A date has several stops inside; the end of the page leads outside and then to the start again.
        for _ in range(4 * len(expected) + 10):
            page.keyboard.press("Tab")
            focused = page.evaluate(FOCUSED)
            if focused is None or focused["isSame"]:
                continue
            if not focused["isVisible"]:
                self.findings.add(f"{name}: the focus does not show on {focused['name']}")
            reached.append(focused["name"])
            if len(reached) >= 2 * len(expected):
                break
        start = next((index for index, one in enumerate(reached) if one == expected[0]), None)
        found = reached[start:start + len(expected)] if start is not None else reached
        if found != expected:
            wrong = next((pair for pair in zip(expected, found) if pair[0] != pair[1]), (expected[-1], "nothing"))
            self.findings.add(f"{name}: Tab comes to {wrong[1]} where {wrong[0]} is next")

    def save_failure(self):
        """What the page was like when something failed."""
        path = os.path.join(self.artifacts, f"failure-{self.name}")
        with contextlib.suppress(Exception):
            self.page.screenshot(path=path + ".png", full_page=True)
            with open(path + ".html", "w") as file:
                file.write(f"<!-- {self.page.url} -->\n{self.page.content()}")

    def close(self):
        self.context.close()
