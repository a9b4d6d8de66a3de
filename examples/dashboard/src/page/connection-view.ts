// SPDX-License-Identifier: Apache-2.0
//
// The state of the connection, the countdown to the next attempt, and what has happened.

import type { Client, ClientState } from '@mqttv5/core';
import { element } from './element.ts';

const NAMES: Readonly<Record<ClientState, string>> = {
  idle: 'Not connected',
  connecting: 'Connecting',
  connected: 'Connected',
  reconnecting: 'Reconnecting',
  closing: 'Closing',
  closed: 'Closed',
};
const LOG_LENGTH = 60;

export class ConnectionView {
  #since = performance.now();
  #state: ClientState = 'connecting';
  /** The wait before the next attempt. */
  #wait: { readonly from: number; readonly until: number; readonly attempt: number } | undefined;

  watch(client: Client): void {
    client.on('stateChange', (state) => {
      this.#state = state;
      this.#since = performance.now();
      this.#wait = undefined;
      // Here and not in `draw`: it is read out when it is written.
      element('state', HTMLElement).textContent = NAMES[state];
    });
    client.on('connect', ({ clientId, sessionPresent }) => {
      this.#note(`Connected as ${clientId}${sessionPresent ? ', session resumed' : ''}`, 'good');
    });
    client.on('disconnect', ({ error }) => this.#note(error.message, 'bad'));
    client.on('connectError', ({ error, attempt }) => this.#note(`Attempt ${attempt} failed: ${error.message}`, 'bad'));
    client.on('reconnecting', ({ attempt, delayMs }) => {
      const from = performance.now();
      this.#wait = { from, until: from + delayMs, attempt };
      this.#note(`Attempt ${attempt} in ${(delayMs / 1000).toFixed(1)} s`);
    });
    client.on('close', ({ error }) => this.#note(error ? `Given up: ${error.message}` : 'Closed'));
  }

  draw(): void {
    const now = performance.now();
    element('connection', HTMLElement).dataset['state'] = this.#state;
    element('detail', HTMLElement).textContent = this.#detail(now);
    const wait = this.#wait;
    const left = wait === undefined ? 0 : Math.max(0, wait.until - now) / (wait.until - wait.from);
    element('countdown', HTMLElement).style.width = `${100 * left}%`;
  }

  #detail(now: number): string {
    const wait = this.#wait;
    if (wait !== undefined && wait.until > now) {
      return `Attempt ${wait.attempt} in ${((wait.until - now) / 1000).toFixed(1)} s`;
    }
    if (wait !== undefined) return `Attempt ${wait.attempt} is under way`;
    return `for ${duration(now - this.#since)}`;
  }

  /** Newest first. */
  #note(text: string, kind = ''): void {
    const log = element('log', HTMLOListElement);
    const item = document.createElement('li');
    const time = document.createElement('time');
    time.textContent = new Date().toLocaleTimeString('en-GB');
    const what = document.createElement('span');
    what.textContent = text;
    item.className = kind;
    item.append(time, what);
    log.prepend(item);
    while (log.children.length > LOG_LENGTH) log.lastElementChild?.remove();
  }
}

function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
