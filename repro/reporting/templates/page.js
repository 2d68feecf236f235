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
// A text in both languages, of which the page shows one.
const inBoth = (en, zh) => [["en", en], ["zh", zh]].map(([lang, text]) => {
  const span = document.createElement("span");
  span.className = lang;
  if (lang === "zh") span.lang = "zh-Hans";
  span.textContent = text;
  return span;
});
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

// A link to a run opens it, one to a network's runs all of them, one to a row that is filtered out
// shows all rows.
function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
  const row = target && target.closest("tr.out");
  if (row) {
    row.closest("section").querySelector(".filters button").click();
    row.scrollIntoView();
  }
  if (target && target.matches(".runs")) for (const run of target.querySelectorAll("details")) run.open = true;
}
addEventListener("hashchange", openTarget);
openTarget();
