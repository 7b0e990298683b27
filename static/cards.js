/* One card for each photograph, drawn as the photograph stands. */

import { fill } from "./elements.js";
import { draw } from "./heatmap.js";
import { verdict } from "./sentences.js";

const template = document.getElementById("card");
let count = 0;

export function parts(card) {
  return new Proxy({}, { get: (_, name) => card.querySelector(`.${name}`) });
}

export function cardOf(photograph, { onRetry, onCopy, onSay }) {
  const card = template.content.firstElementChild.cloneNode(true);
  const { name, suffix, thumb, look, curl, retry } = parts(card);
  name.textContent = name.title = photograph.path;
  name.id = `photograph-${++count}`;
  suffix.textContent = photograph.path.match(/\.(\w{1,5})$/)?.[1] ?? "file";
  for (const button of [look, curl, retry]) button.setAttribute("aria-describedby", name.id);
  for (const event of ["load", "error"]) thumb.addEventListener(event, () => URL.revokeObjectURL(thumb.src));
  look.addEventListener("click", () => toggle(photograph, card, onSay));
  curl.addEventListener("click", () => onCopy(photograph, curl));
  retry.addEventListener("click", () => {
    name.focus(); // the button is about to vanish
    onRetry(photograph);
  });
  return card;
}

export function render(photograph, card) {
  const { state, thumbnail, width, height, answer, refusal, wait } = photograph;
  const part = parts(card);
  card.dataset.state = state;
  if (thumbnail) {
    part.thumb.src = URL.createObjectURL(thumbnail);
    part.thumb.hidden = false;
    part.suffix.hidden = true;
    card.classList.toggle("near", Math.abs(Math.log(((width / height) * 3) / 4)) < 0.13); // to 4:3, as 3:2 is
    card.style.setProperty("--ratio", width / height);
  }
  say(card, {
    waiting: { opening: "Waiting" },
    asking: { opening: "Looking …" },
    delayed: { opening: wait?.sentence, detail: wait?.detail },
    answered: answer && verdict(answer),
    refused: { opening: "No answer", headline: refusal?.message, detail: refusal?.detail },
  }[state]);
  part.retry.hidden = !refusal?.isRetriable;
  part.curl.hidden = !answer || !isTaken(photograph);
  part.look.hidden = !answer || part.thumb.hidden;
  if (answer) {
    part.about.textContent = about(photograph);
    fill(part.bars, answer);
  }
  return card;
}

export function say(card, { opening = "", headline = "", detail = "" }) {
  Object.entries({ opening, headline, detail }).forEach(([name, text]) => (parts(card)[name].textContent = text));
}

function about({ answer: { image, model }, milliseconds, width, height }) {
  const size = `${image.width} × ${image.height}`;
  const isScaled = width && width !== image.width;
  const sent = isScaled ? `${width} × ${height} pixels, sent as ${size}` : `${image.format}, ${size} pixels`;
  return `${sent} · answered by ${model.name} ${model.version} in ${Math.round(milliseconds)} ms`;
}

/** Whether curl may send the file: a scaled one, within the default limits. */
function isTaken({ isWhole, file, width, height }) {
  return isWhole || (/jpeg|png|webp/.test(file.type) && file.size < 1e7 && width * height < 5e7);
}

async function toggle(photograph, card, onSay) {
  const { look, thumb, heat, detail } = parts(card);
  const isOn = () => look.getAttribute("aria-pressed") === "true";
  look.setAttribute("aria-pressed", !isOn());
  heat.hidden = true;
  const tell = (sentence) => onSay(`${photograph.path}: ${(detail.textContent = sentence)}`);
  try {
    if (isOn()) await photograph.explain((sentence, why) => (detail.textContent = `${sentence} ${why}`));
    render(photograph, card);
    if (!isOn()) return; // perhaps while it was asked for
    const { grid, label } = photograph.explanation;
    draw(heat, thumb, grid);
    heat.hidden = false;
    tell(`In colour is what spoke for ${label}, most of it within the line.`);
  } catch (refusal) {
    look.setAttribute("aria-pressed", "false");
    tell(`${refusal.message} ${refusal.detail}`);
  }
}
