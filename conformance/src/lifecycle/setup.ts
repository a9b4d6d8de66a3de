// SPDX-License-Identifier: Apache-2.0

import { Client, type ClientEvents, type ClientOptions, constantBackoff } from '@mqttv5/core';
import { ScriptedBroker, type ScriptedConnection } from '@mqttv5/testing';
import { onTestFinished } from 'vitest';

type Dialled = { readonly broker: ScriptedBroker; readonly client: Client };

/** A client whose only way to a broker is a scripted one, in memory. Both end with the test. */
export function scripted(options: Partial<ClientOptions> = {}): Dialled {
  const broker = ScriptedBroker.inMemory();
  const client = new Client({
    brokers: 'mqtt://scripted',
    dial: broker.dial,
    reconnect: constantBackoff(1),
    disconnectTimeoutMs: 50,
    // Reported failures are what some tests are about; the others must not write to the console.
    logger: silent,
    ...options,
  });
  onTestFinished(async () => {
    await client.disconnect();
    await broker.close();
  });
  return { broker, client };
}

/** The same, connected. */
export async function connected(
  options: Partial<ClientOptions> = {},
  connack: Parameters<ScriptedConnection['handshake']>[0] = {},
): Promise<Dialled & { readonly connection: ScriptedConnection }> {
  const { broker, client } = scripted(options);
  const connecting = client.connect();
  const connection = await broker.accept();
  await connection.handshake(connack);
  await connecting;
  return { broker, client, connection };
}

/** Everything a client says of itself from now on, by name. */
export function record(
  client: Client,
  ...names: (keyof ClientEvents)[]
): { readonly name: string; readonly payload: unknown }[] {
  const seen: { name: string; payload: unknown }[] = [];
  for (const name of names) client.on(name, (payload?: unknown) => seen.push({ name, payload }));
  return seen;
}

/** The next event of this name. */
export function next<E extends keyof ClientEvents>(client: Client, name: E): Promise<Parameters<ClientEvents[E]>[0]> {
  return new Promise((resolve) => {
    const listener = (payload?: unknown): void => {
      off();
      // `on` gives the listener the payload of its event.
      resolve(payload as Parameters<ClientEvents[E]>[0]);
    };
    const off = client.on(name, listener);
  });
}

/** What a promise is at this moment. */
export async function stateOf(promise: Promise<unknown>): Promise<'pending' | 'resolved' | 'rejected'> {
  const pending = Symbol('pending');
  try {
    return (await Promise.race([promise, Promise.resolve(pending)])) === pending ? 'pending' : 'resolved';
  } catch {
    return 'rejected';
  }
}

/** Lets everything that is due in this turn happen. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function ignore(): void {}

const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };
