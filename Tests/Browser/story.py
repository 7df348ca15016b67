"""The dashboard in a browser: from the first start to a reconnected organization. `scripts/test-browser` runs it.

Each step states facts, and one that does not hold ends the story with its name, pictures, pages and the service's log.
What must hold of every page (see visitor.py) is gathered on the way and fails the story in the end.
"""

import argparse
import contextlib
import os
import re
import shutil
import sys
import time

from playwright.sync_api import expect, sync_playwright

from connecting import connect, invite, look_at_hooks, reconnect
from processes import FakeCircleCI, Service
from viewing import check_days, check_viewer, check_without_script, sign_out
from visitor import SECONDS, Findings, Visitor

SEED = 7
FIRST_KEY, SECOND_KEY, INVITED_KEY = "first-key-of-acme-admin", "second-key-of-acme-admin", "key-of-northgate-admin"
WRONG_KEY, VIEWER_TOKEN = "a-key-that-is-none", "a-viewers-token-for-the-browser"


class Story:
    def __init__(self, options, browser, artifacts):
        self.browser = browser
        self.artifacts = artifacts
        self.findings = Findings()
        self.visitors = []
        self.fake = FakeCircleCI(options.fake_circleci, SEED)
        self.log_path = os.path.join(artifacts, "service.log")
        self.service = Service(options.circlemeter, self.fake.url, VIEWER_TOKEN, self.log_path)
        self.secrets = [FIRST_KEY, SECOND_KEY, INVITED_KEY, WRONG_KEY, VIEWER_TOKEN]

    def visitor(self, name, base_url=None, **options):
        url = base_url or self.service.url
        visitor = Visitor(self.browser, name, url, self.artifacts, self.findings, self.secrets, **options)
        visitor.context.set_default_navigation_timeout(SECONDS * 1000)
        self.visitors.append(visitor)
        return visitor

    @contextlib.contextmanager
    def step(self, name):
        self.findings.step = name
        start, before = time.monotonic(), len(self.findings.problems)
        try:
            yield
        except BaseException:
            for visitor in self.visitors:
                visitor.save_failure()
            print(f"browser: FAILED: {name}", file=sys.stderr)
            raise
        print(f"browser: {name} ({time.monotonic() - start:.1f} s)", file=sys.stderr)
        for problem in self.findings.problems[before:]:
            print(f"  {problem}", file=sys.stderr)

    def tell(self):
        with self.step("the link that the first start prints signs in once"):
            admin = self.sign_in()
        with self.step("empty pages show the way"):
            expect(admin.page.get_by_role("link", name=re.compile("connect an organization", re.I)).first).to_be_visible()
            self.look_around(admin, "1-empty")
        with self.step("connecting with a wrong key says so and keeps what was typed; with a right one it reports"):
            connect(self, admin, FIRST_KEY, WRONG_KEY)
        with self.step("the past is filled in through the API"):
            self.wait_for_truth(admin, "acme")
        with self.step("events move the overview and its charts without a reload"):
            self.check_live(admin)
        with self.step("pages of a connected organization"):
            self.look_around(admin, "3-connected", keyboard=True)
            check_days(admin, self.fake.description["now"][:10])
            look_at_hooks(self, admin)
        with self.step("a revoked key is seen, with the reason, and events go on"):
            self.revoke(admin)
        with self.step("a viewer sees everything and changes nothing"):
            check_viewer(self, VIEWER_TOKEN)
        with self.step("a new key reconnects, and what was lost is filled in"):
            reconnect(self, admin, SECOND_KEY, WRONG_KEY)
            self.service.run("reconcile", "--connection", "acme", "--since", self.fake.description["now"][:10])
            self.wait_for_truth(admin, "acme")
        with self.step("an invitation connects once"):
            invite(self, admin, INVITED_KEY, WRONG_KEY)
            self.wait_for_truth(admin, "northgate")
        with self.step("time goes by until now, and credits are settled"):
            self.fake.ask("deliver-through", "now")
            self.wait_for_truth(admin, "acme")
            self.wait_for_truth(admin, "northgate")
            self.service.run("settle", "--connection", "acme")
            self.look_around(admin, "7-settled")
        with self.step("without script every page shows its table"):
            check_without_script(self, admin)
        with self.step("signing out ends the session"):
            sign_out(self, admin)
        with self.step("the service ends well, and its log holds no secret"):
            assert self.service.stop() == 0, "circlemeter serve did not exit with 0"
            with open(self.log_path) as log:
                text = log.read().replace(self.service.sign_in_url, "")
            assert not [secret for secret in self.secrets if secret in text], "the service's log holds a secret"

    def sign_in(self):
        admin = self.visitor("admin")
        admin.open(self.service.sign_in_url)
        expect(admin.page.get_by_role("button", name="Sign in")).to_be_visible()
        admin.look("0-sign-in-link")
        admin.page.get_by_role("button", name="Sign in").click()
        expect(admin.page.get_by_role("heading", level=1)).to_have_text("Overview")
        late = self.visitor("late")
        late.open(self.service.sign_in_url, status=410)
        expect(late.page.get_by_text("was used or has expired")).to_be_visible()
        late.look("0-sign-in-used")
        late.check_keyboard("0-sign-in-used")
        with late.expecting(401):
            late.page.get_by_label("Token").fill("no-token-at-all")
            late.page.get_by_role("button", name="Sign in").click()
            expect(late.page.get_by_role("alert")).to_be_visible()
        late.look("0-sign-in-refused")
        late.open("/usage")
        assert "/login" in late.page.url, "without a session a page is shown"
        late.close()
        self.visitors.remove(late)
        return admin

    def look_around(self, visitor, state, keyboard=False):
        """Looks at every page of the navigation."""
        visitor.open("/")
        for title, path in visitor.navigation().items():
            visitor.open(path)
            expect(visitor.page.locator("h1")).to_contain_text(re.compile(title, re.I))
            visitor.look(f"{state}-{title.lower()}")
            if keyboard:
                visitor.check_keyboard(f"{state}-{title.lower()}")

    def wait_for_truth(self, visitor, organization):
        """Waits until circlemeter counts every run of an organization that ran at CircleCI, and none more."""
        truth = self.fake.job_runs(organization)
        assert truth > 0
        visitor.until(f"{truth} job runs of {organization} are counted", lambda: self.counted(visitor, organization) == truth)

    def counted(self, visitor, organization):
        snapshot = visitor.context.request.get(f"/api/v1/snapshot?connection={organization}").json()
        return sum(sum(row["runs"].values()) for row in snapshot["jobs"])

    def coverage(self, visitor, organization):
        """The counts of the coverage, over all days and projects."""
        snapshot = visitor.context.request.get(f"/api/v1/snapshot?connection={organization}").json()
        names = ["runs", "webhook", "api_only", "missing"]
        return {name: sum(row[name] for row in snapshot["coverage"]) for name in names}

    def check_live(self, admin):
        page = admin.open("/")
        counted = self.counted(admin, "acme")
        admin.until("the overview shows all that is counted", lambda: admin.sum("Projects", "Runs") == counted)
        charts = self.charts(page)
        admin.page.evaluate("window.isStillHere = true; window.shift = 0")
        sent = self.fake.ask("deliver", 60)
        assert sent["acknowledged"] >= 60, sent
        counted = self.fake.job_runs("acme")
        admin.until(f"the overview shows {counted} job runs", lambda: admin.sum("Projects", "Runs") == counted)
        if page.locator("canvas").count():
            assert charts, "there is a place for a chart, and no chart"
            admin.until("a chart moves", lambda: self.charts(page) != charts)
        assert page.evaluate("window.isStillHere"), "the page was loaded again"
        shift = page.evaluate("window.shift")
        assert shift < 0.1, f"the page's layout shifts by {shift} as numbers change"
        admin.look("2-live-overview")

    def charts(self, page):
        """What the charts show, where there are any."""
        return page.evaluate("""() => globalThis.Chart
          ? [...document.querySelectorAll("canvas")].map((canvas) => Chart.getChart(canvas)).filter(Boolean)
            .map((chart) => JSON.stringify([chart.data.labels, chart.data.datasets.map((one) => one.data)]))
          : []""")

    def revoke(self, admin):
        admin.open("/connections")
        admin.page.evaluate("window.isStillHere = true")
        self.fake.ask("revoke", FIRST_KEY)
        card = admin.page.locator("#connection-acme")
        expect(card.get_by_role("link", name="Reconnect")).to_be_visible(timeout=SECONDS * 1000)
        expect(card).to_contain_text("CircleCI rejects the API key")
        expect(card).to_contain_text("Rejected by CircleCI")
        assert admin.page.evaluate("window.isStillHere"), "the page was loaded again"
        before = self.counted(admin, "acme")
        sent = self.fake.ask("deliver", 80, 0.4)
        assert sent["dropped"] > 0, sent
        admin.until("events are counted although the key is dead", lambda: self.counted(admin, "acme") > before)
        assert self.counted(admin, "acme") < self.fake.job_runs("acme"), "nothing was lost, so nothing can be filled in"
        admin.look("4-reconnect-connections")
        admin.check_keyboard("4-reconnect-connections")
        admin.open("/")
        expect(admin.page.get_by_role("link", name="Reconnect").first).to_be_visible()
        admin.look("4-reconnect-overview")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--circlemeter", required=True, help="the program")
    parser.add_argument("--fake-circleci", required=True, help="the program")
    parser.add_argument("--artifacts", required=True, help="a folder for screenshots, and for what is left of a failure")
    options = parser.parse_args()
    shutil.rmtree(os.path.join(options.artifacts, "screenshots"), ignore_errors=True)
    os.makedirs(os.path.join(options.artifacts, "screenshots"))
    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(options.artifacts, "service.log"))
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or sys.exit("browser: chromium is missing")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        story = Story(options, browser, options.artifacts)
        expect.set_options(timeout=SECONDS * 1000)
        try:
            story.tell()
        except Exception as error:
            print(f"browser: {error}", file=sys.stderr)
            print(f"browser: pictures, pages and the service's log are in {options.artifacts}", file=sys.stderr)
            sys.exit(1)
        finally:
            story.fake.stop()
            story.service.remove()
            browser.close()
    findings = story.findings
    for note in sorted(findings.axe_notes):
        print(f"browser: axe: {note}", file=sys.stderr)
    count = len(os.listdir(os.path.join(options.artifacts, "screenshots")))
    print(
        f"browser: {findings.axe_count} checks by axe, {len(findings.axe_notes)} notes; "
        f"{count} screenshots in {options.artifacts}/screenshots", file=sys.stderr,
    )
    for problem in findings.problems:
        print(f"browser: FAILED: {problem}", file=sys.stderr)
    sys.exit(1 if findings.problems else 0)


if __name__ == "__main__":
    main()
