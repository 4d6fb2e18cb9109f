// The page: photos in by drop, paste or choice; a card for each; one slider for all of them.

import { analyze, fileTypes, listModels, Problem, useKey } from "./api.js";
import { Card } from "./card.js";
import { percent } from "./elements.js";
import { describeOthers, holdsFiles, readFiles, sortOut } from "./incoming.js";
import { describeModel, listDetectors } from "./tasks.js";

const MAX_CONCURRENT = 4;
const get = (id) => document.getElementById(id);
const slider = get("threshold");
const cards = new Set();
const waiting = [];
let running = 0;
let threshold = null; // each detector's own, until the slider is moved

function accept(files) {
  const [photos, others] = sortOut([...files], fileTypes);
  get("left-out").textContent = describeOthers(others);
  const added = photos.map((file) => new Card(file, ask));
  get("results").prepend(...added.map((card) => card.element));
  for (const card of added) {
    cards.add(card);
    ask(card);
  }
}

function ask(card) {
  card.wait();
  waiting.push(card);
  showProgress();
  work();
}

async function work() {
  if (running >= MAX_CONCURRENT || waiting.length === 0) return;
  running += 1;
  const card = waiting.shift();
  try {
    const answer = await analyze(card.file, (problem) => card.wait(`${problem.message} …`));
    card.showAnswer(answer, threshold);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    card.showProblem(problem);
    if (problem.status === 401) askForKey();
  } finally {
    running -= 1;
    showProgress();
    work();
  }
}

function showProgress() {
  const all = [...cards];
  const done = all.filter((card) => card.answer).length;
  const failed = all.filter((card) => card.failed).length;
  get("status").textContent = all.length ? describeProgress(all.length, done, failed) : "";
  get("clear").hidden = all.length === 0;
  get("filter").hidden = !all.some((card) => card.answer && listDetectors(card.answer.cards).length > 0);
  document.body.classList.toggle("busy", all.length > 0);
}

function describeProgress(all, done, failed) {
  return `${done} of ${all} ${all === 1 ? "photo" : "photos"} analysed${failed ? `, ${failed} failed` : ""}`;
}

function clear() {
  waiting.length = 0;
  for (const card of cards) card.remove();
  cards.clear();
  get("left-out").textContent = "";
  showProgress();
  get("files").focus();
}

function filter(chosen) {
  threshold = chosen;
  const words = chosen === null ? "each model’s default" : percent(chosen);
  get("threshold-value").textContent = words;
  slider.setAttribute("aria-valuetext", words);
  for (const card of cards) card.filter(chosen);
}

function askForKey() {
  get("key-form").hidden = false;
  get("key").focus();
}

async function introduce() {
  try {
    const models = await listModels();
    get("models").textContent = `Models: ${models.map((model) => model.name).join(", ")}`;
    get("files").accept = ["image/*", ...fileTypes].join(",");
    get("described").replaceChildren(...models.flatMap(describeModel));
    get("about").hidden = false;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    get("models").textContent = problem.message;
    if (problem.status === 401) askForKey();
  }
}

for (const id of ["files", "camera"]) {
  get(id).addEventListener("change", ({ target }) => {
    accept(target.files);
    target.value = "";
  });
}

function showTarget(shown) {
  get("drop").classList.toggle("over", shown);
}
addEventListener("dragover", (event) => {
  if (!holdsFiles(event.dataTransfer)) return;
  event.preventDefault();
  showTarget(true);
});
addEventListener("dragleave", (event) => { if (event.relatedTarget === null) showTarget(false); });
addEventListener("drop", async (event) => {
  showTarget(false);
  if (!holdsFiles(event.dataTransfer)) return;
  event.preventDefault();
  accept(await readFiles(event.dataTransfer));
});
addEventListener("paste", async (event) => {
  if (holdsFiles(event.clipboardData)) accept(await readFiles(event.clipboardData));
});

slider.addEventListener("input", () => filter(Number(slider.value)));
get("clear").addEventListener("click", clear);
get("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey(get("key").value);
  get("key-form").hidden = true;
  introduce();
  for (const card of cards) if (card.failed) ask(card);
});

filter(null);
introduce();
