// The collector's feed under this page's own address: one socket, opened again when it ends.

const FIRST_WAIT = 500, LONGEST_WAIT = 8_000, SILENT = 10_000;

/**
 * Listen to some symbols until the returned function is called.
 *
 * onMessage gets each message; onState gets 'open', 'silent' or 'down' with a sentence.
 */
export function listen(symbols, onMessage, onState) {
  const counts = { received: 0, lost: 0, opened: 0 };
  let socket = null, wait = FIRST_WAIT, timer = null, heardAt = 0, seq = 0, ended = false;

  function open() {
    const address = new URL('/live/feed', location.origin);
    address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    address.searchParams.set('symbols', symbols.join(','));
    seq = 0;
    socket = new WebSocket(address);
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      heardAt = performance.now();
      if (message.type === 'hello') { counts.opened += 1; wait = FIRST_WAIT; onState('open', 'live'); }
      counts.received += 1;
      counts.lost += message.seq - seq - 1;
      seq = message.seq;
      onMessage(message);
    };
    socket.onclose = (event) => {
      if (ended) return;
      onState('down', event.reason || 'the dashboard cannot be reached');
      timer = setTimeout(open, wait);
      wait = Math.min(2 * wait, LONGEST_WAIT);
    };
  }

  const watch = setInterval(() => {
    const quiet = performance.now() - heardAt;
    if (socket.readyState === WebSocket.OPEN && heardAt && quiet > SILENT) onState('silent', `nothing was heard for ${Math.round(quiet / 1000)} s`);
  }, 1_000);
  open();
  const close = () => { ended = true; clearInterval(watch); clearTimeout(timer); socket.close(); };
  return { counts, close };
}
