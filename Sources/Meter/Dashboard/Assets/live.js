// Keeps the page up with the service: the stream says when something has changed, and where there is none the page asks
// every few seconds. The answer is 304 while nothing has changed.
"use strict";
(() => {
  const pauseSeconds = 1; // At least, between two refreshes.
  const secondsWithStream = 30; // For what changes without an advance, such as how long ago something was.
  const secondsWithoutStream = 2;
  const secondsUntilNextStream = 30;

  const live = document.getElementById("live");
  let tag = live.dataset.tag;
  let stream = null;
  let isStreaming = false;
  let isRefreshing = false;
  let isWanted = false;
  let timer = 0;
  let lastRefresh = 0;
  let refreshSeconds = 0; // What the last one took: a page that costs much is not asked for all the time.

  // What the reader has opened and where they are stays, as far as it is there still.
  function replace(fresh) {
    const open = [...live.querySelectorAll("details[open][id]")].map((details) => details.id);
    const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
    const scrolled = [...live.querySelectorAll(".scroll")].filter((region) => region.scrollLeft)
      .map((region) => [region.getAttribute("aria-label"), region.scrollLeft]);
    exchange(fresh);
    live.dataset.tag = fresh.dataset.tag;
    live.dataset.seconds = fresh.dataset.seconds ?? "";
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    for (const [label, left] of scrolled) {
      const region = live.querySelector(`.scroll[aria-label="${CSS.escape(label)}"]`);
      if (region) region.scrollLeft = left;
    }
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    document.dispatchEvent(new Event("circlemeter:refreshed"));
  }

  // Sections with charts stay, with new data: a chart that is made anew flickers. Everything else is exchanged.
  function exchange(fresh) {
    const kept = new Map();
    for (const section of live.querySelectorAll(":scope > section.charts[id]")) {
      const twin = fresh.querySelector(`:scope > #${section.id}`);
      if (twin && haveSameCharts(section, twin)) kept.set(section.id, section);
    }
    for (const child of [...live.childNodes]) if (!kept.has(child.id)) child.remove();
    let next = live.firstChild;
    for (const child of [...fresh.childNodes]) {
      const section = kept.get(child.id);
      if (section) {
        renew(section, child);
        next = section.nextSibling;
      } else {
        live.insertBefore(child, next);
      }
    }
  }

  function haveSameCharts(section, twin) {
    const names = (element) => [...element.querySelectorAll("[data-chart]")].map((chart) => chart.id).join(" ");
    return names(section) === names(twin);
  }

  function renew(section, twin) {
    for (const chart of section.querySelectorAll("[data-chart]")) {
      const fresh = twin.querySelector(`#${chart.id}`);
      chart.dataset.chart = fresh.dataset.chart;
      const label = fresh.querySelector("canvas")?.getAttribute("aria-label");
      if (label) chart.querySelector("canvas")?.setAttribute("aria-label", label);
      chart.querySelector("details")?.replaceWith(fresh.querySelector("details"));
    }
  }

  // Somewhere without a name to return to, or in the middle of a selection, the reader is not disturbed.
  function isBusy() {
    const focused = live.contains(document.activeElement) && !document.activeElement.id;
    const selection = document.getSelection();
    return focused || (!selection.isCollapsed && live.contains(selection.anchorNode));
  }

  async function refresh() {
    isRefreshing = true;
    isWanted = false;
    lastRefresh = Date.now();
    try {
      const response = await fetch(location.href, { headers: { "if-none-match": `"${tag}"` }, cache: "no-store" });
      // The session has ended: what is shown would grow old without a word.
      if (response.redirected || response.status === 401) return location.reload();
      if (response.status === 200) {
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        const fresh = page.getElementById("live");
        if (fresh && !isBusy()) {
          tag = fresh.dataset.tag;
          replace(fresh);
        } else if (fresh) {
          isWanted = true;
        }
      }
    } catch {
      // The service is away; the page stays as it is and asks again.
    }
    isRefreshing = false;
    refreshSeconds = (Date.now() - lastRefresh) / 1000;
    schedule();
  }

  function schedule() {
    clearTimeout(timer);
    if (document.hidden || isRefreshing) return;
    const asked = Number(live.dataset.seconds) || (isStreaming ? secondsWithStream : secondsWithoutStream);
    const seconds = isWanted ? (isBusy() ? secondsWithoutStream : Math.max(pauseSeconds, 5 * refreshSeconds)) : asked;
    timer = setTimeout(refresh, Math.max(0, lastRefresh + seconds * 1000 - Date.now()));
  }

  function want() {
    isWanted = true;
    schedule();
  }

  function listen() {
    if (!window.EventSource || document.hidden || stream) return;
    const source = new EventSource("/api/v1/stream");
    stream = source;
    source.addEventListener("open", () => {
      isStreaming = true;
      schedule();
    });
    source.addEventListener("snapshot", want);
    source.addEventListener("connections", want);
    source.addEventListener("error", () => {
      isStreaming = false;
      // A browser comes back by itself, unless the service refused.
      if (source.readyState === EventSource.CLOSED && stream === source) {
        stream = null;
        setTimeout(listen, secondsUntilNextStream * 1000);
      }
      schedule();
    });
  }

  // Browsers open few connections to one host: pages that nobody looks at leave theirs to the others.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      stream?.close();
      stream = null;
      isStreaming = false;
      clearTimeout(timer);
    } else {
      listen();
      want();
    }
  });
  window.addEventListener("pagehide", () => stream?.close());
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    stream = null;
    listen();
    want();
  });

  listen();
  schedule();
})();
