// The photos in a drop or a paste. A dropped folder gives what looks like a picture in it, and in the folders below.

const PICTURE = /\.(jpe?g|png|webp|gif|bmp|tiff?|avif|hei[cf]|jp2|p[pgbn]m)$/i;

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
  const pictures = entries.filter((entry) => entry.isDirectory || PICTURE.test(entry.name));
  const files = await Promise.all(pictures.map((entry) => (entry.isDirectory ? readFolder(entry) : readFile(entry))));
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
