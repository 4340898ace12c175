// The live page's elements, and what each button does to the page.

import { PairChart } from './chart.js';
import { asCsv, button, element, save } from './panels.js';

export const TIMEFRAMES = [1, 5, 15, 60];
export const label = (minutes) => (minutes === 60 ? '1h' : `${minutes}m`);

/** Put the elements of a page into its root. */
export function build(page) {
  page.root.classList.add('fp-live');
  page.root.dataset.theme = page.theme;
  const top = element('div', 'fp-bar'), state = element('div', 'fp-bar');
  page.selects = [0, 1].map((i) => {
    const chosen = element('select');
    chosen.setAttribute('aria-label', i ? 'lower market' : 'upper market');
    chosen.addEventListener('change', () => page.choose(page.selects.map((s) => s.value)));
    return chosen;
  });
  page.frames = TIMEFRAMES.map((minutes, i) => button(label(minutes), `bars of ${minutes} minutes (key ${i + 1})`, () => page.setTimeframe(minutes)));
  page.toggles = {
    overlay: button('Overlay', 'lower market over the upper one (key O)', () => page.toggle('overlay')),
    measure: button('Measure', 'click two points of a price pane (key M)', () => page.toggle('measure')),
    sound: button('Sound', 'a sound when a divergence begins', () => page.toggle('sound')),
    notify: button('Notify', 'a notification when a divergence begins', () => page.toggle('notify')),
  };
  const rest = [
    button('Theme', 'dark or light (key T)', () => page.setTheme(page.theme === 'dark' ? 'light' : 'dark')),
    button('CSV', 'minute bars of both markets', () => save(`${page.pair.join('_').replaceAll('/', '')}.csv`, new Blob([asCsv(...page.pair.map((s, i) => [s, page.bars[i].rows()]))], { type: 'text/csv' }))),
    button('PNG', 'a picture of the chart', () => page.chart.picture().toBlob((blob) => save('live.png', blob))),
    button('Full screen', 'key F', () => (document.fullscreenElement ? document.exitFullscreen() : page.root.requestFullscreen())),
  ];
  page.clock = element('span', 'fp-clock');
  top.append(page.selects[0], element('span', '', 'above'), page.selects[1], ...page.frames, ...Object.values(page.toggles), ...rest, page.clock);
  page.pills = TIMEFRAMES.map((minutes) => element('span', 'fp-pill', `${label(minutes)} …`));
  page.divergenceBadge = element('span', 'fp-pill', 'divergence …');
  page.arrow = element('span', 'fp-lead', 'lead …');
  state.append(...page.pills, page.divergenceBadge, page.arrow);
  page.notice = element('p', 'fp-notice', 'connecting');
  page.notice.setAttribute('role', 'status');
  page.legend = element('div', 'fp-legend');
  page.captions = [0, 1, 2, 3].map(() => element('div'));
  page.legend.append(...page.captions);
  page.box = element('div', 'fp-chart');
  page.box.tabIndex = 0;
  page.box.setAttribute('role', 'img');
  page.box.setAttribute('aria-label', 'prices of both markets, their correlation and their ratio');
  page.tip = element('div', 'fp-tip');
  page.tip.hidden = true;
  const frame = element('div', 'fp-frame');
  frame.append(page.box, page.legend, page.tip);
  page.scatter = element('canvas', 'fp-scatter');
  page.scatterSays = element('p', 'fp-small');
  page.heat = element('table', 'fp-heat');
  const left = element('section'), right = element('section'), below = element('div', 'fp-below');
  left.append(element('h2', '', 'Returns against each other'), page.scatter, page.scatterSays);
  const scroll = element('div', 'fp-scroll');
  scroll.append(page.heat);
  right.append(element('h2', '', 'Correlation by hour, New York, 20 sessions'), scroll);
  below.append(left, right);
  page.footer = element('p', 'fp-small');
  page.credit = element('p', 'fp-small', 'Charts: TradingView Lightweight Charts™ Copyright (c) 2025 TradingView, Inc. https://www.tradingview.com/');
  page.root.append(top, state, page.notice, frame, below, page.footer, page.credit);
  page.chart = new PairChart(page.box, page.theme);
  page.chart.chart.subscribeCrosshairMove((at) => page.follow(at));
  page.chart.chart.subscribeClick((at) => page.mark(at));
  page.onKey = (event) => page.key(event);
  page.root.addEventListener('keydown', page.onKey);
  page.root.tabIndex = -1;
}
