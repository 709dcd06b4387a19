/* The till's hit list by keyboard: ↑ ↓ choose, Enter opens, Alt + digit opens a row, Esc clears. */
"use strict";

const box = document.getElementById("find");
const found = document.getElementById("found");
const rows = () => [...found.querySelectorAll("[role=option]")];
const chosen = () => found.querySelector("[role=option][aria-selected=true]");
/* The list on the screen answers what stands in the box, not what stood there a moment ago. */
const fresh = () => found.querySelector("[data-asked]")?.dataset.asked === box.value.trim();

let waiting;

/* The chosen member beside the list; only the last choice counts, however fast the keys. */
function glanceAt(row) {
  clearTimeout(waiting);
  const fetch = () =>
    htmx.ajax("GET", row.dataset.glance, { source: "#glance", target: "#glance" });
  waiting = setTimeout(fetch, 120);
}

function choose(row) {
  rows().forEach((other, place) => {
    other.setAttribute("aria-selected", String(other === row));
    other.querySelector("kbd").textContent = other === row ? "↵" : place + 1;
  });
  box.setAttribute("aria-activedescendant", row.id);
  row.scrollIntoView({ block: "nearest" });
  glanceAt(row);
}

function move(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(chosen());
  choose(all[(at + step + all.length) % all.length]);
}

box.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    move(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter" && fresh() && chosen()) {
    event.preventDefault();
    chosen().click();
  } else if (event.key === "Escape" && box.value) {
    event.preventDefault();
    box.value = "";
    htmx.trigger(box, "input");
  }
});

/* A scanner types wherever the focus is; on this page that is meant for the box. */
document.addEventListener("keydown", (event) => {
  const plain = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey;
  if (plain && !event.altKey && event.key !== "/" && !typing(event.target)) box.focus();
});

document.addEventListener("keydown", (event) => {
  if (!event.altKey || event.ctrlKey || !/^Digit[1-9]$/.test(event.code)) return;
  const row = rows()[Number(event.code.slice(5)) - 1];
  if (row) {
    event.preventDefault();
    row.click();
  }
});

/* What was asked goes with this entry of the tab's history, so that Back shows the list again.
   It never enters an address, which would be logged. */
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target !== found) return;
  box.setAttribute("aria-expanded", String(rows().length > 0));
  clearTimeout(waiting);
  if (chosen()) choose(chosen());
  else box.removeAttribute("aria-activedescendant");
  history.replaceState({ ...history.state, asked: box.value }, "");
});

document.addEventListener("DOMContentLoaded", () => {
  if (chosen()) glanceAt(chosen());
  if (!history.state?.asked || box.value) return;
  box.value = history.state.asked;
  htmx.trigger(box, "input");
});
