"""The forms in which keys are entered, and what comes of them."""

import datetime
import re

from playwright.sync_api import expect


def fill(page, **fields):
    """Fills in the form's fields, by their names."""
    for name, value in fields.items():
        page.locator(f"[name={name}]").first.fill(value)


def submit(page, path):
    page.locator(f"form[action='{path}']").get_by_role("button").click()


def value(page, name):
    return page.locator(f"[name={name}]").first.input_value()


def check_wrong_key(visitor, path, name, key, **fields):
    """A key that is none is refused, clearly, and nothing that was typed is lost but the key."""
    page = visitor.page
    fill(page, **fields, api_key=key)
    with visitor.expecting(422):
        submit(page, path)
        expect(page.get_by_role("alert")).to_contain_text(re.compile("reject", re.I))
    for field, text in fields.items():
        assert value(page, field) == text, f"{field} was lost"
    assert value(page, "api_key") == "", "the page shows the key again"
    expect(page.locator("#failure")).to_be_focused()
    visitor.look(name)


def in_days(count):
    return (datetime.date.today() + datetime.timedelta(days=count)).isoformat()


def connect(story, admin, key, wrong_key):
    organization = story.fake.organization("acme")
    story.fake.ask("add-key", key, "acme")
    page = admin.open("/")
    page.get_by_role("link", name=re.compile("connect an organization", re.I)).first.click()
    if "/connections/new" not in page.url:
        page.get_by_role("link", name=re.compile("connect an organization", re.I)).first.click()
    expect(page.locator("h1")).to_contain_text("Connect")
    admin.look("2-connect-form")
    admin.check_keyboard("2-connect-form")
    fields = {"id": "acme", "organization": organization["slug"], "expires": in_days(200)}
    check_wrong_key(admin, "/connections/new", "2-connect-wrong-key", wrong_key, **fields)
    fill(page, api_key=key)
    submit(page, "/connections/new")
    expect(page.locator("h1")).to_contain_text("acme is connected")
    rows = page.locator("main table tbody tr")
    expect(rows).to_have_count(len(organization["projects"]))
    for row in rows.all():
        expect(row).to_contain_text("Webhook made")
    admin.look("2-connect-report")
    admin.check_keyboard("2-connect-report")


def look_at_hooks(story, admin):
    page = admin.open("/connections")
    card = page.locator("#connection-acme")
    for summary in card.locator("summary").all():
        summary.click()
    admin.look("3-connected-card-open")
    card.get_by_role("link", name="Check hooks").click()
    expect(page.locator("main")).to_contain_text("All are as they should be")
    admin.look("3-hooks")
    admin.open("/connections")
    card.get_by_role("button", name="Repair hooks").click()
    expect(page.locator("h1")).to_contain_text("are right")
    admin.look("3-hooks-repaired")
    admin.open("/connections")
    card.get_by_text("More", exact=True).click()
    card.get_by_role("button", name="Rotate webhook secret").click()
    expect(page.locator("h1")).to_contain_text("is new")
    admin.look("3-secret-rotated")
    admin.open("/connections/acme/remove")
    admin.look("3-remove")
    page.get_by_role("link", name="Cancel").click()
    expect(card).to_be_visible()


def reconnect(story, admin, key, wrong_key):
    story.fake.ask("add-key", key, "acme")
    page = admin.open("/connections")
    card = page.locator("#connection-acme")
    card.get_by_role("link", name="Reconnect").click()
    expect(page.locator("h1")).to_contain_text("Reconnect acme")
    admin.look("5-reconnect-form")
    admin.check_keyboard("5-reconnect-form")
    path = "/connections/acme/reconnect"
    check_wrong_key(admin, path, "5-reconnect-wrong-key", wrong_key, expires=in_days(100))
    filled = story.coverage(admin, "acme")["api_only"]
    fill(page, api_key=key)
    submit(page, path)
    expect(card).to_contain_text("The new key works")
    expect(card.get_by_role("link", name="Reconnect")).to_have_count(0)
    expect(card).to_contain_text("Connected")
    expect(card).not_to_contain_text("broke off:")
    admin.until("what was lost is filled in", lambda: story.coverage(admin, "acme")["api_only"] > filled)
    admin.look("5-reconnected-connections")


def invite(story, admin, key, wrong_key):
    story.fake.ask("add-key", key, "northgate")
    organization = story.fake.organization("northgate")
    page = admin.open("/connections/new")
    invitation = page.locator("form[action='/connections/invite']")
    invitation.locator("[name=id]").fill("northgate")
    invitation.get_by_role("button").click()
    expect(page.locator("h1")).to_contain_text("Send this link")
    link = page.locator("code", has_text="/connect/").first.inner_text()
    assert link.startswith(story.service.public_url), link
    admin.look("6-invitation-made")
    guest = story.visitor("guest", story.service.public_url)
    guest.open(link)
    expect(guest.page.locator("h1")).to_contain_text("Connect northgate")
    assert guest.page.locator("nav").count() == 0, "a guest is shown the way to other pages"
    guest.look("6-invitation-form")
    guest.check_keyboard("6-invitation-form")
    path = "/connect/" + link.split("/connect/")[1]
    fields = {"organization": organization["slug"], "expires": in_days(30)}
    check_wrong_key(guest, path, "6-invitation-wrong-key", wrong_key, **fields)
    fill(guest.page, api_key=key)
    submit(guest.page, path)
    expect(guest.page.locator("main table tbody tr")).to_have_count(len(organization["projects"]))
    guest.look("6-invitation-done")
    guest.open(link, status=410)
    expect(guest.page.locator("h1")).to_contain_text("does nothing any more")
    guest.look("6-invitation-used")
    for path in ["/", "/connections", "/api/v1/snapshot"]:
        assert guest.context.request.get(path).status == 404, f"the public listener answers {path}"
    guest.close()
    story.visitors.remove(guest)
