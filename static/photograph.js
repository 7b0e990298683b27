/* One photograph: what is sent of it, what came back, where it stands. */

import { ask, Refusal } from "./asking.js";
import { asJpeg, look } from "./pictures.js";

/** What the service refuses, and a browser may decode. */
const DECODED_HERE = ["unsupported-format", "not-an-image", "too-many-pixels", "too-many-bytes"];

/** `state` is waiting, asking, delayed (by `wait`), answered (an `answer`) or refused (a `refusal`). */
export class Photograph {
  state = "waiting";
  answer = null;
  refusal = null;
  explanation = null;
  width = 0; // as one looks at it, where this browser can decode it
  height = 0;
  isWhole = true; // the file itself was sent, neither scaled nor converted
  #stop = new AbortController();
  #isConverted = false;

  constructor({ path, file }, onChange) {
    Object.assign(this, { path, file, onChange });
  }

  get isDone() {
    return this.state === "answered" || this.state === "refused";
  }

  /** As in the answer, but of the file itself. */
  get image() {
    const { image } = this.answer;
    if (this.isWhole) return image;
    const format = this.file.type.replace("image/", "").toUpperCase();
    return { width: this.width || image.width, height: this.height || image.height, format };
  }

  /** Never throws. */
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

  /** Throws a Refusal. */
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
    const send = (content) => {
      this.isWhole = content === this.file;
      return ask(endpoint, content, this.file.name, this.#stop.signal, onWait);
    };
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
