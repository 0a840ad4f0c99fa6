// A connect page that another page shows in a frame: partners are visited in a new tab, and whoever comes back
// from there sees what has changed.
"use strict";
document.addEventListener("visibilitychange", () => { if (!document.hidden) location.reload(); });
