// The files in a drop or a paste, those of dropped folders too; and which of them are photos.

const NAMED = 5; // so many files are named before the rest is counted

// [those that are photos by their names, the others]. A file without a suffix may be one; the service goes by content.
export function sortOut(files, fileTypes) {
  const isPhoto = ({ name }) => {
    const suffix = name.match(/\.[^.]+$/)?.[0].toLowerCase();
    return !suffix || fileTypes.length === 0 || fileTypes.includes(suffix);
  };
  return [files.filter(isPhoto), files.filter((file) => !isPhoto(file))];
}

export function describeOthers(files) {
  if (files.length === 0) return "";
  const names = files.slice(0, NAMED).map((file) => file.name).join(", ");
  const more = files.length > NAMED ? ` and ${files.length - NAMED} more` : "";
  return `Not sent, as no photo is called so: ${names}${more}`;
}

export function holdsFiles(transfer) {
  return transfer.types.includes("Files");
}

// The entries are read off at once: a DataTransfer is empty after its event.
export async function readFiles(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const found = items.map((item) => ({ entry: item.webkitGetAsEntry?.(), file: item.getAsFile() }));
  const files = await Promise.all(found.map(({ entry, file }) => (entry?.isDirectory ? readFolder(entry) : file)));
  return files.flat();
}

async function readFolder(folder) {
  const entries = (await listFolder(folder)).sort((one, other) => one.name.localeCompare(other.name));
  const seen = entries.filter((entry) => !entry.name.startsWith("."));
  const files = await Promise.all(seen.map((entry) => (entry.isDirectory ? readFolder(entry) : readFile(entry))));
  return files.flat();
}

// A reader gives a hundred entries at a time, and none when there are no more.
async function listFolder(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (some.length === 0) return entries;
    entries.push(...some);
  }
}

function readFile(entry) {
  return new Promise((resolve, reject) => { entry.file(resolve, reject); });
}
