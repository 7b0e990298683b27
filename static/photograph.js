/* One photograph: what is sent of it, what came back, where it stands. */

import { ask, Refusal } from "./asking.js";
import { asJpeg, look } from "./pictures.js";

/** What the service refuses, and a browser may decode. */
const DECODED_HERE = ["unsupported-format", "not-an-image", "too-many-pixels", "too-many-bytes"];

/**
 * `state` is waiting, asking, delayed (by `wait`), answered (with an `answer`) or refused (with a `refusal`); `onChange`
 * is told of each. The file stays on its disk, and what was decoded of it is let go.
 */
export class Photograph {
  state = "waiting";
  answer = null;
  refusal = null;
  explanation = null; // once it was asked for
  width = 0; // as one looks at it, where this browser can decode it
  height = 0;
  #stop = new AbortController();
  #isConverted = false;

  constructor({ path, file }, onChange) {
    Object.assign(this, { path, file, onChange });
  }

  get isDone() {
    return this.state === "answered" || this.state === "refused";
  }

  /** Ask what it shows; never throws. */
  async predict() {
    try {
      this.enter("asking");
      const { smaller, ...picture } = (await look(this.file)) ?? {};
      this.#stop.signal.throwIfAborted();
      this.enter("asking", picture);
      this.thumbnail = null; // it is in the page now
      const begin = performance.now();
      const onWait = (sentence, detail) => this.enter("delayed", { wait: { sentence, detail } });
      const answer = await this.#ask("predict", smaller, onWait);
      this.enter("answered", { answer, milliseconds: performance.now() - begin });
    } catch (error) {
      if (!this.#stop.signal.aborted) this.enter("refused", { refusal: refusalOf(error) });
    }
  }

  /** Ask where the network looked; throws a Refusal. */
  async explain(onWait) {
    try {
      this.explanation ??= await this.#ask("explain?format=json", (await look(this.file))?.smaller, onWait);
    } catch (error) {
      throw this.#stop.signal.aborted ? error : refusalOf(error);
    }
  }

  enter(state, changes) {
    Object.assign(this, { state, wait: null, refusal: null, ...changes });
    this.onChange(this);
  }

  leave() {
    this.#stop.abort();
  }

  async #ask(endpoint, smaller, onWait) {
    const send = (content) => ask(endpoint, content, this.file.name, this.#stop.signal, onWait);
    if (this.#isConverted) return send(await asJpeg(this.file));
    try {
      return await send(smaller ?? this.file);
    } catch (error) {
      const content = DECODED_HERE.includes(error.kind) && (await asJpeg(this.file));
      if (!content) throw error;
      this.#isConverted = true;
      return send(content);
    }
  }
}

function refusalOf(error) {
  if (error instanceof Refusal) return error;
  reportError(error); // a defect of the page: its console must have it
  return new Refusal("This page does not understand the answer.", "Try to reload it.");
}
