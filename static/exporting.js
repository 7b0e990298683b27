/* Answers on their way out: in the columns of `catdog-api predict --csv`, as JSON, as a command. */

import { labelsOf } from "./elements.js";

/** RFC 4180, with a header. */
export function csv(photographs) {
  const labels = labelsOf(photographs.flatMap(({ answer }) => answer ?? []));
  const rows = photographs.map((photograph) => {
    const { path, answer, refusal } = photograph;
    if (!answer) return [path, "", ...labels.map(() => ""), "", "", "", `${refusal.message} ${refusal.detail}`];
    const { label, probabilities } = answer;
    const shares = labels.map((name) => probabilities[name]?.toFixed(6) ?? "");
    const { width, height, format } = photograph.image;
    return [path, label, ...shares, width, height, format, ""];
  });
  const header = ["path", "label", ...labels, "width", "height", "format", "problem"];
  return [header, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

export function json(photographs) {
  const entries = photographs.map((photograph) => {
    const { path, answer, refusal } = photograph;
    if (answer) return { path, ...answer, image: photograph.image };
    return { path, problem: { title: refusal.message, detail: refusal.detail } };
  });
  return `${JSON.stringify(entries, null, 2)}\n`;
}

export function curl(path, isKeyed) {
  const header = isKeyed ? '-H "X-API-Key: $CATDOG_API_KEY" ' : ""; // a copy goes anywhere: no key
  return `curl ${header}-F ${field(path)} ${new URL("predict", location.href)}`;
}

export function save(text, download, type) {
  const href = URL.createObjectURL(new Blob([text], { type }));
  Object.assign(document.createElement("a"), { href, download }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000); // the download begins after this turn
}

function cell(value) {
  // A spreadsheet takes it for a formula (OWASP, CSV injection); names are strangers' text.
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** As curl and a shell read it: curl splits at ; and , unless the name is in quotes (curl(1), -F). */
function field(path) {
  if (/^[\w./-]+$/.test(path)) return `file=@${path}`;
  const quoted = path.replace(/[\\"]/g, "\\$&").replaceAll("'", "'\\''");
  return `'file=@"${quoted}"'`;
}
