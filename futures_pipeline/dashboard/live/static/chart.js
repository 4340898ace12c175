// One chart with four panes, so that time axis, zoom and crosshair are shared: two markets with
// their volume, the rolling correlation with its interval, and the ratio with its bands.

import './lightweight-charts.js';

const charts = window.LightweightCharts;

const PALETTES = {
  dark: { back: '#131722', text: '#d1d4dc', grid: '#232838', up: '#26a69a', down: '#ef5350', line: '#5b9cf6', other: '#e8833a', band: '#8a919e', text2: '#8a919e' },
  light: { back: '#ffffff', text: '#131722', grid: '#eceff5', up: '#0f8f80', down: '#d0393e', line: '#2962ff', other: '#c05f12', band: '#8a919e', text2: '#5a6270' },
};
const seconds = (milliseconds) => milliseconds / 1000;

export const palette = (theme) => PALETTES[theme];

/** The chart of a pair in a container. */
export class PairChart {
  constructor(container, theme) {
    this.chart = charts.createChart(container, { autoSize: true, timeScale: { timeVisible: true, secondsVisible: false }, crosshair: { mode: 0 }, leftPriceScale: { visible: false } });
    this.candles = [this.add(charts.CandlestickSeries, 0), this.add(charts.CandlestickSeries, 1)];
    this.volumes = [0, 1].map((pane) => this.add(charts.HistogramSeries, pane, { priceScaleId: `volume${pane}`, priceFormat: { type: 'volume' }, lastValueVisible: false, priceLineVisible: false }));
    this.candles.forEach((series) => series.priceScale().applyOptions({ scaleMargins: { top: 0.16, bottom: 0.22 } }));
    this.volumes.forEach((series) => series.priceScale().applyOptions({ scaleMargins: { top: 0.8, bottom: 0 } }));
    this.overlay = this.add(charts.LineSeries, 0, { priceScaleId: 'left', visible: false, lineWidth: 2 });
    this.rho = this.lines(2, ['value', 'low', 'high']);
    this.rho.value.createPriceLine({ price: 0.2, color: '#c98a1b', lineStyle: 2, lineWidth: 1 });
    this.ratio = this.lines(3, ['value', 'low', 'high']);
    [3, 3, 2, 2].forEach((factor, i) => this.chart.panes()[i].setStretchFactor(factor));
    this.paint(theme);
  }

  add(kind, pane, options = {}) { return this.chart.addSeries(kind, options, pane); }

  lines(pane, names) {
    return Object.fromEntries(names.map((name, i) => [name, this.add(charts.LineSeries, pane, { lineWidth: i ? 1 : 2, lineStyle: i ? 2 : 0, lastValueVisible: !i, priceLineVisible: false, crosshairMarkerVisible: !i, priceFormat: { type: 'price', precision: 4, minMove: 0.0001 } })]));
  }

  paint(theme) {
    const c = PALETTES[theme];
    this.chart.applyOptions({
      layout: { background: { type: 'solid', color: c.back }, textColor: c.text, panes: { separatorColor: c.grid }, attributionLogo: true },
      grid: { vertLines: { color: c.grid }, horzLines: { color: c.grid } },
    });
    for (const series of this.candles) series.applyOptions({ upColor: c.up, downColor: c.down, wickUpColor: c.up, wickDownColor: c.down, borderVisible: false });
    for (const group of [this.rho, this.ratio]) { group.value.applyOptions({ color: c.line }); group.low.applyOptions({ color: c.band }); group.high.applyOptions({ color: c.band }); }
    this.overlay.applyOptions({ color: c.other });
    this.colours = c;
  }

  /** Tell the tick size of a leg, in price units; returns how many digits its prices have. */
  tick(leg, size) {
    const precision = (size.toFixed(8).replace(/0+$/, '').split('.')[1] ?? '').length;
    const options = { priceFormat: { type: 'price', precision, minMove: size } };
    this.candles[leg].applyOptions(options);
    if (leg === 1) this.overlay.applyOptions(options);
    return precision;
  }

  candle(bar) { return { time: seconds(bar[0]), open: bar[1], high: bar[2], low: bar[3], close: bar[4] }; }

  volume(bar) { return { time: seconds(bar[0]), value: bar[5] ?? 0, color: bar[4] >= bar[1] ? `${this.colours.up}66` : `${this.colours.down}66` }; }

  /** Show all bars of a leg. */
  showBars(leg, bars) {
    this.candles[leg].setData(bars.map((bar) => this.candle(bar)));
    this.volumes[leg].setData(bars.map((bar) => this.volume(bar)));
    if (leg === 1) this.overlay.setData(bars.map((bar) => ({ time: seconds(bar[0]), value: bar[4] })));
  }

  /** Show the newest bar of a leg. */
  updateBar(leg, bar) {
    this.candles[leg].update(this.candle(bar));
    this.volumes[leg].update(this.volume(bar));
    if (leg === 1) this.overlay.update({ time: seconds(bar[0]), value: bar[4] });
  }

  /** How far below the chart's top each pane begins, in pixels. */
  tops() {
    let below = 0;
    return this.chart.panes().map((pane) => { const top = below; below += pane.getHeight() + 1; return top; });
  }

  showRolling(readings) { this.three(this.rho, readings.map(({ start, found }) => [start, found && [found.value, found.low, found.high]])); }

  showRatio(rows) { this.three(this.ratio, rows.map((r) => [r.start, [r.value, ...(r.middle === null ? [null, null] : [r.middle - 2 * r.deviation, r.middle + 2 * r.deviation])]])); }

  three(group, rows) {
    ['value', 'low', 'high'].forEach((name, i) => {
      group[name].setData(rows.map(([start, values]) => (values && values[i] !== null ? { time: seconds(start), value: values[i] } : { time: seconds(start) })));
    });
  }

  /** The price at a height of a pane, null where the pane has no price. */
  priceAt(pane, y) { return pane < 2 ? this.candles[pane].coordinateToPrice(y) : null; }

  setOverlay(on) { this.overlay.applyOptions({ visible: on }); this.chart.applyOptions({ leftPriceScale: { visible: on } }); }

  move(bars) { const scale = this.chart.timeScale(); scale.scrollToPosition(scale.scrollPosition() + bars, false); }

  zoom(factor) {
    const scale = this.chart.timeScale(), range = scale.getVisibleLogicalRange();
    if (range) scale.setVisibleLogicalRange({ from: range.to - (range.to - range.from) * factor, to: range.to });
  }

  picture() { return this.chart.takeScreenshot(); }

  remove() { this.chart.remove(); }
}

