/* The preview of a template follows what is typed. Without it, the button beside it does. */
"use strict";

for (const form of document.querySelectorAll("form[data-previews]")) {
  const show = form.querySelector("[formtarget]");
  let waiting = 0;
  const later = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => form.requestSubmit(show), 500);
  };
  form.addEventListener("input", later);
  if (!form.querySelector("iframe[src]") || form.querySelector("[aria-invalid]")) later();
}
