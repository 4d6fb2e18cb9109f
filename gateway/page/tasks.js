// What a card shows of each model: one row per task. A task without a row is named on the card, never left out.

import { chooseColour, make, percent } from "./elements.js";

// Where a task's answers stand in a photo's (`section`, or at its own level), and how a card shows them: as a sentence
// under the photo, or as a group of facts beside it. `objects`: the answer is a list of boxes.
export const TASKS = {
  classification: { section: "attributes", group: drawAttribute },
  caption: { sentence: (caption) => caption.text },
  detection: { objects: true },
  embedding: { section: "embeddings", group: drawEmbedding },
};

export function find(card, image) {
  const { section } = TASKS[card.task];
  return (section ? image[section] : image)?.[card.name];
}

// The models with boxes among `cards`.
export function listDetectors(cards) {
  return cards.filter((card) => TASKS[card.task]?.objects);
}

export function listSentences(cards, image) {
  return cards.filter((card) => TASKS[card.task]?.sentence).map((card) => TASKS[card.task].sentence(find(card, image)));
}

export function drawGroups(cards, image) {
  return cards.flatMap((card) => {
    const task = TASKS[card.task];
    if (!task) return [drawNote(card.name, `This page does not know how to show the task “${card.task}”.`)];
    return task.group ? [drawGroup(card, task, find(card, image))] : [];
  });
}

// Whether some model beside the detectors and the sentences has something to show.
export function hasFacts(cards, image) {
  return cards.some((card) => !TASKS[card.task] || (TASKS[card.task].group && find(card, image) !== null));
}

export function describeNothing(detectors) {
  return `Nothing found: no ${detectors.map((card) => card.name).join(", no ") || "answer"} at this score.`;
}

// Name and one line about a model, which opens to its scores and its licence. A link is a web address, or a path in a
// repository that visitors of the page do not have.
export function describeModel({ name, task, about, scores, licence, link = "" }) {
  const line = make("dd"), more = make("p", [scores, licence].filter(Boolean).join(" · "));
  if (/^https?:/.test(link)) {
    const anchor = make("a", `more about ${name}`);
    anchor.href = link;
    more.append(more.textContent ? " · " : "", anchor);
  }
  line.append(more.textContent ? fold(about || task, more) : about || task);
  return [make("dt", name), line];
}

function fold(summary, ...content) {
  const folded = make("details");
  folded.append(make("summary", summary), ...content);
  return folded;
}

function drawGroup(card, task, value) {
  return value === null ? drawNote(card.name, `none of ${card.region?.of ?? "them"} to look at`) : task.group(card, value);
}

function drawAttribute(card, { label: best, probabilities }) {
  const group = make("div", "", "attribute");
  const list = make("ul");
  const likeliest = Object.entries(probabilities).sort(([, one], [, other]) => other - one);
  list.append(...likeliest.map(([label, share]) => {
    const row = make("li", "", label === best ? "best" : "");
    row.append(make("span", label), drawBar(`${card.name}: ${label}`, share), make("span", percent(share), "number"));
    return row;
  }));
  group.append(make("h3", card.region ? `${card.name}, largest of ${card.region.of}` : card.name), list);
  return group;
}

function drawEmbedding(card, values) {
  return drawNote(card.name, `${values.length} numbers, in the JSON below`);
}

function drawNote(name, words) {
  const group = make("div", "", "attribute");
  group.append(make("h3", name), make("p", words, "quiet"));
  return group;
}

// A detector's list; `rows` are its objects', made by drawObject.
export function drawObjects(card, rows) {
  const group = make("div", "", "objects");
  const list = make("ul");
  list.append(...(rows.length ? rows : [make("li", "none at this score", "quiet")]));
  group.append(make("h3", card.name), list);
  return group;
}

export function drawObject({ label, score, attributes = {} }) {
  const row = make("li");
  const swatch = make("span", "", "swatch");
  swatch.style.setProperty("background", chooseColour(label));
  const seen = Object.values(attributes).filter(Boolean).map((each) => `${each.label} ${percent(each.probability)}`);
  row.append(swatch, make("span", label), drawBar(label, score), make("span", percent(score), "number"));
  if (seen.length) row.append(make("p", seen.join(", "), "quiet"));
  return row;
}

function drawBar(name, share) {
  const bar = make("span", "", "bar"); // browsers draw a <meter> in ways of their own
  const attributes = { role: "meter", "aria-label": name, "aria-valuemin": 0, "aria-valuemax": 1, "aria-valuenow": share };
  for (const [key, value] of Object.entries(attributes)) bar.setAttribute(key, value);
  bar.setAttribute("aria-valuetext", percent(share));
  bar.style.setProperty("--share", `${share * 100}%`);
  return bar;
}
