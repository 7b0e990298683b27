/* From answers and problems to words. */

/** From which probability on words are right: Intelligence Community Directive 203 (2015), rounded. */
const SURENESS = [
  [0.95, "Almost certainly"],
  [0.8, "Very likely"],
  [0.55, "Probably"],
  [0, "Hard to say, perhaps"],
];

/** Of each kind of problem; the API's own detail stands below. */
export const SENTENCES = {
  "missing-file": "No photograph arrived.",
  "too-many-files": "One photograph at a time, please.",
  "malformed-upload": "The photograph did not arrive whole.",
  "caller-left": "The connection was lost.",
  "invalid-parameter": "This page asked for what is not there.",
  "too-many-bytes": "This file is too large.",
  "too-many-pixels": "This picture has too many pixels.",
  "unsupported-media-type": "This is not a photograph.",
  "not-an-image": "This is not a photograph.",
  "unsupported-format": "This kind of image cannot be read here.",
  "empty-image": "This is not a photograph.",
  "truncated-image": "This photograph cannot be read.",
  "not-ready": "The service is not ready yet.",
  "prediction-failed": "Something went wrong inside the service.",
  "unauthorized": "This service asks for a key.",
  "too-many-requests": "That was faster than the service allows.",
  "overloaded": "The service is busy.",
  "deadline-exceeded": "The answer took too long.",
  "too-slow": "The upload was too slow.",
  "model-stuck": "The service is stuck.",
};

export function verdict({ label, probabilities }) {
  const sure = probabilities[label];
  const [second] = Object.entries(probabilities).filter(([name]) => name !== label).sort(([, a], [, b]) => b - a);
  return {
    opening: SURENESS.find(([least]) => sure >= least)[1],
    headline: label,
    detail: sure < 0.8 && second ? `or else ${second[0]}` : "",
  };
}

/** In percent, finer near the ends; never 0 % or 100 %, which no model can know. */
export function percent(probability) {
  if (probability >= 0.9995) return ">\u00a099.9\u00a0%";
  if (probability < 0.0005) return "<\u00a00.1\u00a0%";
  const isNearAnEnd = probability >= 0.99 || probability < 0.01;
  return `${(100 * probability).toFixed(isNearAnEnd ? 1 : 0)}\u00a0%`;
}

export function photographs(number) {
  return number === 1 ? "1 photograph" : `${number.toLocaleString("en")} photographs`;
}

/** In pieces, of which some are labels. */
export function question(labels) {
  const named = labels.length > 5 ? [...labels.slice(0, 3), `one of ${labels.length - 3} others`] : labels;
  const pieces = new Intl.ListFormat("en-GB", { type: "disjunction" }).formatToParts(named);
  const words = pieces.map(({ type, value }) => ({ text: value, label: type === "element" && value }));
  words[0].text = words[0].text.charAt(0).toUpperCase() + words[0].text.slice(1);
  return [...words, { text: "?" }];
}

export function accuracy({ value, n, interval } = {}) {
  if (!Number.isFinite(value)) return "";
  const figure = (share) => (100 * share).toFixed(1);
  const seen = n ? photographs(n) : "photographs";
  const range = interval ? ` (95\u00a0% interval ${figure(interval[0])} to ${figure(interval[1])}\u00a0%)` : "";
  return `Right for ${figure(value)}\u00a0% of ${seen} that it had never seen${range}.`;
}
