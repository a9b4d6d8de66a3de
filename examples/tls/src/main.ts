// SPDX-License-Identifier: Apache-2.0
//
// Mutual TLS: the broker shows a certificate and so does the client. With an embedded broker, since certificates have to fit.

import { connect, isMqttError, type TlsOptions } from '@mqttv5/core';
import { check, createAuthority, example } from '@mqttv5/example-shared';
import { startBroker } from '@mqttv5/testing';

example('tls');
const authority = createAuthority('example authority');
const stranger = createAuthority('somebody else');
const server = authority.issue('broker', ['localhost']);

const broker = await startBroker({ tls: { ...server, ca: authority.ca, rejectUnauthorized: true } });
const url = broker.url.replace('127.0.0.1', 'localhost'); // the name in the certificate

// `ca`, `cert` and `key` are contents, not paths. Without `ca` the system's authorities are trusted.
const trusted = { ca: authority.ca, ...authority.issue('meter-7') };
const client = await connect(url, { tls: trusted });
const { reasonCode } = await client.publish('over/tls', 'sealed', { qos: 1 });
console.log(`connected to ${url}, published with 0x${reasonCode.toString(16)}`);
await client.disconnect();

await refused('no client certificate', url, { ca: authority.ca });
await refused('a client certificate of another authority', url, { ...trusted, ...stranger.issue('meter-7') });
await refused('a broker signed by an authority we do not trust', url, { ...trusted, ca: stranger.ca });
await refused('a broker with another name', broker.url, trusted); // dialled as 127.0.0.1
await refused('plain text on a TLS port', url.replace('mqtts:', 'mqtt:'), undefined);

await broker.close();

async function refused(what: string, to: string, tls: TlsOptions | undefined): Promise<void> {
  try {
    const uninvited = await connect(to, { tls, connectTimeoutMs: 2000 });
    await uninvited.disconnect();
  } catch (error) {
    check(isMqttError(error), 'every refusal is an MqttError');
    console.log(`refused: ${what}\n         ${error.code}: ${error.message}`);
    return;
  }
  check(false, `refused: ${what}`);
}
