// SPDX-License-Identifier: Apache-2.0
// The program in the page. The test calls it by name and reads what it noted down.
import { jsonCodec } from '@mqttv5/codec-json';
import { connect, isMqttError, Typed } from '@mqttv5/core';
import type { Client } from '@mqttv5/core';
import { webSocketDial } from '@mqttv5/transport-ws';
import { smoke } from '../runtimes/smoke.ts';

const LIMIT_MS = 15_000;

let client: Client | undefined;
const received: string[] = [];
const states: string[] = [];
const heard = new EventTarget();

/** A client that lives as long as the page lets it, with what the test wants to see of it. */
async function open(url: string, keepAlive: number): Promise<void> {
  const opened = await connect(url, { dial: webSocketDial(), keepAlive, reconnect: () => 50 });
  client = opened;
  opened.on('stateChange', (state) => states.push(state));
  await opened.subscribeCallback(
    'live/#',
    (message) => {
      received.push(message.text());
      heard.dispatchEvent(new Event('message'));
    },
    { qos: 2 },
  );
}

async function publish(topic: string, text: string, qos: 0 | 1 | 2): Promise<void> {
  await client?.publish(topic, text, { qos });
}

/** Resolves with everything received once `text` is among it. */
function hears(text: string): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`heard ${received.join()}, not ${text}`)), LIMIT_MS);
    const look = (): void => {
      if (!received.includes(text)) return;
      clearTimeout(limit);
      heard.removeEventListener('message', look);
      resolve([...received]);
    };
    heard.addEventListener('message', look);
    look();
  });
}

async function close(): Promise<readonly string[]> {
  await client?.disconnect();
  return [...states];
}

/** The code a connect() fails with. */
async function failure(url: string, pause: boolean): Promise<unknown> {
  try {
    const dial = url.startsWith('ws') ? webSocketDial() : undefined;
    const opened = await connect(url, { dial, ...(pause && { overflow: 'pause' }) });
    await opened.disconnect();
    return 'none';
  } catch (error) {
    return isMqttError(error) ? [error.code, error.message] : error;
  }
}

async function typed(url: string): Promise<unknown> {
  const one = await connect(url, { dial: webSocketDial() });
  const readings = new Typed(one, jsonCodec<{ celsius: number }>());
  const subscription = await readings.subscribe('typed');
  await readings.publish('typed', { celsius: 21.5 });
  const message = await subscription.receive();
  await one.disconnect();
  return message?.value;
}

/** What there must not be, for then the client would not be tested without it. */
function ofNode(): readonly string[] {
  return ['Buffer', 'process', 'require', 'setImmediate', 'global'].filter((name) => name in globalThis);
}

async function passesSmoke(url: string, foreign: boolean): Promise<string> {
  await smoke({ name: 'page', url, dial: webSocketDial(), foreign });
  return 'OK';
}

/** What the test may call. */
export interface Program {
  readonly open: typeof open;
  readonly publish: typeof publish;
  readonly hears: typeof hears;
  readonly close: typeof close;
  readonly failure: typeof failure;
  readonly typed: typeof typed;
  readonly ofNode: typeof ofNode;
  readonly passesSmoke: typeof passesSmoke;
}

const program: Program = { open, publish, hears, close, failure, typed, ofNode, passesSmoke };
Object.assign(globalThis, { program });
