// SPDX-License-Identifier: Apache-2.0
//
// The page: one client, one subscription, four views. Messages only change numbers; what is on the screen follows ten times a
// second, however many there are.

import { Client, exponentialBackoff, type Message } from '@mqttv5/core';
import { webSocketDial } from '@mqttv5/transport-ws';
import type { PageSettings } from '../site.ts';
import { ConnectionView } from './connection-view.ts';
import { element } from './element.ts';
import { RatePlot } from './rate-plot.ts';
import { TopicTable } from './topic-table.ts';

const FRAME_MS = 100;
const PING_MS = 5_000;
/** The rate that is shown as a number is that of the last so many milliseconds. */
const RATE_WINDOW_MS = 2_000;

// Written there by site.ts.
const settings = JSON.parse(document.body.dataset['settings'] ?? '{}') as PageSettings;
const connection = new ConnectionView();
const plot = new RatePlot(element('plot', HTMLCanvasElement));
const table = new TopicTable(element('rows', HTMLTableSectionElement));
const numbers = new Intl.NumberFormat('en');
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

let messages = 0;
let bytes = 0;
const client = new Client({
  brokers: settings.webSocketUrl,
  dial: webSocketDial(),
  // Also the first connection is tried until it is there: the page may be open before the broker is.
  retryInitialConnect: true,
  // Somebody is looking: no wait is worth more than five seconds.
  reconnect: exponentialBackoff({ initialMs: 1_000, maximumMs: 5_000 }),
});

function receive(message: Message): void {
  messages += 1;
  bytes += message.payload.length;
  plot.count();
  table.update(message.topic, textOf(message));
}

/** A broker of yours may carry anything. `message.text()` would put U+FFFD in the place of what is no UTF-8. */
function textOf({ payload }: Message): string {
  try {
    return strictUtf8.decode(payload);
  } catch {
    return `${payload.length} bytes`;
  }
}

function show(id: string, text: string): void {
  element(id, HTMLElement).textContent = text;
}

function draw(): void {
  const rate = plot.rate(RATE_WINDOW_MS);
  show('rate', rate > 0 && rate < 10 ? rate.toFixed(1) : numbers.format(Math.round(rate)));
  show('messages', numbers.format(messages));
  show('topics', numbers.format(table.size));
  show('bytes', bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
  element('nothing', HTMLElement).hidden = table.size > 0;
  plot.draw(client.connected);
  table.draw();
  connection.draw();
}

async function measureRoundTrip(): Promise<void> {
  try {
    const ms = await client.ping({ signal: AbortSignal.timeout(PING_MS) });
    show('round-trip', `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`);
  } catch {
    // Not connected: there is no round trip.
    show('round-trip', '–');
  }
}

const outage = element('outage', HTMLButtonElement);
outage.hidden = !settings.canCauseOutage;
outage.addEventListener('click', () => {
  outage.disabled = true;
  void fetch('/outage', { method: 'POST' }).then(() => setTimeout(() => (outage.disabled = false), 8_000));
});
// A clean end: the broker need not wait out the keep-alive to know that nobody is looking.
addEventListener('pagehide', () => void client.disconnect());

show('broker', new URL(settings.webSocketUrl).host);
setInterval(draw, FRAME_MS);
setInterval(() => void measureRoundTrip(), PING_MS);
connection.watch(client);
client.on('connect', () => void measureRoundTrip());
client.declare('#', { handler: receive });
// What goes wrong is on the screen already.
client.connect().catch(() => undefined);
