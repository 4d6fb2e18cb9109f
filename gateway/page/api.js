// The calls to the service. What goes wrong is a Problem.

const LOWEST_SCORE = 0.05; // the slider's lowest: asked for once, filtered here
const MAX_OBJECTS = 300; // as many as a detector gives
const ATTEMPTS = 4;
const LONGEST_WAIT = 30; // seconds; a longer Retry-After is left to the person

export class Problem extends Error {
  constructor(detail, { status = 0, wait = null, requestId = null } = {}) {
    super(detail);
    this.status = status;
    this.wait = wait; // seconds until it may be tried again, or null
    this.requestId = requestId;
    this.again = status === 0 || [429, 503, 504].includes(status);
  }
}

let key = sessionStorage.getItem("key") ?? "";

export function useKey(text) {
  key = text;
  sessionStorage.setItem("key", text);
}

let known = []; // the models' cards, as they were listed last
export let fileTypes = []; // how names of photo files end; none before the service has said so

export async function listModels() {
  const answer = await (await call("v1/models")).json();
  known = answer.models;
  fileTypes = answer.file_types;
  return known;
}

// The cards of these models. A name that is new is a model that was added meanwhile.
async function findCards(names) {
  const listed = new Set(known.map((card) => card.name));
  if (!names.every((name) => listed.has(name))) await listModels();
  return known.filter((card) => names.includes(card.name));
}

// {image, models, cards, milliseconds, timings, requestId}; `onWait` hears of a busy service before it is asked again.
export async function analyze(file, onWait) {
  const started = performance.now();
  const lowest = Math.min(LOWEST_SCORE, ...known.map((card) => card.min_score));
  const response = await insist(() => post(`v1/analyze?${query(lowest)}`, file), onWait);
  const { images, models } = await response.json();
  return {
    image: images[0],
    models,
    cards: await findCards(Object.keys(models)),
    milliseconds: performance.now() - started,
    timings: readTimings(response.headers.get("Server-Timing") ?? ""),
    requestId: response.headers.get("X-Request-ID"),
  };
}

// The photo as an upright JPEG, for browsers that cannot show it so themselves. No features: nothing is drawn on it.
export async function convert(file) {
  return (await post("v1/annotate?features=", file)).blob();
}

export function writeCurl(name, threshold) {
  const path = name.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  const authorization = key ? '-H "Authorization: Bearer $API_KEY" ' : "";
  return `curl ${authorization}-F ${quote(`file=@"${path}"`)} ${quote(new URL(`v1/analyze?${query(threshold)}`, document.baseURI).href)}`;
}

function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function query(threshold) {
  return `${threshold === null ? "" : `min_score=${threshold}&`}max_objects=${MAX_OBJECTS}`;
}

function post(path, file) {
  const body = new FormData();
  body.append("file", file, file.name);
  return call(path, { method: "POST", body });
}

// Asks again when the service says after how many seconds it may be asked.
async function insist(ask, onWait) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (problem) {
      const soon = problem instanceof Problem && problem.wait !== null && problem.wait <= LONGEST_WAIT;
      if (attempt === ATTEMPTS || !soon) throw problem;
      onWait(problem);
      await new Promise((resolve) => { setTimeout(resolve, problem.wait * 1000); });
    }
  }
}

async function call(path, options = {}) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new Problem("The service does not answer.");
  }
  if (response.ok) return response;
  throw new Problem(await readDetail(response), {
    status: response.status,
    wait: readWait(response.headers.get("Retry-After")),
    requestId: response.headers.get("X-Request-ID"),
  });
}

async function readDetail(response) {
  try {
    return (await response.json()).detail;
  } catch {
    return `The service answered with status ${response.status}.`;
  }
}

// Retry-After is a number of seconds or a date (RFC 9110, 10.2.3); a second at least, also where a proxy says 0.
function readWait(header) {
  if (header === null) return null;
  const seconds = Number(header);
  const wait = Number.isNaN(seconds) ? (Date.parse(header) - Date.now()) / 1000 : seconds;
  return Number.isNaN(wait) ? null : Math.max(1, wait);
}

function readTimings(header) {
  const entries = [...header.matchAll(/(\w+);dur=([\d.]+)/g)];
  return Object.fromEntries(entries.map(([, name, milliseconds]) => [name, Number(milliseconds)]));
}
