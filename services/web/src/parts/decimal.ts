/** Exact arithmetic on decimal strings; a number of the contract never becomes a float. */

interface Decimal {
  units: bigint;
  scale: number;
}

function read(text: string): Decimal {
  const match = /^(-?)(\d*)\.?(\d*)$/.exec(text.trim() || "0");
  if (!match) {
    throw new RangeError(`not a decimal number: ${text}`);
  }
  const [, sign, whole = "", fraction = ""] = match;
  const units = BigInt(`${whole}${fraction}` || "0");
  return { units: sign ? -units : units, scale: fraction.length };
}

function write({ units, scale }: Decimal): string {
  const sign = units < 0n ? "-" : "";
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, "0");
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function align(a: Decimal, b: Decimal): [bigint, bigint, number] {
  const scale = Math.max(a.scale, b.scale);
  return [a.units * 10n ** BigInt(scale - a.scale), b.units * 10n ** BigInt(scale - b.scale), scale];
}

/** a + b. */
export function add(a: string, b: string): string {
  const [x, y, scale] = align(read(a), read(b));
  return write({ units: x + y, scale });
}

/** a − b. */
export function subtract(a: string, b: string): string {
  const [x, y, scale] = align(read(a), read(b));
  return write({ units: x - y, scale });
}

/** a × b, with all its digits. */
export function multiply(a: string, b: string): string {
  const x = read(a);
  const y = read(b);
  return write({ units: x.units * y.units, scale: x.scale + y.scale });
}

/** a ÷ b rounded half away from zero to some digits after the point. */
export function divide(a: string, b: string, digits: number): string {
  const [x, y] = align(read(a), read(b));
  return write({ units: divideHalfUp(x * 10n ** BigInt(digits), y), scale: digits });
}

/** Rounds half away from zero to some digits after the point. */
export function round(a: string, digits: number): string {
  const x = read(a);
  if (x.scale <= digits) {
    return write({ units: x.units * 10n ** BigInt(digits - x.scale), scale: digits });
  }
  return write({ units: divideHalfUp(x.units, 10n ** BigInt(x.scale - digits)), scale: digits });
}

/** −1, 0 or 1 as a is below, equal to or above b. */
export function compare(a: string, b: string): number {
  const [x, y] = align(read(a), read(b));
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Whether the text is a decimal number as the contract writes it. */
export function isDecimal(text: string): boolean {
  return /^-?\d{1,18}(\.\d{1,10})?$/.test(text);
}

function divideHalfUp(x: bigint, y: bigint): bigint {
  const negative = x < 0n !== y < 0n;
  const a = x < 0n ? -x : x;
  const b = y < 0n ? -y : y;
  const quotient = (2n * a + b) / (2n * b);
  return negative ? -quotient : quotient;
}
