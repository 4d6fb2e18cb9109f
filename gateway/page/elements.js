// Making elements, and the words and colours in them.

const SVG = "http://www.w3.org/2000/svg";

export function make(name, text = "", className = "") {
  const element = document.createElement(name);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

export function makeSvg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export function percent(share) {
  return `${Math.round(share * 100)} %`;
}

// The same for a label everywhere: dark enough for white text on it, and no brown.
export function chooseColour(label) {
  let hash = 7;
  for (const letter of label) hash = (hash * 31 + letter.codePointAt(0)) % 9973;
  return `oklch(52% 0.19 ${130 + ((hash * 137) % 265)})`;
}
