// Keeps the page up with the snapshot: asks every two seconds, and the answer is 304 while nothing has changed.
"use strict";
(() => {
  const seconds = 2;
  let tag = document.getElementById("live").dataset.tag;
  async function refresh() {
    try {
      const response = await fetch(location.href, { headers: { "if-none-match": `"${tag}"` }, cache: "no-store" });
      if (response.redirected) return location.reload();
      if (response.status === 200) {
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        const fresh = page.getElementById("live");
        const live = document.getElementById("live");
        const focused = document.activeElement && live.contains(document.activeElement);
        if (fresh && !focused) {
          tag = fresh.dataset.tag;
          live.replaceChildren(...fresh.childNodes);
        }
      }
    } catch {
      // The service is away; the page stays as it is and asks again.
    }
    setTimeout(refresh, seconds * 1000);
  }
  setTimeout(refresh, seconds * 1000);
})();
