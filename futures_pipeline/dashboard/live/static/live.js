// The live page: two markets above each other, their correlation, and what it means now.

import { palette } from './chart.js';
import { listen } from './feed.js';
import { TIMEFRAMES, build, label } from './layout.js';
import { beep, clock, drawHeatmap, drawScatter, newYork, signed } from './panels.js';
import { Bars, Divergence, MINUTE, WINDOWS, aggregate, colour, correlate, paired, ratioBands, regression, rolling } from './series.js';

const KEPT_DELAYS = 2_000;

/** Put the page into an element; returns the function that takes it away again. */
export function mount(root, { theme = null } = {}) {
  if (root.dataset.mounted) return () => {};
  root.dataset.mounted = 'yes';
  const page = new Page(root, theme);
  page.start();
  return () => { page.end(); root.replaceChildren(); delete root.dataset.mounted; };
}

class Page {
  constructor(root, theme) {
    this.root = root;
    this.themeOf = theme ?? (() => (matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark'));
    this.theme = this.themeOf();
    this.minutes = 1;
    this.delays = [];
    this.paints = 0;
    this.trades = 0;
    this.dirty = new Set();
    this.options = { overlay: false, sound: false, notify: false, measure: false };
    build(this);
  }

  async start() {
    const { symbols, speed, now } = await (await fetch('/live/symbols')).json();
    if (!this.root.dataset.mounted) return;
    this.clockAt = { now, machine: Date.now(), speed };
    for (const select of this.selects) symbols.forEach((symbol) => select.append(new Option(symbol, symbol)));
    const coin = symbols.find((s) => s.includes('/'));
    this.setTimeframe(1);
    this.choose(coin ? [coin, 'ES'] : ['SPY', 'ES']);
    this.ticker = setInterval(() => this.tick(), 1_000);
    const paint = () => { this.draw(); this.frame = requestAnimationFrame(paint); };
    this.frame = requestAnimationFrame(paint);
  }

  end() {
    cancelAnimationFrame(this.frame);
    clearInterval(this.ticker);
    this.feed?.close();
    this.chart.remove();
    this.root.removeEventListener('keydown', this.onKey);
  }

  /** Show another pair: one socket ends, another begins. */
  choose(pair) {
    if (pair[0] === pair[1]) { this.say('choose two different markets'); return; }
    this.feed?.close();
    this.pair = pair;
    this.selects.forEach((select, i) => { select.value = pair[i]; });
    this.bars = [new Bars(), new Bars()];
    this.quotes = [null, null];
    this.digits = [2, 2];
    this.divergence = new Divergence();
    this.readUntil = 0;
    this.marked = null;
    this.feed = listen(pair, (message) => this.hear(message), (state, text) => this.connection(state, text));
    this.facts();
  }

  async facts() {
    const [spot, futures] = this.pair, asked = new URLSearchParams({ futures, spot });
    const answer = await fetch(`/live/pair?${asked}`);
    if (!answer.ok || this.pair[0] !== spot) return;
    const { verdict, heatmap } = await answer.json();
    drawHeatmap(this.heat, heatmap);
    const sign = { FUTURES_LEAD: `${futures} → ${spot}`, SPOT_LEADS: `${spot} → ${futures}` }[verdict?.verdict];
    const shortly = verdict?.sentence.split(' (')[0].split(': ').at(-1);
    const lead = sign && verdict.lead_seconds !== null ? `${sign} by ${Math.abs(verdict.lead_seconds).toFixed(1)} s` : sign;
    this.arrow.textContent = lead ?? `${futures} ↔ ${spot}: ${shortly ?? 'no verdict stored yet'}`;
    this.arrow.title = verdict?.sentence ?? '';
  }

  hear(message) {
    const leg = this.pair.indexOf(message.symbol);
    if (message.machine && message.type !== 'hello') this.heardMachine = message.machine;
    switch (message.type) {
      case 'hello':
        this.clockAt = { now: message.now, machine: message.machine, speed: message.speed };
        message.symbols.forEach((s) => { const leg = this.pair.indexOf(s.symbol); if (leg >= 0) this.digits[leg] = this.chart.tick(leg, s.tick_size); });
        break;
      case 'history': if (leg >= 0) { this.bars[leg].replace(message.contract, message.bars); this.dirty.add('all'); } break;
      case 'bar': if (leg >= 0) { this.bars[leg].put(message.contract, message.bar); this.dirty.add('minute'); this.dirty.add(leg); } break;
      case 'trade': if (leg >= 0) { this.bars[leg].trade(message); this.trades += message.trades; this.dirty.add(leg); this.delayOf = message.machine; this.updatedAt = message.time; } break;
      case 'quote': if (leg >= 0) { this.quotes[leg] = message; this.dirty.add('legend'); this.delayOf = message.machine; this.updatedAt = message.time; } break;
      case 'health': this.health(message); break;
      default: break;
    }
  }

  /** One painting a frame, however many messages there were. */
  draw() {
    if (!this.dirty.size) return;
    const dirty = this.dirty;
    this.dirty = new Set();
    for (const leg of [0, 1]) {
      if (dirty.has('all')) this.chart.showBars(leg, aggregate(this.bars[leg].rows(), this.minutes));
      else if (dirty.has(leg)) { const bar = this.newest(leg); if (bar) this.chart.updateBar(leg, bar); }
    }
    if (dirty.has('all') || dirty.has('minute')) this.analyse();
    this.showLegend();
    this.paints += 1;
    if (this.delayOf) { this.delays.push(Date.now() - this.delayOf); if (this.delays.length > KEPT_DELAYS) this.delays.shift(); this.delayOf = null; }
  }

  newest(leg) {
    const last = this.bars[leg].last();
    if (!last || this.minutes === 1) return last;
    const begin = Math.floor(last[0] / (this.minutes * MINUTE)) * this.minutes * MINUTE;
    return aggregate(this.bars[leg].rows().filter((bar) => bar[0] >= begin), this.minutes)[0];
  }

  /** Everything that changes with a finished minute; the unfinished one has no say. */
  analyse() {
    const until = this.marketNow() - MINUTE;
    const finished = this.bars.map((bars) => bars.rows().filter((bar) => bar[0] <= until));
    const pairs = Object.fromEntries(TIMEFRAMES.map((m) => [m, paired(...finished.map((rows) => aggregate(rows, m)), m)]));
    TIMEFRAMES.forEach((m, i) => this.showPill(this.pills[i], m, pairs[m]));
    const readings = rolling(pairs[this.minutes], WINDOWS[this.minutes]);
    this.captions[2].textContent = `correlation of ${label(this.minutes)} returns, 95 % interval; below 0.2 they diverge`;
    this.captions[3].textContent = `${this.pair.join(' / ')}, mean ± 2 standard deviations`;
    this.chart.showRolling(readings);
    this.chart.showRatio(ratioBands(pairs[this.minutes]));
    this.readDivergence(this.minutes === 1 ? readings : rolling(pairs[1], WINDOWS[1]));
    const known = pairs[this.minutes].filter((p) => p.rx !== null);
    const x = known.map((p) => p.rx), y = known.map((p) => p.ry), fitted = regression(x, y);
    const c = palette(this.theme);
    drawScatter(this.scatter, x, y, fitted, { grid: c.grid, point: `${c.line}88`, fit: c.other, text: c.text2 });
    this.scatterSays.textContent = fitted ? `${this.pair[1]} = ${fitted.slope.toFixed(3)} × ${this.pair[0]} ${signed(fitted.intercept * 1e4, 2)} bp, R² ${fitted.r2.toFixed(3)}, ${x.length} returns of ${label(this.minutes)}; across: ${this.pair[0]}, up: ${this.pair[1]}` : 'too few returns for a line';
  }

  showPill(pill, minutes, pairs) {
    const known = pairs.slice(-WINDOWS[minutes]).filter((p) => p.rx !== null);
    const found = correlate(known.map((p) => p.rx), known.map((p) => p.ry));
    pill.dataset.colour = colour(found);
    pill.textContent = found ? `${label(minutes)} ρ ${found.value.toFixed(2)} (${found.low.toFixed(2)} to ${found.high.toFixed(2)})` : `${label(minutes)} ρ: ${known.length} of 20 returns`;
  }

  readDivergence(readings) {
    const isFirst = this.readUntil === 0;
    for (const { start, found } of readings.filter((r) => r.start > this.readUntil)) {
      const began = this.divergence.read(start, found);
      if (began && !isFirst) this.alarm();
      this.readUntil = start;
    }
    const { state, since, count } = this.divergence;
    this.divergenceBadge.dataset.colour = { none: 'green', minor: 'yellow', major: 'red' }[state];
    const minutes = since === null ? 0 : Math.max(1, Math.round((this.readUntil - since) / MINUTE));
    this.divergenceBadge.textContent = state === 'none' ? `no divergence (${count} in the last 24 h)` : `${state.toUpperCase()} divergence for ${minutes} min (${count} in the last 24 h)`;
  }

  alarm() {
    const text = `${this.pair.join(' and ')}: ${this.divergence.state} divergence`;
    this.root.dataset.alarms = String(Number(this.root.dataset.alarms ?? 0) + 1);
    this.say(text);
    if (this.options.sound) beep(this.audio);
    if (this.options.notify) new Notification('Divergence', { body: text, tag: 'divergence' });
  }

  async toggle(name) {
    let on = !this.options[name];
    if (name === 'notify' && on) on = 'Notification' in window && (await Notification.requestPermission()) === 'granted';
    if (name === 'sound' && on) { this.audio ??= new AudioContext(); beep(this.audio); }
    this.options[name] = on;
    this.toggles[name].setAttribute('aria-pressed', String(on));
    if (name === 'overlay') this.chart.setOverlay(on);
    if (name === 'measure' && !on) { this.marked = null; this.tip.hidden = true; }
  }

  setTimeframe(minutes) {
    this.minutes = minutes;
    this.frames.forEach((b, i) => b.setAttribute('aria-pressed', String(TIMEFRAMES[i] === minutes)));
    this.dirty.add('all');
  }

  setTheme(theme) { this.chosenTheme = theme; this.applyTheme(theme); }

  applyTheme(theme) {
    if (theme === this.theme) return;
    this.theme = theme;
    this.root.dataset.theme = theme;
    this.chart.paint(theme);
    this.dirty.add('all');
  }

  key(event) {
    if (event.target.tagName === 'SELECT' || event.ctrlKey || event.metaKey || event.altKey) return;
    const frame = TIMEFRAMES[Number(event.key) - 1];
    const acts = {
      o: () => this.toggle('overlay'), m: () => this.toggle('measure'), t: () => this.setTheme(this.theme === 'dark' ? 'light' : 'dark'),
      f: () => (document.fullscreenElement ? document.exitFullscreen() : this.root.requestFullscreen()),
      ArrowLeft: () => this.chart.move(-5), ArrowRight: () => this.chart.move(5), '+': () => this.chart.zoom(0.8), '-': () => this.chart.zoom(1.25),
    };
    if (frame) this.setTimeframe(frame);
    else if (acts[event.key]) acts[event.key]();
    else return;
    event.preventDefault();
  }

  /** First click sets one end of the measure, the second fixes the other. */
  mark(at) {
    const price = at.point ? this.chart.priceAt(at.paneIndex, at.point.y) : null;
    if (!this.options.measure || price === null || !at.time) return;
    if (!this.marked || this.marked.fixed) this.marked = { price, time: at.time, pane: at.paneIndex, fixed: false };
    else this.marked.fixed = true;
  }

  follow(at) {
    this.crosshair = at.time && at.seriesData.size ? at : null;
    this.showLegend();
    if (!this.marked || this.marked.fixed || !at.point || !at.time || at.paneIndex !== this.marked.pane) return;
    const price = this.chart.priceAt(at.paneIndex, at.point.y);
    if (price === null) return;
    const points = price - this.marked.price, minutes = (at.time - this.marked.time) / 60;
    this.tip.hidden = false;
    this.tip.textContent = `${this.pair[this.marked.pane]} ${signed(points)} points, ${signed((points / this.marked.price) * 100)} %, ${minutes} min; from ${this.marked.price.toFixed(2)} at ${clock(this.marked.time * 1000)} to ${price.toFixed(2)} at ${clock(at.time * 1000)}`;
  }

  showLegend() {
    const lines = [0, 1].map((leg) => {
      const at = this.crosshair?.seriesData.get(this.chart.candles[leg]);
      const last = this.newest(leg), quote = this.quotes[leg];
      const [o, h, l, c] = at ? [at.open, at.high, at.low, at.close] : last ? last.slice(1, 5) : [];
      if (o === undefined) return `${this.pair?.[leg] ?? ''} no bar yet`;
      const text = (price) => price?.toFixed(this.digits[leg]) ?? '—';
      const sides = quote && !at ? `  bid ${text(quote.bid)}  ask ${text(quote.ask)}` : '';
      return `${this.bars[leg].contract ?? this.pair[leg]}  O ${text(o)}  H ${text(h)}  L ${text(l)}  C ${text(c)}${sides}`;
    });
    const when = this.crosshair ? `${clock(this.crosshair.time * 1000)} (${newYork(this.crosshair.time * 1000)})` : '';
    this.captions[0].textContent = [lines[0], when].filter(Boolean).join('  ');
    this.captions[1].textContent = lines[1];
  }

  connection(state, text) {
    this.root.dataset.connection = state;
    this.say(state === 'open' ? '' : `${state === 'silent' ? 'Silent' : 'Not connected'}: ${text}. The chart shows what was heard before; it connects again by itself.`);
  }

  health({ sources, streams }) {
    const troubled = [
      ...sources.filter((s) => s.socket === 'down' || s.trouble).map((s) => `${s.source}: ${s.text ?? s.trouble ?? 'not connected'}`),
      ...streams.filter((s) => this.pair.includes(s.symbol) && (s.market === 'closed' || s.state === 'silent' || s.state === 'refused')).map((s) => (s.market === 'closed' ? `${s.symbol}: the market is closed` : `${s.symbol}: ${s.state}`)),
    ];
    this.say(troubled.join('; '));
  }

  say(text) { this.notice.textContent = text; this.notice.hidden = !text; }

  marketNow() { const { now, machine, speed } = this.clockAt; return now + (Date.now() - machine) * speed; }

  tick() {
    const at = this.marketNow(), { received, lost, opened } = this.feed.counts;
    this.clock.textContent = `${clock(at)} (${newYork(at)})`;
    this.chart.tops().forEach((top, i) => { this.captions[i].style.top = `${top + 4}px`; });
    const sorted = [...this.delays].sort((a, b) => a - b), p95 = sorted[Math.floor(sorted.length * 0.95)] ?? null;
    this.footer.textContent = `Last update ${this.updatedAt ? clock(this.updatedAt) : '—'}; ${received} messages, ${lost} lost, ${opened} connections; 95 % drawn within ${p95 === null ? '—' : `${p95} ms`}`;
    Object.assign(this.root.dataset, { received, lost, opened, paints: this.paints, trades: this.trades, p95: p95 ?? '' });
    if (!this.chosenTheme) this.applyTheme(this.themeOf());
  }
}
