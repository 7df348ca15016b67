"""Those who may only look, browsers without script, and the end of a session."""

import re

from playwright.sync_api import expect

ADMIN_PAGES = [
    "/connections/new", "/connections/acme/reconnect", "/connections/acme/hooks", "/connections/acme/remove",
]
ADMIN_FORMS = [
    "/connections/new", "/connections/invite", "/connections/acme/reconnect", "/connections/acme/invite",
    "/connections/acme/reconcile", "/connections/acme/repair-hooks", "/connections/acme/rotate-secret",
    "/connections/acme/remove", "/api/v1/connections", "/api/v1/connections/acme/reconnect",
    "/api/v1/connections/acme/invite", "/api/v1/connections/acme/rotate-secret", "/api/v1/connections/acme/repair-hooks",
    "/api/v1/connections/acme/remove", "/api/v1/connections/acme/reconcile", "/api/v1/connections/acme/settle",
    "/api/v1/replay",
]


def check_viewer(story, token):
    viewer = story.visitor("viewer")
    page = viewer.open("/login")
    viewer.look("4-sign-in")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(page.get_by_role("main")).to_contain_text(re.compile("reject|Reconnect"))
    viewer.look("4-viewer-overview")
    for title, path in viewer.navigation().items():
        viewer.open(path)
        forms = page.locator("main form:not([method=get])")
        assert forms.count() == 0, f"a viewer is shown a form that changes something on the page {title}"
        ways = page.locator("main").get_by_role("link", name=re.compile("connect an organization|^reconnect|^connect$", re.I))
        assert ways.count() == 0, f"a viewer is shown a way to change something on the page {title}"
    viewer.open("/connections")
    viewer.look("4-viewer-connections")
    token = page.locator("form[action='/logout'] input[type=hidden]").first
    fields = {token.get_attribute("name"): token.get_attribute("value")}
    for path in ADMIN_PAGES:
        answer = viewer.context.request.get(path, headers={"accept": "text/html"})
        assert answer.status == 403, f"GET {path} by a viewer answers {answer.status}"
    for path in ADMIN_FORMS:
        answer = viewer.context.request.post(path, form=fields)
        assert answer.status == 403, f"POST {path} by a viewer answers {answer.status}"
    viewer.open("/connections/new", status=403)
    viewer.look("4-viewer-refused")
    viewer.close()
    story.visitors.remove(viewer)


def check_days(visitor, day):
    """Days that are entered count, also beside the word that the form began with; a word that is chosen counts again."""
    page = visitor.open("/usage")
    for name in ["from", "to"]:
        page.locator(f"[name={name}]").fill(day)
    page.get_by_role("button", name="Show").click()
    expect(page.locator("main")).to_contain_text(f"{day} to {day}")
    expect(page.locator("[name=period]")).to_have_value("")
    page.locator("[name=period]").select_option("last-7-days")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("[name=from]")).to_have_value("")
    expect(page.locator("main")).not_to_contain_text(f"{day} to {day}")


def check_without_script(story, admin):
    plain = story.visitor("plain", java_script_enabled=False, storage_state=admin.context.storage_state())
    plain.open("/")
    for title, path in plain.navigation().items():
        plain.open(path)
        assert plain.page.locator("table tbody tr").count() > 0, f"without script the page {title} shows no table"
        plain.look(f"8-plain-{title.lower()}")
    plain.close()
    story.visitors.remove(plain)


def sign_out(story, admin):
    state = admin.context.storage_state()
    page = admin.open("/")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    thief = story.visitor("thief", storage_state=state)
    thief.open("/")
    assert "/login" in thief.page.url, "the cookie of an ended session still opens the dashboard"
    assert thief.context.request.get("/api/v1/snapshot").status == 401
