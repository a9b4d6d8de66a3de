// SPDX-License-Identifier: Apache-2.0
// The same little program on every runtime: each QoS both ways, request and response, a lost connection, a clean end. It says
// what failed by throwing. Nothing in it is Node's, so that a page and a worker run it too.
import { connect, scramAuthenticator } from '@mqttv5/core';
import type { Client, Dial, QoS, TlsOptions } from '@mqttv5/core';

export interface SmokeRun {
  /** How the connection is made, in the report and in topics. */
  readonly name: string;
  readonly url: string;
  readonly dial?: Dial | undefined;
  readonly tls?: TlsOptions | undefined;
  /** Somebody else's broker: it knows no SCRAM and does not cut on request. Mosquitto 2.0 also sends 4 KB of a WebSocket frame ten times a second. [false] */
  readonly foreign?: boolean | undefined;
}

/** A QoS 0 PUBLISH to this topic makes the broker of the test cut the connection. */
export const CUT_TOPIC = 'smoke/cut';

/** The user the broker of the test knows by SCRAM-SHA-256: Web Crypto has to be there. */
export const USER = { username: 'user', password: 'pencil' } as const;

const LEVELS: readonly QoS[] = [0, 1, 2];
const LIMIT_MS = 15_000;
/** More than one read, more than one frame. */
const LARGE_BYTES = 300_000;

/** Resolves when everything held; rejects with what did not. */
export async function smoke({ name, url, dial, tls, foreign = false }: SmokeRun): Promise<void> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const authenticator = foreign ? undefined : scramAuthenticator({ ...USER, hash: 'SHA-256' });
  const client = await connect(url, { dial, tls, authenticator, reconnect: () => 20, signal });
  try {
    await eachLevel(client, `smoke/${name}`, foreign ? 10_000 : LARGE_BYTES, signal);
    await requestAndResponse(client, `smoke/${name}/echo`, signal);
    if (!foreign) await client.reauthenticate({ signal });
    if (!foreign) await lostConnection(client, `smoke/${name}/after`, signal);
    const roundTripMs = await client.ping({ signal });
    expect(roundTripMs >= 0, `ping took ${roundTripMs} ms`);
  } finally {
    await client.disconnect();
  }
  expect(client.state === 'closed', `state is ${client.state} after disconnect()`);
}

async function eachLevel(client: Client, topic: string, largeBytes: number, signal: AbortSignal): Promise<void> {
  const subscription = await client.subscribe(`${topic}/+`, { qos: 2, signal });
  const large = new Uint8Array(largeBytes).map((_, index) => index % 251);
  for (const qos of LEVELS) {
    await client.publish(`${topic}/${qos}`, `grüße ${qos}`, { qos, signal, userProperties: { level: String(qos) } });
    const small = await subscription.receive({ signal });
    expect(small?.text() === `grüße ${qos}` && small.qos === qos, `QoS ${qos} brought ${small?.text()}`);
    expect(small?.userProperty('level') === String(qos), `QoS ${qos} lost its user property`);
    small?.ack();
    await client.publish(`${topic}/${qos}`, large, { qos, signal });
    const whole = await subscription.receive({ signal });
    expect(whole?.payload.every((byte, index) => byte === large[index]) === true, `QoS ${qos} changed a large payload`);
    expect(whole?.payload.length === largeBytes, `QoS ${qos} brought ${whole?.payload.length} bytes`);
    whole?.ack();
  }
  await subscription.unsubscribe();
}

async function requestAndResponse(client: Client, topic: string, signal: AbortSignal): Promise<void> {
  const responder = await client.respond(topic, (request) => `${request.text()}!`);
  const response = await client.request(topic, 'hello', { signal });
  expect(response.text() === 'hello!', `the response is ${response.text()}`);
  await responder.unsubscribe();
}

/** Both ends of a subscription survive: what is published while there is no connection goes out on the next one. */
async function lostConnection(client: Client, topic: string, signal: AbortSignal): Promise<void> {
  const subscription = await client.subscribe(topic, { qos: 1, signal });
  const lost = new Promise<void>((resolve) => {
    client.on('disconnect', () => resolve());
  });
  await client.publish(CUT_TOPIC, '');
  await lost;
  const published = client.publish(topic, 'still here', { qos: 1, signal });
  await client.awaitConnection({ signal });
  await published;
  const message = await subscription.receive({ signal });
  expect(message?.text() === 'still here', `after the reconnect came ${message?.text()}`);
  message?.ack();
}

function expect(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}
