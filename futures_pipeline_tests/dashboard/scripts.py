"""What the browser is asked to run in a page under test."""

# What reaches beyond the screen and does not scroll in a frame of its own.
TOO_WIDE = """[...document.querySelectorAll('#live *')].filter(e =>
  e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.fp-scroll, .fp-chart')
).map(e => e.tagName + ' ' + e.className + ' ' + e.textContent.slice(0, 40))"""
# Notes what is notified and how often a tone begins.
LISTEN = """window.told = []; window.sounds = 0;
  window.Notification = class extends Notification {
    constructor(title, options) { super(title, options); window.told.push(options.body); } };
  const begin = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...at) { window.sounds += 1; begin.apply(this, at); };
"""
