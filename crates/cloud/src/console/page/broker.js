// Where messages are forwarded to, in the header.

import { the, say } from '/dom.js';
import { words, clock, reason } from '/words.js';

let broker;

export function take(tick) {
  broker = tick.broker ?? undefined;
  show();
}

export const retranslate = show;

function show() {
  const element = the('broker');
  element.hidden = !broker;
  if (!broker) return;
  element.dataset.connected = String(broker.connected);
  say(element, broker.connected
    ? words('broker-there', { broker: broker.address, waiting: broker.waiting, flying: broker.in_flight })
    : words('broker-gone', { broker: broker.address, time: clock(broker.since), reason: reason(broker.reason ?? '') }));
}
