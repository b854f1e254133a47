/** The first rows of a file, to show and to propose a mapping from. The server reads the file itself. */
export interface Sample {
  header: string[];
  rows: string[][];
  delimiter: string;
}

const DELIMITERS = [",", ";", "\t", "|"];

/** Splits text into cells; quotes may hold delimiters and line breaks. */
export function parseCsv(text: string, delimiter: string, limit: number): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < text.length && rows.length < limit; i++) {
    const c = text[i];
    if (quoted) {
      if (c === '"' && text[i + 1] === '"') {
        cell += '"';
        i++;
      } else if (c === '"') {
        quoted = false;
      } else {
        cell += c;
      }
    } else if (c === '"' && cell === "") {
      quoted = true;
    } else if (c === delimiter) {
      row.push(cell);
      cell = "";
    } else if (c === "\n" || c === "\r") {
      if (c === "\r" && text[i + 1] === "\n") {
        i++;
      }
      row.push(cell);
      if (row.length > 1 || row[0] !== "") {
        rows.push(row);
      }
      row = [];
      cell = "";
    } else {
      cell += c;
    }
  }
  if ((cell !== "" || row.length > 0) && rows.length < limit) {
    rows.push([...row, cell]);
  }
  return rows;
}

/** The delimiter that gives the first rows the most columns of equal number. */
export function detectDelimiter(text: string): string {
  let best = ",";
  let most = 0;
  for (const delimiter of DELIMITERS) {
    const rows = parseCsv(text, delimiter, 6);
    const columns = rows[0]?.length ?? 0;
    const even = rows.filter((row) => row.length === columns).length;
    const score = columns > 1 ? columns * even : 0;
    if (score > most) {
      most = score;
      best = delimiter;
    }
  }
  return best;
}

const SAMPLE_BYTES = 64 * 1024;

/** Reads the beginning of a file: UTF-8, UTF-16 by its mark, else windows-1252. */
export async function readSample(file: Blob, rows = 6): Promise<Sample> {
  const bytes = new Uint8Array(await file.slice(0, SAMPLE_BYTES).arrayBuffer());
  const text = decode(bytes);
  const delimiter = detectDelimiter(text);
  const [header = [], ...rest] = parseCsv(text, delimiter, rows + 1);
  return { header: header.map((name) => name.trim()), rows: rest, delimiter };
}

function decode(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) {
    return new TextDecoder("utf-16le").decode(bytes);
  }
  if (bytes[0] === 0xfe && bytes[1] === 0xff) {
    return new TextDecoder("utf-16be").decode(bytes);
  }
  try {
    // The last character may be cut in two; the stream flag keeps that from failing.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}
