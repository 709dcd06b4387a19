/* Keys and menus of every console page. Without it everything still works by mouse and by Tab. */
"use strict";

const typing = (element) => element.matches("input, textarea, select, [contenteditable]");

function focusSearch() {
  const box = document.getElementById("find") ?? document.getElementById("q");
  box?.focus();
  box?.select();
  return Boolean(box);
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (menu !== except) menu.open = false;
  }
}

document.addEventListener("keydown", (event) => {
  const slash = event.key === "/" && !event.ctrlKey && !event.altKey && !typing(event.target);
  const palette = event.key.toLowerCase() === "k" && event.ctrlKey && !event.altKey;
  if ((slash || palette) && focusSearch()) event.preventDefault();
  if (event.key === "Escape") {
    const menu = event.target.closest?.("details[data-menu][open]");
    closeMenus();
    menu?.querySelector("summary").focus();
  }
});

document.addEventListener("click", (event) => closeMenus(event.target.closest("details[data-menu]")));

/* A request that found no server says so on the page, and stops saying it once one succeeds. */
function sayOffline(away) {
  const notice = document.getElementById("offline");
  if (notice) notice.hidden = !away;
}
document.addEventListener("htmx:sendError", () => sayOffline(true));
document.addEventListener("htmx:afterOnLoad", () => sayOffline(false));

/* Choosing in such a list is the whole form. */
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});
