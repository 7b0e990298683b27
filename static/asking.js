/* What goes to the service: a photograph, the key, the time limit, and coming back when it is busy. */

import { askForKey, key } from "./key.js";
import { SENTENCES } from "./sentences.js";

const TIMEOUT_SECONDS = 60; // 10 MB over a slow phone connection, and the answer
const MAX_TRIES = 20; // then the person has a button

/** Why there is no answer. */
export class Refusal extends Error {
  constructor(sentence, detail, { kind = "", isRetriable = false, retryAfter = 0 } = {}) {
    super(sentence);
    Object.assign(this, { detail, kind, isRetriable, retryAfter });
  }
}

// When to come again, and why: told to one request, it holds for all.
const quiet = { until: 0, sentence: "", detail: "" };

/**
 * Ask, and again: with a key, when the service says so, when the connection is back. `onWait` is told each second what is
 * waited for. Throws a Refusal, or why the signal was aborted.
 */
export async function ask(path, file, name, signal, onWait) {
  for (let tries = 1; ; tries++) {
    await calm(signal, onWait);
    const used = key();
    try {
      return await once(path, file, name, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error.kind === "unauthorized") {
        if (!(await askForKey(used, error.detail))) throw error;
      } else if (error.kind === "offline") {
        onWait(error.message, error.detail);
        await connection(signal);
      } else if (error.retryAfter && tries < MAX_TRIES) {
        const until = Math.max(quiet.until, Date.now() + 1000 * error.retryAfter);
        Object.assign(quiet, { until, sentence: error.message, detail: error.detail });
      } else throw error;
    }
  }
}

export async function askForModel() {
  const used = key();
  const response = await fetch("model", { headers: headers() }).catch(() => null);
  const content = (await response?.json().catch(() => null)) ?? {};
  if (response?.status === 401 && (await askForKey(used, content.detail))) return askForModel();
  return response?.ok ? content : {};
}

async function calm(signal, onWait) {
  for (let left; (left = quiet.until - Date.now()) > 0; ) {
    onWait(quiet.sentence, `${quiet.detail} Next try in ${Math.ceil(left / 1000)}\u00a0s.`);
    await new Promise((resolve) => setTimeout(resolve, left % 1000 || 1000)); // to a whole second
    signal.throwIfAborted();
  }
}

function connection(signal) {
  return new Promise((resolve, reject) => {
    addEventListener("online", resolve, { once: true, signal });
    signal.addEventListener("abort", () => reject(signal.reason));
    if (navigator.onLine) resolve();
  });
}

async function once(path, file, name, signal) {
  await file.slice(0, 1).arrayBuffer().catch(() => {
    throw new Refusal("This cannot be read.", "It may be a file that has been moved since.");
  });
  const body = new FormData();
  body.append("file", file, name);
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), 1000 * TIMEOUT_SECONDS);
  try {
    const either = AbortSignal.any([signal, limit.signal]);
    const response = await fetch(path, { method: "POST", body, headers: headers(), signal: either });
    const answer = await response.json().catch((error) => {
      either.throwIfAborted();
      if (error instanceof SyntaxError) return {}; // a proxy in between may speak HTML
      throw error;
    });
    if (response.ok && (answer.probabilities || answer.grid)) return answer;
    throw refusalOf(response, answer);
  } catch (error) {
    throw error instanceof Refusal ? error : unreachable(limit.signal.aborted);
  } finally {
    clearTimeout(timer);
  }
}

function headers() {
  return key() ? { "X-API-Key": key() } : {};
}

function unreachable(isLate) {
  const again = { isRetriable: true };
  if (isLate) return new Refusal("No answer came.", `${TIMEOUT_SECONDS} seconds have passed.`, again);
  if (!navigator.onLine) return new Refusal("You are offline.", "It goes on with the connection.", { kind: "offline" });
  return new Refusal("The service cannot be reached.", "It may have stopped, or the connection broke.", again);
}

/** RFC 9457 in words for people. */
function refusalOf({ status, headers }, { type = "", title, detail = `It sent status ${status}.` }) {
  const kind = type.split("/").pop();
  return new Refusal(SENTENCES[kind] ?? title ?? "The service gave no answer.", detail, {
    kind,
    isRetriable: status >= 500 || status === 429 || status === 401,
    retryAfter: Number(headers.get("Retry-After")) || 0,
  });
}
