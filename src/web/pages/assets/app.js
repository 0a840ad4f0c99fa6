// The pages work without this file. It adds: "/" to the search field, a reading line on charts, pausing the
// live updates, and the button that unlocks when an id has been typed. No library, no inline code.
"use strict";
const theme = new URLSearchParams(location.search).get("theme");   // test hook: ?theme=light|dark
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;

addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, select, textarea")) return;
  const field = document.querySelector(".find input");
  if (field) { event.preventDefault(); field.focus(); field.select(); }
});

// data-type="u-1042" on a field: the form's button stays disabled until the same text stands in it.
for (const field of document.querySelectorAll("input[data-type]")) {
  const button = field.form.querySelector("button[type=submit]");
  const check = () => { button.disabled = field.value !== field.dataset.type; };
  field.addEventListener("input", check);
  check();
}

// data-copy="#id": copies that element's text and says so in place.
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent);
    const before = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = before; }, 1500);
  });
}

for (const button of document.querySelectorAll("[data-pause]")) {
  button.addEventListener("click", () => {
    const paused = button.textContent === "Pause";
    button.textContent = paused ? "Resume" : "Pause";
    const word = button.parentElement.querySelector(".st > span");
    if (word) word.textContent = paused ? "Paused" : "Live";
  });
}

// data-v="13:03 1288|13:04 1301|…" on a chart: the value under the pointer replaces the value in its head.
const read = new WeakSet();
function readChart(chart) {
  if (read.has(chart)) return;
  read.add(chart);
  const points = chart.dataset.v.split("|");
  const now = chart.querySelector(".now");
  const plot = chart.querySelector("svg.area");
  const rest = now.innerHTML;
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  line.setAttribute("class", "base");
  line.setAttribute("y1", "16");
  line.setAttribute("y2", String(plot.height.baseVal.value - 20));
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    const at = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
    const [when, value] = points[Math.round(at * (points.length - 1))].split(" ");
    line.setAttribute("x1", `${at * 100}%`);
    line.setAttribute("x2", `${at * 100}%`);
    plot.append(line);
    now.textContent = `${value} `;
    now.append(Object.assign(document.createElement("small"), { textContent: `at ${when}` }));
  });
  plot.addEventListener("pointerleave", () => { line.remove(); now.innerHTML = rest; });
}
function readCharts() {
  for (const chart of document.querySelectorAll(".chart[data-v]")) readChart(chart);
}
readCharts();
document.addEventListener("syncwell:replaced", readCharts);
