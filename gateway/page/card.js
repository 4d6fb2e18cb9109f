// One photo's card: the picture with its boxes, and what was found. Filtering works on the answer that is here.

import { convert, Problem, writeCurl } from "/page/api.js";
import { drawBoxes } from "/page/boxes.js";
import { chooseColour, make, percent } from "/page/elements.js";

const template = document.querySelector("#card");

export class Card {
  constructor(file, again) {
    this.file = file;
    this.answer = null;
    this.failed = false;
    this.objects = [];
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.setAttribute("aria-label", file.name);
    this.find("h2").textContent = file.name;
    this.find(".again").addEventListener("click", () => again(this));
    for (const button of this.element.querySelectorAll(".copy")) button.addEventListener("click", copy);
    this.find("img").addEventListener("error", () => this.hidePicture());
    this.show(file);
    this.observer = new ResizeObserver(() => this.drawBoxes());
    this.observer.observe(this.find("svg"));
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  show(blob) {
    URL.revokeObjectURL(this.find("img").src);
    this.find("img").src = URL.createObjectURL(blob);
    this.find(".picture").classList.remove("unseen");
  }

  hidePicture() {
    this.find(".picture").classList.add("unseen");
    if (this.answer) this.convertPicture();
  }

  // Once: a second error means that the browser cannot show the JPEG either.
  async convertPicture() {
    if (this.converted) return;
    this.converted = true;
    try {
      this.show(await convert(this.file));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem; // the words for an unseen picture are already there
    }
  }

  wait(words = "Looking …") {
    this.setFailed(false);
    this.find(".waiting").hidden = false;
    this.find(".waiting").textContent = words;
  }

  showProblem({ message, again, requestId }) {
    this.setFailed(true);
    this.find(".waiting").hidden = true;
    this.find(".problem p").textContent = message;
    this.find(".again").hidden = !again;
    this.find(".timings").textContent = requestId ? `request ${requestId}` : "";
  }

  setFailed(failed) {
    this.failed = failed;
    this.element.classList.toggle("failed", failed);
    this.find(".problem").hidden = !failed;
  }

  showAnswer(answer, threshold) {
    this.answer = answer;
    const { image } = answer;
    this.find(".waiting").hidden = true;
    this.find("img").alt = image.caption?.text ?? this.file.name;
    this.find("figcaption").textContent = image.caption?.text ?? "";
    this.find(".attributes").replaceChildren(...Object.entries(image.attributes ?? {}).map(drawAttribute));
    this.find(".timings").textContent = describeTimings(answer);
    for (const details of this.element.querySelectorAll("details")) details.hidden = false;
    if (this.find(".picture").classList.contains("unseen")) this.convertPicture();
    this.filter(threshold);
  }

  filter(threshold) {
    if (!this.answer) return;
    const { image, models } = this.answer;
    this.objects = (image.objects ?? []).filter((found) => found.score >= threshold);
    this.drawBoxes();
    this.listObjects();
    const told = image.objects ? { ...image, objects: this.objects } : image;
    this.find(".json pre").textContent = JSON.stringify({ images: [told], models }, null, 2);
    this.find(".curl pre").textContent = writeCurl(this.file.name, threshold);
  }

  drawBoxes() {
    if (this.answer) drawBoxes(this.find("svg"), this.answer.image, this.objects);
  }

  listObjects() {
    this.find(".objects").hidden = !this.answer.image.objects;
    const rows = this.objects.map((found, number) => this.makeRow(found, number));
    this.find(".objects ul").replaceChildren(...(rows.length ? rows : [make("li", "none at this score", "quiet")]));
  }

  makeRow({ label, score }, number) {
    const row = make("li");
    const swatch = make("span", "", "swatch");
    swatch.style.setProperty("background", chooseColour(label));
    row.append(swatch, make("span", label), drawBar(label, score), make("span", percent(score), "number"));
    row.addEventListener("pointerenter", () => this.point(number));
    row.addEventListener("pointerleave", () => this.point(null));
    return row;
  }

  // Dims every box but this one; null shows them all. The boxes were drawn last first.
  point(number) {
    const boxes = [...this.find("svg").children].reverse();
    boxes.forEach((box, index) => box.classList.toggle("dim", number !== null && index !== number));
  }

  remove() {
    this.observer.disconnect();
    URL.revokeObjectURL(this.find("img").src);
    this.element.remove();
  }
}

function drawAttribute([name, { label: best, probabilities }]) {
  const group = make("div", "", "attribute");
  const list = make("ul");
  const likeliest = Object.entries(probabilities).sort(([, one], [, other]) => other - one);
  list.append(...likeliest.map(([label, share]) => {
    const row = make("li", "", label === best ? "best" : "");
    row.append(make("span", label), drawBar(`${name}: ${label}`, share), make("span", percent(share), "number"));
    return row;
  }));
  group.append(make("h3", name), list);
  return group;
}

function drawBar(name, share) {
  const bar = make("span", "", "bar"); // browsers draw a <meter> in ways of their own
  const attributes = { role: "meter", "aria-label": name, "aria-valuemin": 0, "aria-valuemax": 1, "aria-valuenow": share };
  for (const [key, value] of Object.entries(attributes)) bar.setAttribute(key, value);
  bar.setAttribute("aria-valuetext", percent(share));
  bar.style.setProperty("--share", `${share * 100}%`);
  return bar;
}

function describeTimings({ milliseconds, timings, requestId }) {
  const parts = Object.entries(timings).map(([name, value]) => `${name} ${value.toFixed(0)} ms`);
  return [`${milliseconds.toFixed(0)} ms in all`, ...parts, ...(requestId ? [`request ${requestId}`] : [])].join(" · ");
}

async function copy({ target }) {
  const source = target.previousElementSibling;
  if (navigator.clipboard) await navigator.clipboard.writeText(source.textContent);
  else copySelected(source); // pages that came by plain http from another machine have no clipboard
  target.textContent = "Copied";
  setTimeout(() => { target.textContent = "Copy"; }, 1500);
}

function copySelected(source) {
  getSelection().selectAllChildren(source);
  document.execCommand("copy");
}
