// One photo's card: the picture with its boxes, and what was found. Filtering works on the answer that is here.

import { convert, Problem, writeCurl } from "./api.js";
import { drawBoxes } from "./boxes.js";
import { make } from "./elements.js";
import {
  describeNothing, drawGroups, drawObject, drawObjects, find, hasFacts, listDetectors, listSentences,
} from "./tasks.js";

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
    this.find("img").addEventListener("load", () => this.turnPicture());
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

  // Boxes lie on the upright picture. Browsers leave out the orientation that some files carry, WebP's for one.
  turnPicture() {
    const { naturalWidth: width, naturalHeight: height } = this.find("img");
    if (!this.answer || !width) return;
    const { image } = this.answer;
    const differs = Math.abs((width * image.height) / (height * image.width) - 1) > 0.02;
    if (differs || this.file.type === "image/webp") this.convertPicture();
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
    const { image, cards } = answer;
    const sentences = listSentences(cards, image);
    this.find(".waiting").hidden = true;
    this.find("img").alt = sentences.join(" ") || this.file.name;
    this.find("figcaption").replaceChildren(...sentences.map((sentence) => make("p", sentence)));
    this.find(".attributes").replaceChildren(...drawGroups(cards, image));
    this.find(".timings").textContent = describeTimings(answer);
    for (const details of this.element.querySelectorAll("details")) details.hidden = false;
    if (this.find(".picture").classList.contains("unseen")) this.convertPicture();
    else this.turnPicture();
    this.filter(threshold);
  }

  // Objects from this score on; null leaves each detector its own lowest.
  filter(threshold) {
    if (!this.answer) return;
    const { image, models, cards } = this.answer;
    const detectors = listDetectors(cards);
    const kept = detectors.map((card) => find(card, image).filter(({ score }) => score >= (threshold ?? card.min_score)));
    this.objects = kept.flat();
    this.drawBoxes();
    this.listObjects(detectors, kept);
    const shown = { ...image, ...Object.fromEntries(detectors.map((card, index) => [card.name, kept[index]])) };
    this.find(".json pre").textContent = JSON.stringify({ images: [shown], models }, null, 2);
    this.find(".curl pre").textContent = writeCurl(this.file.name, threshold);
  }

  drawBoxes() {
    if (this.answer) drawBoxes(this.find("svg"), this.answer.image, this.objects, (number) => this.point(number));
  }

  listObjects(detectors, kept) {
    let number = 0;
    const groups = detectors.map((card, index) => drawObjects(card, kept[index].map((found) => this.makeRow(found, number++))));
    this.find(".detections").replaceChildren(...groups);
    for (const list of this.element.querySelectorAll(".objects ul")) walkByArrows(list);
    const nothing = number === 0 && !hasFacts(this.answer.cards, this.answer.image);
    this.find(".facts").classList.toggle("empty", nothing);
    this.find(".nothing").textContent = nothing ? describeNothing(detectors) : "";
  }

  makeRow(found, number) {
    const row = drawObject(found);
    row.addEventListener("pointerenter", () => this.point(number));
    row.addEventListener("pointerleave", () => this.point(null));
    row.addEventListener("focus", () => this.point(number));
    row.addEventListener("blur", () => this.point(null));
    row.dataset.number = number;
    return row;
  }

  // Shows one object in the photo and in the list; null shows all alike.
  point(number) {
    for (const box of this.find("svg").children) {
      box.classList.toggle("dim", number !== null && Number(box.dataset.number) !== number);
    }
    for (const row of this.element.querySelectorAll(".objects li")) {
      row.classList.toggle("pointed", number !== null && Number(row.dataset.number) === number);
    }
  }

  remove() {
    this.observer.disconnect();
    URL.revokeObjectURL(this.find("img").src);
    this.element.remove();
  }
}

// One stop for the Tab key in each list; the arrows go from row to row.
function walkByArrows(list) {
  const rows = [...list.querySelectorAll("[data-number]")];
  rows.forEach((row, index) => { row.tabIndex = index === 0 ? 0 : -1; });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const next = step && rows[rows.indexOf(document.activeElement) + step];
    if (!next) return;
    event.preventDefault();
    for (const row of rows) row.tabIndex = row === next ? 0 : -1;
    next.focus();
  });
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
