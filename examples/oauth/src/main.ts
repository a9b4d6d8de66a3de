// SPDX-License-Identifier: Apache-2.0
//
// Tokens that last a second. Enhanced authentication (MQTT v5.0 §4.12) takes a fresh one for every CONNECT, and replaces it
// before it expires, on the connection there is.
//
// Where a broker takes the token as a password, `prepareConnect: async () => ({ password: await freshToken() })` is all it
// takes for the first half; the second half needs enhanced authentication.

import { type Authenticator, connect } from '@mqttv5/core';
import { check, example } from '@mqttv5/example-shared';
import { startBroker } from '@mqttv5/testing';

const LIFETIME_MS = 1000;
const METHOD = 'OAUTH2-BEARER';

// -- The broker's side: embedded, since it has to know this method. A token is its own expiry here.
example('oauth');
const expiries = new Map<string, NodeJS.Timeout>();
const verify = (clientId: string, data: Uint8Array | undefined) => {
  const leftMs = Number(new TextDecoder().decode(data)) - Date.now();
  if (!(leftMs > 0)) return { type: 'refuse', reasonCode: 0x87, reasonString: 'token expired' } as const;
  clearTimeout(expiries.get(clientId));
  expiries.set(
    clientId,
    setTimeout(() => broker.disconnect(clientId, 0x87), leftMs),
  );
  return { type: 'success' } as const;
};
const broker = await startBroker({
  enhancedAuth: {
    [METHOD]: {
      begin: ({ clientId }: { clientId: string }, data: Uint8Array | undefined) => verify(clientId, data),
      continue: () => ({ type: 'refuse' }) as const,
    },
  },
});

// -- The client's side.
let issued = 0;
let expiresAt = 0;
async function freshToken(): Promise<Uint8Array> {
  issued += 1;
  expiresAt = Date.now() + LIFETIME_MS;
  return new TextEncoder().encode(String(expiresAt)); // a real one asks its authorization server
}
const authenticator: Authenticator = {
  method: METHOD,
  begin: () => freshToken(), // for each CONNECT and each re-authentication
  continue: () => undefined, // this method has no further rounds
};

const client = await connect(broker.url, { clientId: 'meter-7', authenticator, reconnect: () => 50 });
let losses = 0;
let renewed = 0;
client.on('disconnect', () => (losses += 1));
client.on('reauthenticated', () => {
  renewed += 1;
  console.log(`token ${issued} is in force, on the same connection`);
});

/** Two thirds of the way to the end of a token is a good time for the next one, which moves `expiresAt`. */
const renewal = setInterval(() => {
  if (!client.connected || Date.now() < expiresAt - LIFETIME_MS / 3) return;
  client.reauthenticate({ signal: AbortSignal.timeout(5000) }).catch((error: unknown) => console.log(String(error)));
}, 20);

await new Promise((resolve) => {
  setTimeout(resolve, 2.2 * LIFETIME_MS);
});
check(losses === 0 && renewed >= 2, 'the connection outlived its tokens');

console.log('--- the connection is cut: the next CONNECT has a token of its own');
const before = issued;
const reconnected = new Promise((resolve) => {
  client.on('connect', resolve);
});
broker.dropConnections();
await reconnected;
check(issued > before, 'a new CONNECT takes a new token');

clearInterval(renewal);
await client.disconnect();
for (const timer of expiries.values()) clearTimeout(timer);
await broker.close();
