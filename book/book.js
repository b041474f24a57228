// The theme button, the contents on a small screen, and the search. All of the text works without it.
"use strict";

const one = selector => document.querySelector(selector);
const root = document.documentElement;

function startTheme() {
  const button = one("#theme-button");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const show = () => button.setAttribute("aria-pressed", isDark());
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("nstlib-theme", root.dataset.theme); } catch { /* only this page, then */ }
    show();
  });
  system.addEventListener("change", show);
  show();
}

function startContents() {
  const button = one("#contents-button"), contents = one("#contents");
  const open = wanted => {
    contents.classList.toggle("open", wanted);
    button.setAttribute("aria-expanded", wanted);
  };
  button.addEventListener("click", () => open(!contents.classList.contains("open")));
  contents.addEventListener("click", event => event.target.closest("a") && open(false));
}

// What is wider than the page scrolls, so a keyboard must reach it.
function letWideThingsScroll() {
  for (const box of document.querySelectorAll("main pre, .table, .formula")) {
    const wide = box.scrollWidth > box.clientWidth;
    const attributes = { tabindex: 0, role: "group", "aria-label": "scrolls sideways" };
    for (const [name, value] of Object.entries(attributes)) {
      if (wide) box.setAttribute(name, value);
      else box.removeAttribute(name);
    }
  }
}

// The index is a script, as a page on a disk may not fetch a file.
function loadIndex() {
  if (one("#search-index")) return;
  const script = document.createElement("script");
  script.id = "search-index";
  script.src = "search_index.js";
  script.onload = showResults;
  document.head.append(script);
}

function find(words) {
  const rated = window.searchIndex.map(([address, title, heading, text]) => {
    const body = text.toLowerCase(), top = `${title} ${heading}`.toLowerCase();
    const counts = words.map(word =>
      10 * heading.toLowerCase().includes(word) + 3 * top.includes(word) + body.split(word).length - 1);
    return { address, title, heading, text, score: counts.includes(0) ? 0 : Math.min(...counts) };
  });
  return rated.filter(entry => entry.score).sort((a, b) => b.score - a.score).slice(0, 30);
}

// Where to start reading: at the hit that has the most of the words close behind it.
function bestHit(text, words) {
  const lower = text.toLowerCase(), hits = [];
  for (const word of words)
    for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, at + 1)) hits.push(at);
  const near = at => words.filter(word => lower.slice(at, at + 120).includes(word)).length;
  return hits.sort((a, b) => near(b) - near(a) || a - b)[0] || 0;
}

// Some words of the text around a hit, with the hits marked.
function context(text, words) {
  const hit = bestHit(text, words);
  const start = hit < 70 ? 0 : text.lastIndexOf(" ", hit - 50) + 1;
  const cut = (start ? "… " : "") + text.slice(start, start + 180) + (text.length > start + 180 ? " …" : "");
  const pattern = words.map(word => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  const line = document.createElement("span");
  cut.split(new RegExp(`(${pattern})`, "i")).forEach((piece, number) => {
    const part = document.createElement(number % 2 ? "mark" : "span");
    part.textContent = piece;
    line.append(number % 2 ? part : piece);
  });
  return line;
}

function result({ address, title, heading, text }, words) {
  const item = document.createElement("li"), link = document.createElement("a");
  const name = document.createElement("strong");
  name.textContent = heading === title ? title : `${title}: ${heading}`;
  link.href = address;
  link.append(name, context(text, words));
  item.append(link);
  return item;
}

function showResults() {
  if (!window.searchIndex) return;
  const words = one("#search input").value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = words.length ? find(words) : [];
  one("#search ol").replaceChildren(...found.map(entry => result(entry, words)));
  one("#search [role=status]").textContent =
    words.length ? `${found.length || "No"} ${found.length === 1 ? "place" : "places"} found` : "";
}

function moveFocus(event) {
  if (event.key === "Escape") one("#search").close(); // a search field only empties itself
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const stops = [one("#search input"), ...document.querySelectorAll("#search li a")];
  const next = stops[stops.indexOf(document.activeElement) + step];
  event.preventDefault();
  if (next) next.focus();
}

function startSearch() {
  const dialog = one("#search"), input = one("#search input");
  const open = () => {
    loadIndex();
    if (!dialog.open) dialog.showModal();
    input.select();
  };
  one("#search-button").addEventListener("click", open);
  document.addEventListener("keydown", event => {
    if (event.key !== "k" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    open();
  });
  input.addEventListener("input", showResults);
  input.addEventListener("keydown", event => {
    const first = one("#search li a");
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (first) first.click();
  });
  dialog.addEventListener("keydown", moveFocus);
  dialog.addEventListener("click", event => {
    if (event.target === dialog || event.target.closest("a")) dialog.close();
  });
}

startTheme();
startContents();
startSearch();
letWideThingsScroll();
addEventListener("resize", letWideThingsScroll);
