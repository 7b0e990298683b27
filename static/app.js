/*
 * The page: photographs in, a card for each out, in their order. No script knows a label: they are the model's.
 * `Photograph`s ask; `cards.js` draws one, `summary.js` all. What is visible follows body[data-state].
 */

import { askForModel } from "./asking.js";
import { $, colour, element, learn } from "./elements.js";
import { listen as listenToCamera } from "./camera.js";
import { cardOf, render } from "./cards.js";
import { csv, curl, json, save } from "./exporting.js";
import { listen } from "./intake.js";
import { key } from "./key.js";
import { Photograph } from "./photograph.js";
import { accuracy, photographs as counted, question, verdict } from "./sentences.js";
import { showAll, spoken, summarise } from "./summary.js";

const MAX_IN_FLIGHT = 4; // the service can batch, and progress is real
const SPOKEN_ONE_BY_ONE = 3; // of more, a screen reader is told the sum

const cards = new Map(); // photograph -> its card, in the order given
let waiting = [];
let inFlight = 0;
let isHeld = false; // up, and said to be
let isIntroduced = false;

listen(add);
listenToCamera({ onKeep: (picture) => add([picture], 0), onToggle: () => summarise(cards), onSay: announce });
$("csv").addEventListener("click", () => save(csv(done()), "answers.csv", "text/csv"));
$("json").addEventListener("click", () => save(json(done()), "answers.json", "application/json"));
$("clear").addEventListener("click", clear);
$("again").addEventListener("click", () => {
  $("count").focus(); // the button is about to vanish
  all().filter(({ refusal }) => refusal?.isRetriable).forEach(askAgain);
});

function add(found, passedOver) {
  const photographs = found.map((each) => new Photograph(each, changed));
  const listeners = { onRetry: askAgain, onCopy: copy, onSay: announce };
  const added = photographs.map((photograph) => cardOf(photograph, listeners));
  photographs.forEach((photograph, i) => cards.set(photograph, render(photograph, added[i])));
  $("cards").append(...added);
  $("note").textContent = note(found.length, passedOver);
  announce($("note").textContent || `Looking at ${counted(found.length)}.`);
  waiting.push(...photographs);
  showAll(); // or the new ones would not be seen
  next();
  added[0]?.scrollIntoView({ block: "nearest" });
}

function note(found, passedOver) {
  if (found) return passedOver ? `Skipped in the folder, as no photographs: ${passedOver}.` : "";
  return passedOver ? "There is no photograph in this folder." : "That was not a file: save the picture first.";
}

function askAgain(photograph) {
  waiting.push(photograph);
  photograph.enter("waiting");
  next();
}

function next() {
  while (inFlight < MAX_IN_FLIGHT && waiting.length) {
    inFlight++;
    waiting.shift().predict().finally(() => {
      inFlight--;
      next();
    });
  }
  summarise(cards);
}

function changed(photograph) {
  if (!cards.has(photograph)) return; // cleared
  render(photograph, cards.get(photograph));
  summarise(cards);
  const { isDone, path, answer, refusal, wait } = photograph;
  if (wait && !isHeld) announce(`${wait.sentence} ${wait.detail}`); // once, and not each second
  isHeld ||= Boolean(wait);
  if (!isDone) return;
  if (answer && !isIntroduced) introduced();
  if (isHeld && !all().some((each) => each.wait)) {
    isHeld = false;
    announce("It goes on.");
  }
  if (cards.size <= SPOKEN_ONE_BY_ONE) {
    announce(`${path}: ${answer ? Object.values(verdict(answer)).join(" ") : `${refusal.message} ${refusal.detail}`}`);
  } else if (done().length === cards.size) announce(spoken());
}

function clear() {
  for (const photograph of cards.keys()) photograph.leave();
  cards.clear();
  waiting = [];
  $("cards").replaceChildren();
  $("note").textContent = "";
  summarise(cards);
  announce("Cleared.");
  $("file").focus();
}

async function copy({ path }, button) {
  const name = (button.dataset.name ??= button.textContent); // not "Copied"
  $("curl").textContent = curl(path, Boolean(key()));
  // Over plain http a page has no clipboard.
  const isCopied = await navigator.clipboard?.writeText($("curl").textContent).then(() => true, () => false);
  announce((button.textContent = isCopied ? "Copied" : "Shown below"));
  setTimeout(() => (button.textContent = name), 2000);
}

function announce(sentence) {
  $("status").textContent = sentence;
}

function done() {
  return all().filter(({ isDone }) => isDone);
}

function all() {
  return [...cards.keys()];
}

/** Refused for want of a key, it is asked again with the first answer. */
async function introduced() {
  isIntroduced = true;
  introduce(await askForModel());
}

function introduce({ labels = [], figures }) {
  learn(labels);
  $("figure").textContent = accuracy(figures?.accuracy);
  $("curl").textContent = curl("photograph.jpg", Boolean(key()));
  summarise(cards);
  isIntroduced = labels.length > 0;
  $("figures").hidden = !isIntroduced || Boolean(key()); // a link brings no key
  if (!isIntroduced) return;
  $("question").replaceChildren(...question(labels).map(({ text, label }) => {
    const word = element("span", "", text);
    if (labels.includes(label)) colour(word, label, labels);
    return word;
  }));
  document.title = $("question").textContent;
}

summarise(cards); // who is faster than the model needs it
introduced();
