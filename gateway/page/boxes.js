// Boxes over a photo, in the photo's own pixels; the viewBox does the scaling.

import { chooseColour, makeSvg, percent } from "./elements.js";

const TEXT = 13; // pixels on the screen, whatever the photo's own size

// `point` is told the number of the object that the pointer is on, null when it leaves.
export function drawBoxes(svg, image, objects, point) {
  svg.setAttribute("viewBox", `0 0 ${image.width} ${image.height}`);
  const size = (TEXT * image.width) / (svg.clientWidth || image.width);
  const groups = objects.map((found, number) => {
    const group = drawBox(found, size);
    group.dataset.number = number;
    group.addEventListener("pointerenter", () => point(number));
    group.addEventListener("pointerleave", () => point(null));
    return group;
  });
  const area = ({ dataset }) => objects[dataset.number].box.width * objects[dataset.number].box.height;
  svg.replaceChildren(...groups.sort((one, other) => area(other) - area(one))); // a face lies on its person
  for (const group of groups) fitLabel(group, size, image.width);
}

function drawBox({ label, score, box }, size) {
  const colour = chooseColour(label);
  const text = makeSvg("text", { y: Math.max(box.y, size * 1.4) - size * 0.35, "font-size": size }, `${label} ${percent(score)}`);
  const patch = makeSvg("rect", { y: Math.max(box.y - size * 1.4, 0), height: size * 1.4, rx: size * 0.2, fill: colour });
  const halo = makeSvg("rect", { ...box, class: "halo" });
  return makeSvg("g", {}, halo, makeSvg("rect", { ...box, class: "box", stroke: colour }), patch, text);
}

// As wide as its text, which only the laid-out page knows, and inside the photo.
function fitLabel(group, size, right) {
  const [, frame, patch, text] = group.children;
  const width = text.getComputedTextLength() + size * 0.7;
  const left = Math.max(0, Math.min(Number(frame.getAttribute("x")), right - width));
  patch.setAttribute("width", width);
  patch.setAttribute("x", left);
  text.setAttribute("x", left + size * 0.35);
}
