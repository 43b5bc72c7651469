/** Numbers as Python writes them, so that the page and the notebook show the same digits. */

/** Digits by which a number that lies half-way between two is known; a double has fewer that matter. */
const EXACT = 60;

/**
 * Write a number with so many digits after the point; half-way goes to the even digit, as in Python.
 *
 * @param value - The number.
 * @param places - Digits after the point.
 */
export function fixed(value: number, places: number): string {
  const size = Math.abs(value);
  const written = size.toFixed(places);
  const exact = size.toFixed(Math.min(100, places + EXACT));
  const rest = places ? exact.slice(exact.indexOf('.') + 1 + places) : exact.slice(exact.indexOf('.') + 1);
  const halfway = /^50*$/.test(rest);
  const even = halfway ? exact.slice(0, exact.length - rest.length).replace(/\.$/, '') : written;
  const chosen = halfway && Number(even.slice(-1)) % 2 === 0 ? even : written;
  // Python keeps the sign of what is rounded to zero.
  return (value < 0 || Object.is(value, -0) ? '-' : '') + chosen;
}

/** Write a whole number with commas between its thousands. */
export function grouped(value: number | string): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Write a number with three digits that matter, never with an exponent for a large one. */
export function shortNumber(value: number): string {
  if (value >= 100) {
    return grouped(fixed(value, 0));
  }
  const exponent = Number(value.toExponential(2).split('e')[1]);
  if (value && exponent < -4) {
    const mantissa = withoutZeros(value.toExponential(2).split('e')[0]);
    return `${mantissa}e-${String(-exponent).padStart(2, '0')}`;
  }
  return withoutZeros(fixed(value, Math.max(0, 2 - exponent)));
}

/** Write a duration in seconds as `m:ss` or `h:mm:ss`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, seconds < 1 ? Math.ceil(seconds) : Number(fixed(seconds, 0)));
  const two = (number: number): string => String(number).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function withoutZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
