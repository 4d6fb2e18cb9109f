// The page: photos in by drop, paste or choice; a card for each; one slider for all of them.

import { analyze, listModels, Problem, useKey } from "/page/api.js";
import { Card } from "/page/card.js";

const AT_ONCE = 4;
const get = (id) => document.getElementById(id);
const slider = get("threshold");
const cards = new Set();
const waiting = [];
let running = 0;

function accept(files) {
  const photos = [...files].filter((file) => file.size > 0 || file.name);
  for (const file of photos) {
    const card = new Card(file, ask);
    cards.add(card);
    get("results").prepend(card.element);
    ask(card);
  }
  get("controls").hidden = cards.size === 0;
}

function ask(card) {
  card.wait();
  waiting.push(card);
  work();
}

async function work() {
  if (running >= AT_ONCE || waiting.length === 0) return;
  running += 1;
  const card = waiting.shift();
  try {
    card.showAnswer(await analyze(card.file), Number(slider.value));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    card.showProblem(problem);
    if (problem.status === 401) get("key-form").hidden = false;
  } finally {
    running -= 1;
    tell();
    work();
  }
}

function tell() {
  const done = [...cards].filter((card) => card.answer).length;
  get("status").textContent = cards.size ? `${done} of ${cards.size} photos analysed` : "";
}

function clear() {
  waiting.length = 0;
  for (const card of cards) card.remove();
  cards.clear();
  get("controls").hidden = true;
  tell();
  get("files").focus();
}

async function introduce() {
  try {
    const names = (await listModels()).map((model) => model.name);
    get("models").textContent = `Models: ${names.join(", ")}`;
  } catch (problem) {
    get("models").textContent = problem.message;
  }
}

for (const id of ["files", "camera"]) {
  get(id).addEventListener("change", ({ target }) => {
    accept(target.files);
    target.value = "";
  });
}

let depth = 0; // of nested elements that the dragged files are over
addEventListener("dragenter", () => { depth += 1; get("drop").classList.add("over"); });
addEventListener("dragleave", () => { depth -= 1; if (!depth) get("drop").classList.remove("over"); });
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  depth = 0;
  get("drop").classList.remove("over");
  accept(event.dataTransfer.files);
});
addEventListener("paste", (event) => accept(event.clipboardData.files));

slider.addEventListener("input", () => {
  get("threshold-value").textContent = Number(slider.value).toFixed(2);
  for (const card of cards) card.filter(Number(slider.value));
});
get("clear").addEventListener("click", clear);
get("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey(get("key").value);
  get("key-form").hidden = true;
  introduce();
  for (const card of cards) if (!card.answer) ask(card);
});

introduce();
