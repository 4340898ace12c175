// Minute bars of a symbol, and what is computed of two of them. No drawing, no network.

export const MINUTE = 60_000;
// Returns in a window, by minutes of a return; as the tables of the lake have them.
export const WINDOWS = { 1: 60, 5: 78, 15: 52, 60: 46 };
const LEAST_PAIRS = 20;
const Z_95 = 1.959963984540054;
const BELOW = 0.2, ABOVE = 0.3, READINGS = 3;
const BAND_RETURNS = 120;

/** The finished and the current minute bars of one symbol. */
export class Bars {
  constructor() { this.byStart = new Map(); this.contract = null; }

  /** Replace everything: rows are [start, open, high, low, close, volume], ascending. */
  replace(contract, rows) {
    this.contract = contract;
    this.byStart = new Map(rows.map((row) => [row[0], row.slice()]));
  }

  put(contract, row) { this.contract = contract; this.byStart.set(row[0], row.slice()); }

  /** Take in trades that were put together: the last price with high, low and volume. */
  trade({ time, price, high, low, volume }) {
    const start = Math.floor(time / MINUTE) * MINUTE;
    const bar = this.byStart.get(start);
    if (!bar) {
      const last = this.last();
      if (last && start < last[0]) return;
      this.byStart.set(start, [start, price, high, low, price, volume]);
      return;
    }
    bar[2] = Math.max(bar[2], high);
    bar[3] = Math.min(bar[3], low);
    bar[4] = price;
    bar[5] = volume === null ? bar[5] : (bar[5] ?? 0) + volume;
  }

  rows() { return [...this.byStart.values()].sort((a, b) => a[0] - b[0]); }

  last() { let found = null; for (const bar of this.byStart.values()) if (!found || bar[0] > found[0]) found = bar; return found; }
}

/** Bars of some minutes, made of minute bars; each is named by its start. */
export function aggregate(rows, minutes) {
  if (minutes === 1) return rows;
  const made = [];
  for (const [start, open, high, low, close, volume] of rows) {
    const begin = Math.floor(start / (minutes * MINUTE)) * minutes * MINUTE;
    const bar = made.at(-1);
    if (!bar || bar[0] !== begin) made.push([begin, open, high, low, close, volume]);
    else {
      bar[2] = Math.max(bar[2], high);
      bar[3] = Math.min(bar[3], low);
      bar[4] = close;
      bar[5] = volume === null ? bar[5] : (bar[5] ?? 0) + volume;
    }
  }
  return made;
}

/** Closes of both at the same bars, with the log return of each where the bar before is there. */
export function paired(first, second, minutes) {
  const other = new Map(second.map((bar) => [bar[0], bar[4]]));
  const both = [];
  for (const bar of first) {
    const close = other.get(bar[0]);
    if (close === undefined) continue;
    const before = both.at(-1);
    const joined = before && bar[0] - before.start === minutes * MINUTE;
    both.push({
      start: bar[0], x: bar[4], y: close,
      rx: joined ? Math.log(bar[4] / before.x) : null,
      ry: joined ? Math.log(close / before.y) : null,
    });
  }
  return both;
}

/**
 * Pearson correlation of two lists with its 95 % interval, allowing for repetition and fat
 * tails; null below 20 pairs or for a flat series. The same estimate as in the lake.
 */
export function correlate(x, y) {
  const n = x.length;
  if (n < LEAST_PAIRS) return null;
  const a = standardised(x), b = standardised(y);
  if (!a || !b) return null;
  const r = mean(a.map((v, i) => v * b[i]));
  const g = a.map((v, i) => v * b[i] - (r * (v * v + b[i] * b[i])) / 2);
  const tails = Math.max(1, variance(g) / Math.max((1 - r * r) ** 2, 1e-300));
  const lags = Math.min(10, Math.floor(n / 5));
  let repeats = 1;
  for (let k = 1; k <= lags; k++) repeats += 2 * (1 - k / n) * auto(a, k) * auto(b, k);
  const effective = Math.max(5, n / (Math.max(1, repeats) * tails));
  const z = Math.atanh(Math.max(-0.999999, Math.min(0.999999, r)));
  const half = Z_95 / Math.sqrt(effective - 3);
  return { value: r, low: Math.tanh(z - half), high: Math.tanh(z + half), pairs: n };
}

/** The correlation over the last returns at each bar: start and estimate, null where unknown. */
export function rolling(pairs, window) {
  return pairs.map((_, end) => {
    const known = pairs.slice(Math.max(0, end - window + 1), end + 1).filter((p) => p.rx !== null);
    return { start: pairs[end].start, found: correlate(known.map((p) => p.rx), known.map((p) => p.ry)) };
  });
}

/** Colour of a correlation; grey when unknown or not apart from 0. */
export function colour(found) {
  if (!found || (found.low <= 0 && found.high >= 0)) return 'grey';
  return found.value > 0.5 ? 'green' : found.value >= 0 ? 'yellow' : 'red';
}

/** Follows the readings of a pair and tells when it stops moving together. */
export class Divergence {
  constructor() { this.state = 'none'; this.since = null; this.count = 0; this.lowRun = 0; this.sureRun = 0; }

  /** Take in one reading; returns whether it began or became major. */
  read(start, found) {
    if (!found) return false;
    const before = this.state;
    this.lowRun = found.value < BELOW ? this.lowRun + 1 : 0;
    this.sureRun = found.high < BELOW ? this.sureRun + 1 : 0;
    if (before === 'none' && this.lowRun >= READINGS) { this.state = 'minor'; this.since = start; this.count += 1; }
    if (this.state === 'minor' && this.sureRun >= READINGS) this.state = 'major';
    if (this.state !== 'none' && found.value > ABOVE) { this.state = 'none'; this.since = null; }
    return this.state !== before && this.state !== 'none';
  }
}

/** Ratio of both closes with its mean and two standard deviations over the bars before. */
export function ratioBands(pairs) {
  const ratio = pairs.map((p) => p.x / p.y);
  return ratio.map((value, i) => {
    const before = ratio.slice(Math.max(0, i - BAND_RETURNS), i);
    if (before.length < LEAST_PAIRS) return { start: pairs[i].start, value, middle: null, deviation: null };
    return { start: pairs[i].start, value, middle: mean(before), deviation: Math.sqrt(variance(before)) };
  });
}

/** Slope, intercept and R² of y on x; null where nothing can be fitted. */
export function regression(x, y) {
  if (x.length < 3) return null;
  const mx = mean(x), my = mean(y);
  let xx = 0, xy = 0, yy = 0;
  for (let i = 0; i < x.length; i++) { xx += (x[i] - mx) ** 2; xy += (x[i] - mx) * (y[i] - my); yy += (y[i] - my) ** 2; }
  if (xx === 0 || yy === 0) return null;
  return { slope: xy / xx, intercept: my - (xy / xx) * mx, r2: (xy * xy) / (xx * yy) };
}

function mean(values) { let sum = 0; for (const v of values) sum += v; return sum / values.length; }

function variance(values) { const m = mean(values); let sum = 0; for (const v of values) sum += (v - m) ** 2; return sum / values.length; }

function standardised(values) {
  const m = mean(values), sd = Math.sqrt(variance(values));
  return sd > 0 ? values.map((v) => (v - m) / sd) : null;
}

function auto(values, lag) { let sum = 0; for (let i = lag; i < values.length; i++) sum += values[i] * values[i - lag]; return sum / values.length; }
