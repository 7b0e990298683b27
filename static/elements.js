/* Elements, and labels as the served model has them: their order, colours and bars. */

import { percent } from "./sentences.js";

const COLOURS = 4; // as many as theme.css has; what comes after shares the last
let known = []; // the model's order, as soon as it has introduced itself

export function learn(labels) {
  known = labels;
}

/** The labels of answers; in the model's order, if it is the one that introduced itself. */
export function labelsOf(answers) {
  if (!answers.length) return known;
  const names = Object.keys(answers[0].probabilities); // which puts labels that are numbers first
  return names.length === known.length && names.every((name) => known.includes(name)) ? known : names;
}

export function colour(element, label, labels) {
  element.dataset.label = Math.min(labels.indexOf(label), COLOURS - 1);
}

/** One bar for each label; what is there already is kept, so that it can move. */
export function fill(list, answer) {
  const names = labelsOf([answer]);
  if (names.join("\n") !== [...list.children].map((item) => item.firstChild.textContent).join("\n")) {
    list.replaceChildren(...names.map(bar));
  }
  names.forEach((name, i) => {
    const item = list.children[i];
    item.className = name === answer.label ? "first" : "";
    item.querySelector(".share").textContent = percent(answer.probabilities[name]);
    item.querySelector(".fill").style.setProperty("--share", answer.probabilities[name]);
  });
}

export const $ = (id) => document.getElementById(id);

export function element(tag, className, text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

function bar(name, _, names) {
  const item = element("li", "");
  const track = element("span", "track");
  track.append(element("span", "fill"));
  item.append(element("span", "name", name), element("span", "share"), track);
  colour(item, name, names);
  return item;
}
