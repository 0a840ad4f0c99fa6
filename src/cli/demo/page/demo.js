// The page works without this file, by reloading. It listens to /demo/feed and replaces what has an id and
// data-live by what the server says now; it leaves alone what has the focus, what is selected, and the
// pointer's button. Buttons act without leaving the page.
"use strict";
(() => {
  const state = document.querySelector("[data-live-state]");
  const pause = document.querySelector("[data-pause]");
  const stale = document.querySelector("#stale");
  const AT_MOST_EVERY = 400;
  let isLooking = false;
  let hasNews = false;
  state.hidden = false;
  pause.hidden = false;

  const isPaused = () => pause.textContent === "Resume";
  const isInUse = (element) => {
    if (element.contains(document.activeElement) && element !== document.activeElement) return true;
    const selection = getSelection();
    return selection && !selection.isCollapsed && selection.containsNode(element, true);
  };

  function replace(fresh) {
    for (const next of fresh.querySelectorAll("[data-live][id]")) {
      const old = document.getElementById(next.id);
      if (!old) return location.reload();
      if (isInUse(old) || old.outerHTML === next.outerHTML) continue;
      if (next.id === "feed") showNew(old, next);
      const heading = old.querySelector("h1");
      const later = next.querySelector("h1");
      // Replaced as a whole, a heading would be read out each time.
      if (heading && later && heading.textContent === later.textContent) {
        old.querySelector("p").textContent = next.querySelector("p").textContent;
      } else if (heading && later) {
        heading.textContent = later.textContent;
      } else {
        old.replaceWith(document.adoptNode(next));
      }
    }
  }

  function showNew(old, next) {
    const known = new Set([...old.children].map((line) => line.textContent));
    for (const line of next.children) if (!known.has(line.textContent)) line.classList.add("fresh");
  }

  async function look() {
    hasNews = true;
    if (isLooking || isPaused() || document.hidden) return;
    isLooking = true;
    while (hasNews) {
      hasNews = false;
      try {
        const answer = await fetch("/demo", { headers: { Accept: "text/html" } });
        if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
      } catch {
        // The feed says when the demo has gone.
      }
      await new Promise((resolve) => setTimeout(resolve, AT_MOST_EVERY));
    }
    isLooking = false;
  }

  const feed = new EventSource("/demo/feed");
  feed.addEventListener("scene", () => { stale.hidden = true; state.hidden = false; look(); });
  feed.addEventListener("error", () => { stale.hidden = false; state.hidden = true; });

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.getAttribute("action") !== "/demo") return;
    event.preventDefault();
    const fields = new URLSearchParams(new FormData(form, event.submitter));
    if (event.submitter) event.submitter.blur();
    await fetch("/demo", { method: "POST", body: fields }).catch(() => {});
    look();
  });
})();
