// Replaces what has an id and data-live, every two seconds, by what the server says now. It leaves alone what
// has the focus or is selected, and says so when the server does not answer.
"use strict";
(() => {
  const EVERY = 2000;
  const state = document.querySelector("[data-live-state]");
  const pause = document.querySelector("[data-pause]");
  const stale = document.querySelector("#stale");
  const title = document.querySelector("h1");
  if (!state || !document.querySelector("main [data-live]")) return;
  state.hidden = false;
  pause.hidden = false;
  if (title) title.setAttribute("aria-live", "polite");

  const isPaused = () => pause.textContent === "Resume";
  const isInUse = (element) => {
    if (element.contains(document.activeElement)) return true;
    const selection = getSelection();
    return selection && !selection.isCollapsed && selection.containsNode(element, true);
  };
  // What somebody opened stays open.
  const opened = (element) => [...element.querySelectorAll("details[id][open]")].map((it) => it.id);

  const kind = (page) => page.querySelector("main [data-page]")?.dataset.page;

  function replace(fresh) {
    for (const next of fresh.querySelectorAll("[data-live][id]")) {
      const old = document.getElementById(next.id);
      if (!old || isInUse(old)) continue;
      for (const id of opened(old)) next.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
      if (old.outerHTML !== next.outerHTML) old.replaceWith(document.adoptNode(next));
    }
    const heading = fresh.querySelector("h1");
    const shown = document.querySelector("h1");
    if (heading && shown && heading.textContent !== shown.textContent) {
      shown.textContent = heading.textContent;
      document.title = fresh.title;
    }
    document.dispatchEvent(new Event("syncwell:replaced"));
  }

  async function look() {
    if (isPaused() || document.hidden) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected && new URL(answer.url).pathname.startsWith("/admin/sign-in")) return location.reload();
      if (!answer.ok) throw new Error(answer.statusText);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      // Another page is at this address now: the first user was connected.
      if (kind(fresh) !== kind(document)) return location.reload();
      replace(fresh);
      stale.hidden = true;
    } catch {
      stale.querySelector("[data-stale-since]").textContent = document.querySelector("#rendered").textContent;
      stale.hidden = false;
    }
  }

  (async function again() {
    await new Promise((resolve) => setTimeout(resolve, EVERY));
    await look();
    again();
  })();
})();
