// The calls to the service. An answer is {image, models, timings, milliseconds}; what goes wrong is a Problem.

const LOWEST_SCORE = 0.05; // the slider's lowest: asked for once, filtered here

export class Problem extends Error {
  constructor(detail, { status = 0, again = false } = {}) {
    super(detail);
    this.status = status;
    this.again = again;
  }
}

let key = sessionStorage.getItem("key") ?? "";

export function useKey(text) {
  key = text;
  sessionStorage.setItem("key", text);
}

export async function listModels() {
  const { models } = await (await call("/v1/models")).json();
  return models;
}

export async function analyze(file) {
  const body = new FormData();
  body.append("file", file, file.name);
  const started = performance.now();
  const response = await call(`/v1/analyze?min_score=${LOWEST_SCORE}&max_objects=300`, { method: "POST", body });
  const { images, models } = await response.json();
  const milliseconds = performance.now() - started;
  return { image: images[0], models, milliseconds, timings: readTimings(response.headers.get("Server-Timing") ?? "") };
}

export function writeCurl(name, threshold) {
  const quoted = `file=@${name}`.replaceAll("'", "'\\''");
  return `curl -F '${quoted}' '${location.origin}/v1/analyze?min_score=${threshold}'`;
}

async function call(path, options = {}) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new Problem("The service does not answer.", { again: true });
  }
  if (response.ok) return response;
  throw new Problem(await readDetail(response), {
    status: response.status,
    again: [429, 503, 504].includes(response.status),
  });
}

async function readDetail(response) {
  try {
    return (await response.json()).detail;
  } catch {
    return `The service answered with status ${response.status}.`;
  }
}

function readTimings(header) {
  const entries = [...header.matchAll(/(\w+);dur=([\d.]+)/g)];
  return Object.fromEntries(entries.map(([, name, milliseconds]) => [name, Number(milliseconds)]));
}
