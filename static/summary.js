/* All answers: how far it is, how they are spread over the labels, and which are shown. */

import { $, colour, element, labelsOf } from "./elements.js";
import { photographs as counted } from "./sentences.js";

const ALL = "all";
const NONE = "none"; // no label, whose value has a prefix
let cards = new Map();
let rows = []; // a radio button with its name, count and piece of the line; in the model's order

$("filters").addEventListener("change", sift);

/** `all` is photograph -> card. */
export function summarise(all) {
  cards = all;
  const photographs = [...cards.keys()];
  const total = photographs.length;
  const done = photographs.filter(({ isDone }) => isDone).length;
  document.body.dataset.state = done < total ? "working" : total ? "done" : $("live").hidden ? "idle" : "live";
  $("answers").hidden = !total;
  $("progress").max = total || 1;
  $("progress").value = done;
  $("progress").hidden = $("tally").hidden = $("filters").hidden = total < 2;
  $("count").textContent = done < total ? `${done} of ${total} answered` : counted(total);
  $("again").hidden = total < 2 || !photographs.some(({ refusal }) => refusal?.isRetriable);
  $("csv").disabled = $("json").disabled = !done;
  count(photographs);
  sift();
}

export function showAll() {
  rows[0].input.checked = true;
}

export function spoken() {
  const said = rows.slice(1).filter(({ count }) => count).map(({ name, count }) => `${count} ${name}`);
  return `${counted(cards.size)}: ${said.join(", ")}.`;
}

function valueOf({ answer, refusal }) {
  return answer ? `label ${answer.label}` : refusal && NONE;
}

function count(photographs) {
  const labels = labelsOf(photographs.flatMap(({ answer }) => answer ?? []));
  if (rows.length !== labels.length + 2 || labels.some((name, i) => rows[i + 1].name !== name)) draw(labels);
  const values = photographs.map(valueOf);
  for (const row of rows) {
    row.count = values.filter((value) => row.input.value === ALL || value === row.input.value).length;
    row.chip.querySelector("b").textContent = row.count;
    row.chip.hidden = !row.count;
    if (row.chip.hidden && row.input.checked) rows[0].input.checked = true;
    row.piece.style.setProperty("--count", row.count);
  }
}

function draw(labels) {
  rows = [[ALL, "All"], ...labels.map((name) => [`label ${name}`, name]), [NONE, "without an answer"]].map(([value, name]) => {
    const input = Object.assign(element("input", "unseen"), { type: "radio", name: "show", value, checked: value === ALL });
    const chip = element("label", "chip");
    chip.append(input, element("span", "", name), " ", element("b", ""));
    const piece = element("span", "piece");
    if (labels.includes(name)) [chip, piece].forEach((each) => colour(each, name, labels));
    return { name, input, chip, piece, count: 0 };
  });
  $("filters").replaceChildren($("filters").firstElementChild, ...rows.map(({ chip }) => chip));
  $("tally").replaceChildren(...rows.slice(1).map(({ piece }) => piece));
}

function sift() {
  const shown = rows.find(({ input }) => input.checked)?.input.value;
  for (const [photograph, card] of cards) card.hidden = shown !== ALL && valueOf(photograph) !== shown;
}
