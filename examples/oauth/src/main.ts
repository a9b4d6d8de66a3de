// SPDX-License-Identifier: Apache-2.0
//
// Tokens that last a second, in the two ways that MQTT has for them. As the password: a fresh one for every CONNECT, which every
// broker takes. By enhanced authentication (MQTT v5.0 §4.12), where the broker has it: also a new one before the old one expires, on
// the connection there is.

import { type Authenticator, connect, isMqttError, ReasonCode } from '@mqttv5/core';
import { check, example, relayTo } from '@mqttv5/example-shared';
import { startBroker } from '@mqttv5/testing';

const LIFETIME_MS = 1000;
const METHOD = 'OAUTH2-BEARER';

const clientId = example('oauth').replaceAll('/', '-');
const given = process.env['MQTT_BROKER'];
const broker = given === undefined ? await tokenBroker() : { url: given, close: () => Promise.resolve() };

let issued = 0;
let expiresAt = 0;
/** A token is its own expiry here. A real one comes from its authorization server. */
async function freshToken(): Promise<string> {
  issued += 1;
  expiresAt = Date.now() + LIFETIME_MS;
  return String(expiresAt);
}

console.log('--- as the password: a token for each CONNECT');
const relay = await relayTo(broker.url); // a connection that can be cut
const prepareConnect = async () => ({ username: 'meter-7', password: await freshToken() });
const client = await connect(relay.url, { clientId, prepareConnect, reconnect: () => 50 });
console.log(`connected with token ${issued}`);
const back = new Promise((resolve) => {
  client.on('connect', resolve);
});
await relay.goAway();
await relay.comeBack();
await back;
console.log(`connected again, with token ${issued}`);
check(issued >= 2, 'a new CONNECT takes a new token');
await client.disconnect();
await relay.goAway();

console.log('--- by enhanced authentication: also before it expires');
const authenticator: Authenticator = {
  method: METHOD,
  begin: async () => new TextEncoder().encode(await freshToken()), // for each CONNECT and each re-authentication
  continue: () => undefined, // this method has no further rounds
};
try {
  await outliveTokens();
} catch (error) {
  const unknown = isMqttError(error) && error.code === 'CONNECT_REFUSED';
  if (given === undefined || !unknown || error.reasonCode !== ReasonCode.BadAuthenticationMethod) throw error;
  console.log(`NOT SHOWN: ${error.message}`);
  console.log(`The broker in MQTT_BROKER does not know ${METHOD}. Without MQTT_BROKER an embedded one does.`);
}
await broker.close();

async function outliveTokens(): Promise<void> {
  const authenticated = await connect(broker.url, { clientId, authenticator });
  let losses = 0;
  let renewed = 0;
  authenticated.on('disconnect', () => (losses += 1));
  authenticated.on('reauthenticated', () => {
    renewed += 1;
    console.log(`token ${issued} is in force, on the same connection`);
  });
  /** Two thirds of the way to the end of a token is a good time for the next one, which moves `expiresAt`. */
  const renewal = setInterval(() => {
    if (!authenticated.connected || Date.now() < expiresAt - LIFETIME_MS / 3) return;
    authenticated
      .reauthenticate({ signal: AbortSignal.timeout(5000) })
      .catch((error: unknown) => console.log(String(error)));
  }, 20);
  await new Promise((resolve) => {
    setTimeout(resolve, 2.2 * LIFETIME_MS);
  });
  clearInterval(renewal);
  check(losses === 0 && renewed >= 2, 'the connection outlived its tokens');
  await authenticated.disconnect();
}

/** The broker's side: takes a token either way, and ends the connection when the token ends. */
async function tokenBroker() {
  const expiries = new Map<string, NodeJS.Timeout>();
  const accepts = (id: string, token: Uint8Array | undefined): boolean => {
    const leftMs = Number(new TextDecoder().decode(token)) - Date.now();
    if (!(leftMs > 0)) return false;
    clearTimeout(expiries.get(id));
    const expire = (): void => embedded.disconnect(id, ReasonCode.NotAuthorized);
    expiries.set(id, setTimeout(expire, leftMs));
    return true;
  };
  const embedded = await startBroker({
    authenticate: ({ clientId: id, password }) => accepts(id, password) || ReasonCode.NotAuthorized,
    enhancedAuth: {
      [METHOD]: {
        begin: ({ clientId: id }: { clientId: string }, token: Uint8Array | undefined) =>
          accepts(id, token)
            ? ({ type: 'success' } as const)
            : ({ type: 'refuse', reasonCode: ReasonCode.NotAuthorized, reasonString: 'token expired' } as const),
        continue: () => ({ type: 'refuse' }) as const,
      },
    },
  });
  const close = (): Promise<void> => {
    for (const timer of expiries.values()) clearTimeout(timer);
    return embedded.close();
  };
  return { url: embedded.url, close };
}
