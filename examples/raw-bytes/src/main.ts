// SPDX-License-Identifier: Apache-2.0
//
// MQTT by hand: @mqttv5/wire turns packets into bytes and back, and a TCP socket carries them. For brokers, proxies, packet
// inspectors and tests; a program that wants messages takes @mqttv5/core.

import { once } from 'node:events';
import { connect } from 'node:net';
import { check, example, exampleBroker } from '@mqttv5/example-shared';
import { decode, Decoder, encode, type Packet, reasonCodeName, WireError } from '@mqttv5/wire';

const prefix = example('raw-bytes');
const broker = await exampleBroker();

const { hostname, port } = new URL(broker.url);
const socket = connect(Number(port || 1883), hostname);
const decoder = new Decoder({ from: 'server' });
const arrived: Packet[] = [];
socket.on('data', (chunk) => {
  decoder.push(chunk); // any split will do
  for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) arrived.push(packet);
});

send({ type: 'connect', clientId: prefix.replaceAll('/', '-'), cleanStart: true, keepAlive: 30 });
const connack = await receive('connack');
console.log(`  session present ${connack.sessionPresent}, ${reasonCodeName(connack.reasonCode, 'connack')}`);

const filter = {
  topicFilter: `${prefix}/#`,
  qos: 1,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
} as const;
send({ type: 'subscribe', packetIdentifier: 1, filters: [filter] });
const suback = await receive('suback');
console.log(`  ${suback.reasonCodes.map((code) => reasonCodeName(code, 'suback')).join()}`);

send({
  type: 'publish',
  topicName: `${prefix}/a`,
  payload: new TextEncoder().encode('by hand'),
  qos: 1,
  retain: false,
  dup: false,
  packetIdentifier: 2,
  properties: { contentType: 'text/plain', userProperties: [['made', 'by hand']] },
});
await receive('puback');
const publish = await receive('publish');
console.log(`  ${publish.topicName}: ${new TextDecoder().decode(publish.payload)}`, publish.properties?.userProperties);
check(new TextDecoder().decode(publish.payload) === 'by hand', 'the message came back');
send({ type: 'puback', packetIdentifier: publish.packetIdentifier, reasonCode: 0 });
send({ type: 'disconnect', reasonCode: 0 });
socket.end();
await once(socket, 'close');

// What is not MQTT is refused with the Reason Code that belongs into the DISCONNECT.
try {
  decode(Uint8Array.of(0x30, 0x04, 0x00, 0x01, 0x2b, 0x00)); // PUBLISH to "+"
  check(false, 'a wildcard is no topic name');
} catch (error) {
  check(error instanceof WireError && error.reasonCode === 0x82, 'a wildcard in a topic name is 0x82');
  console.log(`0x${error.reasonCode.toString(16)} ${reasonCodeName(error.reasonCode)}: ${error.message}`);
}
await broker.close();

function send(packet: Packet): void {
  const bytes = encode(packet);
  console.log(`> ${packet.type.padEnd(10)} ${Buffer.from(bytes).toString('hex')}`);
  socket.write(bytes);
}

/** The next packet of this type. */
async function receive<T extends Packet['type']>(type: T): Promise<Extract<Packet, { type: T }>> {
  for (;;) {
    const index = arrived.findIndex((packet) => packet.type === type);
    const [packet] = index < 0 ? [] : arrived.splice(index, 1);
    if (packet !== undefined) {
      console.log(`< ${packet.type}`);
      return packet as Extract<Packet, { type: T }>; // that is how it was found
    }
    await once(socket, 'data');
  }
}
