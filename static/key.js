/* The key, where the service wants one: asked for once, and kept for as long as the tab. */

import { $ } from "./elements.js";

const KEPT_AS = "catdog-key";
const dialog = $("key");
const field = $("key-value");
let value = sessionStorage.getItem(KEPT_AS) ?? "";
let asking = null; // one dialog, however many requests were refused

export function key() {
  return value;
}

/** Ask for another than the one that was refused; return whether there is one to try. */
export function askForKey(used, why) {
  if (used !== value) return Promise.resolve(true);
  asking ??= shown(why).finally(() => (asking = null));
  return asking;
}

function shown(why) {
  $("key-why").textContent = why;
  dialog.returnValue = ""; // Escape leaves what was there
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue && field.value.trim();
      if (given) sessionStorage.setItem(KEPT_AS, (value = given));
      field.value = "";
      resolve(Boolean(given));
    }, { once: true });
  });
}
