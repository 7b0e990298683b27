/* The live camera: one request at a time, so answers as fast as the service gives them. */

import { ask, Refusal } from "./asking.js";
import { $, fill } from "./elements.js";
import { parts, say } from "./cards.js";
import { frame } from "./pictures.js";
import { verdict } from "./sentences.js";

const ASKED_PIXELS = 480; // fresh is worth more than fine
const KEPT_PIXELS = 1600;
const STEADIED_OVER = 5; // answers: what is read out is their mean, and does not jump

/** getUserMedia's errors. */
const SENTENCES = {
  NotAllowedError: ["This page may not use the camera.", "Allow it in the browser's settings for this page."],
  NotFoundError: ["There is no camera.", "None is connected, or the browser does not see it."],
};

const panel = $("live");
const video = $("video");
let running = null; // the one run's AbortController
let kept = 0;

// It says what a card says.
panel.querySelector(".name").after(...$("card").content.cloneNode(true).querySelectorAll(".says > :not(.name, .acts)"));

/** `onKeep` is given {path, file}, `onToggle` told that the camera came or went, `onSay` what to say. */
export function listen({ onKeep, onToggle, onSay }) {
  $("go-live").addEventListener("click", async () => {
    panel.hidden = false;
    onToggle();
    $("stop").focus();
    await run(onSay);
  });
  $("stop").addEventListener("click", () => {
    stop();
    panel.hidden = true;
    onToggle();
    $("go-live").focus();
  });
  $("keep").addEventListener("click", async () => {
    const path = `camera-${++kept}.jpg`;
    onKeep({ path, file: new File([await frame(video, KEPT_PIXELS)], path, { type: "image/jpeg" }) });
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) running?.abort(new Refusal("The camera was stopped.", "It does not run where nobody looks."));
  });
}

function stop(why) {
  running?.abort(why);
  running = null;
  video.srcObject = null;
}

async function run(onSay) {
  stop();
  const mine = new AbortController();
  running = mine;
  enter("starting", { opening: "Opening the camera …" });
  try {
    await open(mine);
    enter("on", { opening: "Looking …" });
    await answers(mine.signal, onSay);
  } catch (error) {
    if (mine !== running) return; // stopped on purpose
    const { message, detail } = refusalOf(mine.signal.reason ?? error);
    stop();
    enter("off", { opening: "No picture", headline: message, detail });
    onSay(`${message} ${detail}`);
  }
}

async function open(mine) {
  if (!navigator.mediaDevices) {
    throw new Refusal("The camera needs a secure connection.", "Browsers open it over https or on localhost only.");
  }
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: { ideal: "environment" } } });
  const [track] = stream.getTracks();
  if (mine.signal.aborted) track.stop(); // stopped while it opened
  mine.signal.throwIfAborted();
  mine.signal.addEventListener("abort", () => track.stop());
  track.addEventListener("ended", () => mine.abort(new Refusal("The camera has gone.", "It may have been unplugged.")));
  video.srcObject = stream;
  await video.play();
}

async function answers(signal, onSay) {
  const recent = [];
  const times = [];
  let said = "";
  for (;;) {
    const content = await frame(video, ASKED_PIXELS);
    recent.push(await ask("predict", content, "frame.jpg", signal, (opening, detail) => enter("on", { opening, detail })));
    signal.throwIfAborted();
    if (recent.length > STEADIED_OVER) recent.shift();
    if (times.push(performance.now()) > 2 * STEADIED_OVER) times.shift();
    const steady = steadied(recent);
    const shown = verdict(steady);
    enter("on", shown);
    fill(parts(panel).bars, steady);
    parts(panel).about.textContent = pace(times);
    const sentence = `${shown.opening} ${shown.headline}`;
    if (recent.length === STEADIED_OVER && sentence !== said) onSay((said = sentence));
  }
}

function steadied(recent) {
  const probabilities = {};
  for (const name of Object.keys(recent[0].probabilities)) {
    probabilities[name] = recent.reduce((sum, answer) => sum + answer.probabilities[name], 0) / recent.length;
  }
  const [[label]] = Object.entries(probabilities).sort(([, a], [, b]) => b - a);
  return { label, probabilities };
}

function pace(times) {
  const rate = (1000 * (times.length - 1)) / (times.at(-1) - times[0] || 1);
  return `${rate.toFixed(rate < 10 ? 1 : 0)} answers a second, steadied over the last ${STEADIED_OVER}`;
}

function enter(state, words) {
  panel.dataset.state = state;
  $("keep").hidden = state !== "on";
  $("stop").textContent = state === "off" ? "Close" : "Stop the camera";
  say(panel, words);
}

function refusalOf(error) {
  if (error instanceof Refusal) return error;
  return new Refusal(...(SENTENCES[error.name] ?? ["The camera does not answer.", error.message]));
}
