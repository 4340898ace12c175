// What stands beside the chart: scatter, heat-map, files. Text goes in as text, never as markup.

export function element(tag, className = '', text = '') {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

export function button(label, title, onClick) {
  const made = element('button', '', label);
  made.type = 'button';
  made.title = title;
  made.addEventListener('click', onClick);
  return made;
}

export function signed(value, digits = 2) {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`;
}

export function clock(milliseconds) {
  return `${new Date(milliseconds).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

export function newYork(milliseconds) {
  const parts = { timeZone: 'America/New_York', hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false };
  return `${new Intl.DateTimeFormat('en-GB', parts).format(milliseconds)} New York`;
}

/** Points of two lists of returns in basis points, with the fitted line. */
export function drawScatter(canvas, x, y, fitted, colours) {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * scale; canvas.height = height * scale;
  const pen = canvas.getContext('2d');
  pen.scale(scale, scale);
  pen.clearRect(0, 0, width, height);
  if (!x.length) return;
  const reach = (values) => Math.max(...values.map(Math.abs), 1e-9) * 1.08;
  const rx = reach(x), ry = reach(y);
  const px = (v) => width / 2 + (v / rx) * (width / 2 - 8), py = (v) => height / 2 - (v / ry) * (height / 2 - 8);
  line(pen, colours.grid, [[0, height / 2], [width, height / 2]]);
  line(pen, colours.grid, [[width / 2, 0], [width / 2, height]]);
  pen.fillStyle = colours.point;
  for (let i = 0; i < x.length; i++) { pen.beginPath(); pen.arc(px(x[i]), py(y[i]), 2, 0, 7); pen.fill(); }
  if (fitted) line(pen, colours.fit, [-rx, rx].map((v) => [px(v), py(fitted.slope * v + fitted.intercept)]));
  pen.fillStyle = colours.text;
  pen.font = '11px sans-serif';
  pen.fillText(`±${(rx * 1e4).toFixed(1)} bp`, 4, height / 2 - 5);
  pen.fillText(`±${(ry * 1e4).toFixed(1)} bp`, width / 2 + 5, 12);
}

function line(pen, colour, points) {
  pen.strokeStyle = colour; pen.lineWidth = 1.3; pen.beginPath();
  points.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
}

/** The correlation by hour (columns, New York) and length of return (rows). */
export function drawHeatmap(table, cells) {
  table.replaceChildren();
  if (!cells.length) { table.createCaption().textContent = 'no bars of both are stored yet'; return; }
  const frames = [...new Set(cells.map((c) => c.timeframe_minutes))].sort((a, b) => a - b);
  const hours = Array.from({ length: 24 }, (_, i) => String((i + 18) % 24).padStart(2, '0')).filter((h) => h !== '17');
  const head = table.createTHead().insertRow();
  ['', ...hours].forEach((hour) => head.append(element('th', '', hour)));
  const body = table.createTBody();
  for (const frame of frames) {
    const row = body.insertRow();
    row.append(element('th', '', frame < 60 ? `${frame} min` : `${frame / 60} h`));
    for (const hour of hours) {
      const cell = cells.find((c) => c.timeframe_minutes === frame && c.cell === hour);
      const shown = row.insertCell();
      const value = cell ? cell.correlation : null;
      shown.title = value === null ? `${hour}:00 New York: too few pairs` : `${hour}:00 New York: ${value.toFixed(3)} of ${cell.pairs} pairs`;
      shown.textContent = value === null ? '' : value.toFixed(1).replace('0.', '.').replace('-', '−');
      if (value !== null) shown.style.backgroundColor = `hsl(${60 + 60 * value} 55% 50% / ${0.25 + 0.6 * Math.abs(value)})`;
    }
  }
}

export function save(name, blob) {
  const link = element('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
}

/** Minute bars of both symbols as CSV; times are ISO, UTC. Symbols are letters and digits. */
export function asCsv(first, second) {
  const head = ['symbol', 'start [UTC]', ...['open', 'high', 'low', 'close'].map((n) => `${n} [price units]`), 'volume [contracts, shares or base currency]'];
  const rows = [first, second].flatMap(([symbol, bars]) => bars.map((bar) => [symbol, new Date(bar[0]).toISOString(), ...bar.slice(1).map((v) => v ?? '')].join(',')));
  return `${[head.join(','), ...rows].join('\n')}\n`;
}

/** Two short tones. */
export function beep(context) {
  [0, 0.18].forEach((delay) => {
    const tone = context.createOscillator(), volume = context.createGain();
    tone.frequency.value = 880;
    volume.gain.value = 0.15;
    tone.connect(volume).connect(context.destination);
    tone.start(context.currentTime + delay);
    tone.stop(context.currentTime + delay + 0.12);
  });
}
