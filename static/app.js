/*
 * The page: one photograph in, one answer out.
 *
 * Chosen, dropped or pasted, files go through `show`; what is visible follows `document.body.dataset.state`, which is
 * idle, working, answer or refusal. Labels are the served model's; this script knows none of them.
 */

const TIMEOUT_SECONDS = 60; // a photograph of 10 MB over a slow phone connection, and then the answer

/** From which probability on which words are right: Intelligence Community Directive 203 (2015), rounded to fewer. */
const SURENESS = [
  [0.95, "Almost certainly"],
  [0.8, "Very likely"],
  [0.55, "Probably"],
  [0, "Hard to say, perhaps"],
];

/** What each kind of problem means to a person; the API's own detail stands below it. */
const SENTENCES = {
  "missing-file": "No photograph arrived.",
  "too-many-files": "One photograph at a time, please.",
  "malformed-upload": "The photograph did not arrive whole.",
  "caller-left": "The connection was lost.",
  "too-many-bytes": "This file is too large.",
  "too-many-pixels": "This picture has too many pixels.",
  "unsupported-media-type": "This is not a photograph.",
  "not-an-image": "This is not a photograph.",
  "unsupported-format": "This kind of image cannot be read here.",
  "empty-image": "This file is empty.",
  "truncated-image": "This photograph is damaged.",
  "not-ready": "The service is not ready yet.",
  "prediction-failed": "Something went wrong inside the service.",
  "overloaded": "The service is busy.",
  "deadline-exceeded": "The answer took too long.",
  "too-slow": "The upload was too slow.",
  "model-stuck": "The service is stuck.",
};

/** Why there is no answer, in words for the person who waits for it. */
class Refusal extends Error {
  constructor(sentence, detail, { worthRetrying = false } = {}) {
    super(sentence);
    Object.assign(this, { detail, worthRetrying });
  }
}

const $ = (id) => document.getElementById(id);
const bars = new Map(); // label -> its list item
let labels = []; // the served model's, as soon as they are known
let current = null; // the AbortController of the newest photograph's request
let latest = []; // the files last shown, for another try

// Files come in.

$("file").addEventListener("change", () => {
  const files = [...$("file").files];
  $("file").value = ""; // so that choosing the same file again is a change
  if (files.length) show(files);
});

$("retry").addEventListener("click", () => {
  $("file").focus(); // the button is about to vanish, and focus must not go with it
  show(latest);
});

addEventListener("paste", ({ clipboardData }) => {
  if (clipboardData.files.length) show([...clipboardData.files]);
});

addEventListener("dragover", (event) => {
  event.preventDefault(); // or the browser would leave the page for the file
  document.body.toggleAttribute("data-dropping", event.dataTransfer.types.includes("Files"));
});

addEventListener("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) document.body.removeAttribute("data-dropping"); // out of the window, not from part to part
});

addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.removeAttribute("data-dropping");
  show([...event.dataTransfer.files]);
});

$("photograph").addEventListener("error", () => {
  $("photograph").hidden = true;
  $("placeholder").hidden = false;
});

/** Show the first of the files and ask what it is; what was asked before is given up. */
async function show(files) {
  current?.abort();
  const mine = new AbortController();
  current = mine;
  latest = files;
  const timer = setTimeout(() => mine.abort(), TIMEOUT_SECONDS * 1000);
  frame(files[0]);
  enter("working", { opening: "Looking …" });
  layBars(labels);
  try {
    const begin = performance.now();
    const answer = await ask(files, mine.signal);
    if (mine === current) present(answer, performance.now() - begin);
  } catch (error) {
    if (mine === current) refuse(error);
  } finally {
    clearTimeout(timer);
  }
}

/** Put a file into the frame; whether the browser can show it, the image's error event says. */
function frame(file) {
  URL.revokeObjectURL($("photograph").src);
  $("photograph").hidden = !file;
  $("placeholder").hidden = true;
  $("filename").textContent = file?.name;
  if (file) $("photograph").src = URL.createObjectURL(file);
}

/** Return the service's answer, or throw a Refusal. */
async function ask(files, signal) {
  if (!files.length) throw new Refusal("That was not a file.", "Save the picture first, then drop the file here.");
  if (files.length > 1) throw new Refusal("One photograph at a time, please.", `These were ${files.length} files.`);
  const [file] = files;
  await file.slice(0, 1).arrayBuffer().catch(() => {
    throw new Refusal("This cannot be read.", "It may be a folder, or a file that has been moved since.");
  });
  const body = new FormData();
  body.append("file", file);
  const response = await fetch("predict", { method: "POST", body, signal }).catch(() => {
    throw unreachable(signal);
  });
  const content = await response.json().catch(() => ({})); // a proxy in between may speak HTML
  if (signal.aborted) throw unreachable(signal);
  if (response.ok && content.probabilities) return content;
  throw refusalOf(response, content);
}

