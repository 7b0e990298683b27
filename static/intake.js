/* Where photographs come from. What was pointed at is taken; of a folder, only what may be a photograph. */

import { $ } from "./elements.js";

const EXTENSIONS = /\.(avif|bmp|gif|heic|heif|jfif|jpe?g|png|tiff?|webp)$/i;
const HIDDEN = /\/\./; // such as macOS's `._kitten.jpg`, which holds no picture
const byName = new Intl.Collator("en", { numeric: true }).compare;

/** `onPhotographs` is told what came, as {path, file}, and how many files of folders were passed over. */
export function listen(onPhotographs) {
  $("file").multiple = true; // the form without a script sends one
  $("a-folder").hidden = !("webkitdirectory" in $("folder"));

  for (const input of [$("file"), $("shot"), $("folder")]) {
    input.addEventListener("change", () => {
      const files = [...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
      input.value = ""; // so that choosing the same again is a change
      tell(input.id === "folder" ? [files] : files);
    });
  }

  addEventListener("paste", ({ clipboardData, target }) => {
    if (target.closest?.("dialog")) return; // a key
    tell([...clipboardData.files].map((file) => ({ path: file.name, file })));
  });

  addEventListener("dragover", (event) => {
    event.preventDefault(); // or the browser would leave the page for the file
    document.body.toggleAttribute("data-dropping", event.dataTransfer.types.includes("Files"));
  });

  addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget) document.body.removeAttribute("data-dropping"); // left the window
  });

  addEventListener("drop", async (event) => {
    event.preventDefault();
    document.body.removeAttribute("data-dropping");
    const items = [...event.dataTransfer.items].filter(({ kind }) => kind === "file");
    // At once: they are gone with the event.
    tell(await Promise.all(items.map((item) => {
      const entry = item.webkitGetAsEntry?.();
      const file = item.getAsFile();
      return entry?.isDirectory ? walk(entry) : { path: file.name, file };
    })));
  });

  /** Files stand for themselves, lists of them are folders. */
  function tell(given) {
    const kept = given.flatMap((each) => (Array.isArray(each) ? each.filter(isImage).sort(byPath) : each));
    onPhotographs(kept, given.flat().length - kept.length);
  }
}

function isImage({ path, file }) {
  return !HIDDEN.test(path) && (file.type.startsWith("image/") || EXTENSIONS.test(file.name));
}

function byPath(a, b) {
  return byName(a.path, b.path);
}

async function walk(folder) {
  const reader = folder.createReader();
  const found = [];
  for (let some; (some = await called((...then) => reader.readEntries(...then)))?.length; ) { // by hundreds
    for (const entry of some) {
      if (entry.isDirectory) found.push(...(await walk(entry)));
      else found.push({ path: entry.fullPath.slice(1), file: await called((...then) => entry.file(...then)) });
    }
  }
  return found.filter(({ file }) => file);
}

/** This API is older than promises; what cannot be read is left out. */
function called(method) {
  return new Promise((resolve) => method(resolve, () => resolve(null)));
}
