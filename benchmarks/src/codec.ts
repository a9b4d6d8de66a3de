// SPDX-License-Identifier: Apache-2.0
//
// What does it cost to decode and to encode a PUBLISH, beside mqtt-packet, without properties and with five user properties?
//
//   pnpm bench codec            5 interleaved rounds of each
//   pnpm bench codec 9

import process from 'node:process';
import { Decoder, encode, encodeInto, type PublishPacket, type UserProperties } from '@mqttv5/wire';
import mqttPacket from 'mqtt-packet';
import { median, report } from './report.ts';

const PACKETS = 200_000;
const CHUNK_BYTES = 65_536;
const PAYLOAD = Buffer.alloc(256, 0x61);
const TOPIC = 'gateway/7/meter/42';
const PAIRS: UserProperties = [1, 2, 3, 4, 5].map((i) => [`name-${i}`, `the value of property ${i}`] as const);

const rounds = Number(process.argv[2] ?? 5);
/** So that nothing is optimized away. */
let seen = 0;

interface Contender {
  readonly name: string;
  /** Does the work for `PACKETS` packets. */
  run(): void;
}

interface Question {
  readonly name: string;
  /** The last one is the rival. */
  readonly contenders: readonly Contender[];
}

const rows: string[] = [];
for (const question of [decoding(undefined), decoding(PAIRS), encoding(undefined), encoding(PAIRS)]) ask(question);
if (seen === 0) throw new Error('nothing was done');
report(
  'codec',
  'Codec: PUBLISH of 256 B',
  [`${PACKETS} packets a round, one topic; median of ${rounds} interleaved rounds. CPU of the process.`],
  ['| work | codec | ns a packet | beside mqtt-packet |', '| --- | --- | ---: | ---: |', ...rows],
);

function ask({ name, contenders }: Question): void {
  const times = new Map<Contender, number[]>(contenders.map((contender) => [contender, []]));
  for (const contender of contenders) contender.run();
  for (let round = 0; round < rounds; round += 1) {
    for (const [contender, list] of times) {
      const before = process.cpuUsage();
      contender.run();
      const { user, system } = process.cpuUsage(before);
      list.push(((user + system) * 1000) / PACKETS);
    }
  }
  const rival = median(times.get(contenders.at(-1) ?? { name: '', run: () => undefined }) ?? []);
  for (const [contender, list] of times) {
    const cost = median(list);
    rows.push(`| ${name} | ${contender.name} | ${cost.toFixed(0)} | ${(rival / cost).toFixed(1)} × |`);
  }
}

function decoding(userProperties: UserProperties | undefined): Question {
  const chunk = chunkOf(userProperties);
  const chunks = Math.ceil(PACKETS / chunk.packets);
  const ours = (readProperties: boolean): void => {
    const decoder = new Decoder({ from: 'server' });
    for (let i = 0; i < chunks; i += 1) {
      decoder.push(chunk.bytes);
      for (let packet = decoder.nextView(); packet !== undefined; packet = decoder.nextView()) {
        if (packet.type !== 'publish') continue;
        seen += packet.topicName.length + packet.payload.length;
        if (readProperties) seen += packet.properties?.userProperties?.length ?? 0;
      }
    }
  };
  const theirs = (): void => {
    const parser = mqttPacket.parser({ protocolVersion: 5 });
    parser.on('packet', (packet) => {
      if (packet.cmd === 'publish') seen += packet.topic.length + packet.payload.length;
    });
    for (let i = 0; i < chunks; i += 1) parser.parse(chunk.bytes);
  };
  const rival = { name: 'mqtt-packet', run: theirs };
  if (userProperties === undefined) {
    return { name: 'decode, no properties', contenders: [{ name: 'mqttv5', run: () => ours(false) }, rival] };
  }
  return {
    name: 'decode, 5 user properties',
    contenders: [
      { name: 'mqttv5', run: () => ours(false) },
      { name: 'mqttv5, properties read', run: () => ours(true) },
      rival,
    ],
  };
}

function encoding(userProperties: UserProperties | undefined): Question {
  const packet = publish(userProperties);
  const buffer = new Uint8Array(CHUNK_BYTES);
  const into = (): void => {
    let end = 0;
    for (let i = 0; i < PACKETS; i += 1) {
      if (end + 1024 > buffer.length) end = 0;
      end = encodeInto(packet, buffer, end);
    }
    seen += end;
  };
  const owned = (): void => {
    for (let i = 0; i < PACKETS; i += 1) seen += encode(packet).length;
  };
  const theirs = (): void => {
    const properties = { userProperties: Object.fromEntries(userProperties ?? []) };
    for (let i = 0; i < PACKETS; i += 1) {
      seen += mqttPacket.generate(
        {
          cmd: 'publish',
          topic: TOPIC,
          payload: PAYLOAD,
          qos: 0,
          retain: false,
          dup: false,
          ...(userProperties && { properties }),
        },
        { protocolVersion: 5 },
      ).length;
    }
  };
  return {
    name: userProperties === undefined ? 'encode, no properties' : 'encode, 5 user properties',
    contenders: [
      { name: 'mqttv5, into a buffer', run: into },
      { name: 'mqttv5, bytes of its own', run: owned },
      { name: 'mqtt-packet', run: theirs },
    ],
  };
}

function chunkOf(userProperties: UserProperties | undefined): { readonly bytes: Buffer; readonly packets: number } {
  const one = encode(publish(userProperties));
  const packets = Math.floor(CHUNK_BYTES / one.length);
  return { bytes: Buffer.concat(Array.from({ length: packets }, () => one)), packets };
}

function publish(userProperties: UserProperties | undefined): PublishPacket {
  return {
    type: 'publish',
    topicName: TOPIC,
    payload: PAYLOAD,
    qos: 0,
    retain: false,
    dup: false,
    packetIdentifier: 0,
    ...(userProperties && { properties: { userProperties } }),
  };
}
