// One photo's card: the picture with its boxes, and what was found. Filtering works on the answer that is here.

import { writeCurl } from "/page/api.js";

const SVG = "http://www.w3.org/2000/svg";
const template = document.querySelector("#card");

export class Card {
  constructor(file, again) {
    this.file = file;
    this.answer = null;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.find("h2").textContent = file.name;
    this.show(file);
    this.find(".again").addEventListener("click", () => again(this));
    for (const button of this.element.querySelectorAll(".copy")) button.addEventListener("click", copy);
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  show(file) {
    const picture = this.find("img");
    picture.addEventListener("error", () => this.find(".picture").classList.add("unseen"));
    picture.src = URL.createObjectURL(file);
  }

  wait() {
    this.find(".waiting").hidden = false;
    this.find(".problem").hidden = true;
  }

  showProblem(problem) {
    this.find(".waiting").hidden = true;
    this.find(".problem").hidden = false;
    this.find(".problem p").textContent = problem.message;
    this.find(".again").hidden = !problem.again;
  }

  showAnswer(answer, threshold) {
    this.answer = answer;
    const { image } = answer;
    this.find(".waiting").hidden = true;
    this.find("img").alt = image.caption?.text ?? this.file.name;
    this.find("figcaption").textContent = image.caption?.text ?? "";
    this.find(".attributes").replaceChildren(...Object.entries(image.attributes ?? {}).flatMap(drawBars));
    this.find(".timings").textContent = describeTimings(answer);
    this.find(".json pre").textContent = JSON.stringify({ images: [image], models: answer.models }, null, 2);
    for (const details of this.element.querySelectorAll("details")) details.hidden = false;
    this.filter(threshold);
  }

  filter(threshold) {
    if (!this.answer) return;
    const { image } = this.answer;
    const objects = (image.objects ?? []).filter((found) => found.score >= threshold);
    this.drawBoxes(image, objects);
    this.find(".objects").hidden = !image.objects;
    const rows = objects.map(drawRow);
    this.find(".objects ul").replaceChildren(...(rows.length ? rows : [make("li", "none at this score", "quiet")]));
    this.find(".curl pre").textContent = writeCurl(this.file.name, threshold);
  }

  drawBoxes(image, objects) {
    const svg = this.find("svg");
    svg.setAttribute("viewBox", `0 0 ${image.width} ${image.height}`);
    // Text of 13 pixels on the screen, whatever the photo's own size.
    const size = (13 * image.width) / (this.find("img").clientWidth || image.width);
    svg.replaceChildren(...objects.toReversed().flatMap((found) => drawBox(found, size)));
  }

  remove() {
    URL.revokeObjectURL(this.find("img").src);
    this.element.remove();
  }
}

function drawBox({ label, score, box }, size) {
  const colour = chooseColour(label);
  const frame = makeSvg("rect", { ...box, class: "box", stroke: colour });
  const text = makeSvg("text", { x: box.x + size * 0.3, y: Math.max(size, box.y - size * 0.3), "font-size": size });
  text.textContent = `${label} ${score.toFixed(2)}`;
  const width = text.textContent.length * size * 0.56 + size * 0.4;
  const patch = makeSvg("rect", { x: box.x, y: Math.max(0, box.y - size * 1.25), width, height: size * 1.3, fill: colour });
  const group = makeSvg("g", { class: "label" });
  group.append(patch, text);
  return [frame, group];
}

function drawBars([name, { probabilities }]) {
  return Object.entries(probabilities).flatMap(([label, probability]) => {
    const term = make("dt", label);
    term.append(make("span", probability.toFixed(2), "number"));
    const bar = make("meter");
    bar.value = probability;
    bar.setAttribute("aria-label", `${name}: ${label}`);
    const value = make("dd");
    value.append(bar);
    return [term, value];
  });
}

function drawRow({ label, score }) {
  const row = make("li");
  row.style.setProperty("--colour", chooseColour(label));
  row.append(make("span", label), make("span", score.toFixed(2), "number"));
  return row;
}

function describeTimings({ milliseconds, timings }) {
  const parts = Object.entries(timings).map(([name, value]) => `${name} ${value.toFixed(0)}`);
  return `${milliseconds.toFixed(0)} ms` + (parts.length ? ` (${parts.join(", ")})` : "");
}

function chooseColour(label) {
  let hash = 7;
  for (const letter of label) hash = (hash * 31 + letter.codePointAt(0)) % 360;
  return `hsl(${hash} 75% 38%)`;
}

async function copy({ target }) {
  await navigator.clipboard.writeText(target.previousElementSibling.textContent);
  target.textContent = "Copied";
  setTimeout(() => { target.textContent = "Copy"; }, 1500);
}

function make(name, text = "", className = "") {
  const element = document.createElement(name);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

function makeSvg(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