function unreachable(signal) {
  const again = { worthRetrying: true };
  if (signal.aborted) return new Refusal("No answer came.", `${TIMEOUT_SECONDS} seconds have passed.`, again);
  if (!navigator.onLine) return new Refusal("You are offline.", "Try again when there is a connection.", again);
  return new Refusal("The service cannot be reached.", "It may have stopped, or the connection broke.", again);
}

/** Say in words for people what an RFC 9457 problem says. */
function refusalOf(response, problem) {
  const kind = String(problem.type).split("/").pop();
  const sentence = SENTENCES[kind] ?? problem.title ?? "The service gave no answer.";
  const details = [problem.detail ?? `It sent status ${response.status}.`];
  const seconds = Number(response.headers.get("Retry-After"));
  if (seconds > 0) details.push(`Try again in ${seconds === 1 ? "a second" : `${seconds} seconds`}.`);
  else if (response.status >= 500) details.push("Try again in a moment.");
  return new Refusal(sentence, details.join(" "), { worthRetrying: response.status >= 500 });
}

// Answers go out.

function enter(state, { opening = "", headline = "", detail = "", about = "" }) {
  Object.entries({ opening, headline, detail, about }).forEach(([id, text]) => ($(id).textContent = text));
  document.body.dataset.state = state;
}

function present({ label, probabilities, image, model }, milliseconds) {
  const [first, second] = Object.entries(probabilities).sort(([, a], [, b]) => b - a);
  const sure = probabilities[label];
  enter("answer", {
    opening: SURENESS.find(([least]) => sure >= least)[1],
    headline: label,
    detail: sure < 0.8 && second ? `or else ${(first[0] === label ? second : first)[0]}` : "",
    about: [
      `${image.format}, ${image.width} × ${image.height} pixels`,
      `answered by ${model.name} ${model.version} in ${Math.round(milliseconds)} ms`,
    ].join(" · "),
  });
  fillBars(label, probabilities);
}

function refuse(error) {
  const isExpected = error instanceof Refusal;
  const refusal = isExpected ? error : new Refusal("This page does not understand the answer.", "Try to reload it.");
  enter("refusal", { opening: "No answer", headline: refusal.message, detail: refusal.detail });
  $("retry").hidden = !refusal.worthRetrying;
  if (!isExpected) reportError(error); // a defect of the page: its console must have it
}

/** Lay out one empty bar for each label. */
function layBars(names) {
  bars.clear();
  for (const name of names) {
    const item = element("li", "");
    const track = element("span", "track");
    track.append(element("span", "fill"));
    item.append(element("span", "name", name), element("span", "share", "–"), track);
    bars.set(name, item);
  }
  $("bars").replaceChildren(...bars.values());
}

function fillBars(label, probabilities) {
  const names = Object.keys(probabilities);
  // The model's order stands, as long as the model that answered is the one that introduced itself.
  if (names.length !== bars.size || !names.every((name) => bars.has(name))) layBars(names);
  for (const [name, item] of bars) {
    item.className = name === label ? "first" : "";
    item.querySelector(".share").textContent = percent(probabilities[name]);
    item.querySelector(".fill").style.setProperty("--share", probabilities[name]);
  }
}

function element(tag, className, text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

/** A probability in percent, finer near the ends; never 0 % or 100 %, which no model can know. */
function percent(probability) {
  if (probability >= 0.9995) return ">\u00a099.9\u00a0%";
  if (probability < 0.0005) return "<\u00a00.1\u00a0%";
  const isNearAnEnd = probability >= 0.99 || probability < 0.01;
  return `${(100 * probability).toFixed(isNearAnEnd ? 1 : 0)}\u00a0%`;
}

// The model introduces itself.

function introduce(model) {
  labels = model.labels ?? [];
  if (labels.length) {
    const named = labels.length > 5 ? [...labels.slice(0, 3), `one of ${labels.length - 3} others`] : labels;
    const list = new Intl.ListFormat("en-GB", { type: "disjunction" }).format(named);
    $("question").textContent = document.title = `${list.charAt(0).toUpperCase()}${list.slice(1)}?`;
  }
  $("figure").textContent = accuracyOf(model.figures?.accuracy ?? {});
  $("curl").textContent = `curl -F file=@photograph.jpg ${new URL("predict", location)}`;
}

function accuracyOf({ value, n, interval }) {
  if (!Number.isFinite(value)) return "";
  const figure = (share) => (100 * share).toFixed(1);
  const seen = n ? `${n.toLocaleString("en")} photographs` : "photographs";
  const range = interval ? ` (95\u00a0% interval ${figure(interval[0])} to ${figure(interval[1])}\u00a0%)` : "";
  return `Right for ${figure(value)}\u00a0% of ${seen} that it had never seen${range}.`;
}

introduce(await fetch("model").then((response) => (response.ok ? response.json() : {})).catch(() => ({})));
