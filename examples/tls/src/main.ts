// SPDX-License-Identifier: Apache-2.0
//
// Mutual TLS: the broker shows a certificate and so does the client. With an embedded broker and certificates made now; or with one
// of yours, which demands certificates of clients: its URL in MQTT_BROKER, and files in MQTT_CA, MQTT_CERT and MQTT_KEY.

import { readFileSync } from 'node:fs';
import { connect, isMqttError, type TlsOptions } from '@mqttv5/core';
import { check, createAuthority, example } from '@mqttv5/example-shared';
import { startBroker } from '@mqttv5/testing';

const prefix = example('tls');
const stranger = await createAuthority('somebody else');

// `ca`, `cert` and `key` are contents, not paths. Without `ca` the system's authorities are trusted.
const { url, trusted, close } = await (process.env['MQTT_BROKER'] === undefined ? embedded() : yours());
const client = await connect(url, { tls: trusted });
const { reasonCode } = await client.publish(`${prefix}/sealed`, 'over TLS', { qos: 1 });
console.log(`connected to ${url}, published with 0x${reasonCode.toString(16)}`);
await client.disconnect();

await refused('no client certificate', url, { ca: trusted.ca });
await refused('a client certificate of another authority', url, {
  ...trusted,
  ...(await stranger.issue({ commonName: 'meter-7' })),
});
await refused('a broker signed by an authority we do not trust', url, { ...trusted, ca: stranger.ca });
await refused('a broker with another name', url, { ...trusted, servername: 'elsewhere.example' });
await refused('plain text on a TLS port', url.replace('mqtts:', 'mqtt:'), undefined);

await close();

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

async function embedded() {
  const authority = await createAuthority('example authority');
  const server = await authority.issue({ commonName: 'broker', names: ['localhost'] });
  const broker = await startBroker({ tls: { ...server, ca: authority.ca, rejectUnauthorized: true } });
  return {
    url: broker.url.replace('127.0.0.1', 'localhost'), // the name in the certificate
    trusted: { ca: authority.ca, ...(await authority.issue({ commonName: 'meter-7' })) },
    close: () => broker.close(),
  };
}

function yours() {
  const file = (name: string): string => {
    const path = process.env[name];
    check(path !== undefined, `${name} names a file`);
    return readFileSync(path, 'utf8');
  };
  return {
    url: process.env['MQTT_BROKER'] ?? '',
    trusted: { ca: file('MQTT_CA'), cert: file('MQTT_CERT'), key: file('MQTT_KEY') },
    close: () => Promise.resolve(),
  };
}
