// Keeps the page up with the service: asks every few seconds, and the answer is 304 while nothing has changed.
"use strict";
(() => {
  let tag = document.getElementById("live").dataset.tag;

  // What the reader has opened and where they are stays, as far as it is there still.
  function replace(live, fresh) {
    const open = [...live.querySelectorAll("details[open][id]")].map((details) => details.id);
    const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
    live.replaceChildren(...fresh.childNodes);
    live.dataset.seconds = fresh.dataset.seconds ?? "";
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  // Somewhere without a name to return to, or in the middle of a selection, the reader is not disturbed.
  function isBusy(live) {
    const focused = live.contains(document.activeElement) && !document.activeElement.id;
    const selection = document.getSelection();
    return focused || (!selection.isCollapsed && live.contains(selection.anchorNode));
  }

  async function refresh() {
    const live = document.getElementById("live");
    try {
      const response = await fetch(location.href, { headers: { "if-none-match": `"${tag}"` }, cache: "no-store" });
      if (response.redirected) return location.reload();
      if (response.status === 200) {
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        const fresh = page.getElementById("live");
        if (fresh && !isBusy(live)) {
          tag = fresh.dataset.tag;
          replace(live, fresh);
        }
      }
    } catch {
      // The service is away; the page stays as it is and asks again.
    }
    schedule();
  }

  function schedule() {
    setTimeout(refresh, (Number(document.getElementById("live").dataset.seconds) || 2) * 1000);
  }
  schedule();
})();
