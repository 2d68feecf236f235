"use strict";
const root = document.documentElement;
// What was chosen is remembered for pages that open in the same language.
const opened = root.dataset.lang;
const store = {
  get: (key) => { try { return localStorage.getItem(`repro-${opened}-${key}`); } catch { return null; } },
  set: (key, value) => { try { localStorage.setItem(`repro-${opened}-${key}`, value); } catch { /* a file */ } },
};

function setLanguage(lang) {
  root.dataset.lang = lang;
  root.lang = lang === "zh" ? "zh-Hans" : "en";
  document.title = document.body.dataset[lang];
}
const isDark = () =>
  (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

document.getElementById("language").addEventListener("click", () => {
  setLanguage(root.dataset.lang === "en" ? "zh" : "en");
  store.set("lang", root.dataset.lang);
});
document.getElementById("theme").addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  store.set("theme", root.dataset.theme);
});
document.getElementById("print").addEventListener("click", () => print());

// What was chosen before counts, then what the reader's browser asks for.
const asked = (navigator.language || "").toLowerCase().startsWith("zh") ? "zh" : null;
if (store.get("lang") || asked) setLanguage(store.get("lang") || asked);
if (store.get("theme")) root.dataset.theme = store.get("theme");

// A link to a run opens it, one to a network's runs all of them.
function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
  if (target && target.matches(".runs")) for (const run of target.querySelectorAll("details")) run.open = true;
}
addEventListener("hashchange", openTarget);
openTarget();

// Headings sort their table: first ascending, then descending, then as it was. Rows without a value
// stay last.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], original = [...body.rows];
  table.querySelectorAll("thead th").forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const before = heading.getAttribute("aria-sort");
      for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
      if (before === "descending") return body.append(...original);
      const down = before !== "ascending";
      const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      const rows = [...body.rows].sort((one, other) => {
        const [a, b] = [value(one), value(other)];
        if (a === "" || b === "") return (a === "") - (b === "");
        const [x, y] = [Number(a), Number(b)];
        const order = Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
        return down ? order : -order;
      });
      body.append(...rows);
      heading.setAttribute("aria-sort", down ? "ascending" : "descending");
    });
  });
}
