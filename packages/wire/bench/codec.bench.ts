// SPDX-License-Identifier: Apache-2.0

// Nanoseconds per packet, encoding and decoding, beside mqtt-packet where that can be imported.
//
//   node packages/wire/bench/codec.bench.ts
//
// Each case runs in rounds of about 50 ms; the cases take turns round by round, so that a slow moment of the machine
// hits all of them, and the median round counts. Only ratios within one run mean something.

import {
  type Decoder,
  Decoder as WireDecoder,
  encode,
  encodeInto,
  type Packet,
  type PublishPacket,
  tryEncodeInto,
} from '../src/index.ts';

const ROUNDS = 15;
const ROUND_MS = 50;
const BATCH = 200;

interface Case {
  readonly group: string;
  readonly name: string;
  /** Handles `BATCH` packets, and returns how many it saw. */
  readonly run: () => number;
}

const PAYLOAD = new Uint8Array(256).fill(0x78);
const USER_PROPERTIES = Array.from({ length: 5 }, (_, i) => [`key-${i}`, `value-${i}`] as const);

const WITHOUT: PublishPacket = {
  type: 'publish',
  topicName: 'sensors/kitchen/temperature',
  payload: PAYLOAD,
  qos: 0,
  retain: false,
  dup: false,
  packetIdentifier: 0,
};
const WITH: Packet = { ...WITHOUT, properties: { userProperties: USER_PROPERTIES } };
const PUBACK: Packet = { type: 'puback', packetIdentifier: 7, reasonCode: 0 };

const cases: Case[] = [];
for (const [group, packet] of [
  ['PUBLISH 256 B, no properties', WITHOUT],
  ['PUBLISH 256 B, 5 user properties', WITH],
  ['PUBACK', PUBACK],
] as const) {
  cases.push(
    { group, name: 'decode', run: decoding(packet, (decoder) => decoder.next() !== undefined) },
    { group, name: 'decode, nextView', run: decoding(packet, (decoder) => decoder.nextView() !== undefined) },
    { group, name: 'encode', run: () => repeat(() => encode(packet).length) },
    { group, name: 'encode, tryEncodeInto', run: intoPool(packet) },
  );
}
cases.push({
  group: 'PUBLISH 256 B, 5 user properties',
  name: 'decode, properties read',
  run: decoding(WITH, (decoder) => {
    const next = decoder.next();
    return next?.type === 'publish' && next.properties?.userProperties?.length === 5;
  }),
});
cases.push({ group: 'PUBLISH 256 B, no properties', name: 'decode, 10,000 topics in turn', run: manyTopics() });
const peer = await mqttPacket();
cases.push(...peer);

print(cases, measure(cases));

function decoding(packet: Packet, take: (decoder: Decoder) => boolean): () => number {
  const one = encode(packet);
  const chunk = new Uint8Array(one.length * BATCH);
  for (let i = 0; i < BATCH; i++) chunk.set(one, i * one.length);
  const decoder = new WireDecoder({ from: 'server' });
  return () => {
    decoder.push(chunk);
    let count = 0;
    while (take(decoder)) count++;
    return count;
  };
}

function manyTopics(): () => number {
  const chunks = Array.from({ length: 50 }, (_, c) => {
    const packets = Array.from({ length: BATCH }, (__, i) =>
      encode({ ...WITHOUT, topicName: `sensors/${c * BATCH + i}/temperature` }),
    );
    const chunk = new Uint8Array(packets.reduce((sum, bytes) => sum + bytes.length, 0));
    let offset = 0;
    for (const bytes of packets) {
      chunk.set(bytes, offset);
      offset += bytes.length;
    }
    return chunk;
  });
  const decoder = new WireDecoder({ from: 'server' });
  let turn = 0;
  return () => {
    decoder.push(chunks[turn++ % chunks.length] as Uint8Array); // in range
    let count = 0;
    while (decoder.next() !== undefined) count++;
    return count;
  };
}

function intoPool(packet: Packet): () => number {
  const pool = new Uint8Array(65_536);
  let offset = 0;
  return () =>
    repeat(() => {
      const end = tryEncodeInto(packet, pool, offset);
      if (end >= 0) {
        offset = end;
        return 1;
      }
      offset = encodeInto(packet, pool, 0);
      return 1;
    });
}

function repeat(work: () => number): number {
  let sum = 0;
  for (let i = 0; i < BATCH; i++) sum += work();
  return sum > 0 ? BATCH : 0;
}

/** The same work done by mqtt-packet, when it is installed beside this repository or named by `MQTT_PACKET`. */
async function mqttPacket(): Promise<Case[]> {
  const specifier = process.env['MQTT_PACKET'] ?? 'mqtt-packet';
  interface Peer {
    generate(packet: object, options: object): Uint8Array;
    parser(options: object): { on(event: 'packet', listener: () => void): void; parse(chunk: Uint8Array): number };
  }
  let library: Peer;
  try {
    library = ((await import(specifier)) as { default: Peer }).default;
  } catch {
    say('mqtt-packet cannot be imported: own numbers only');
    return [];
  }
  const options = { protocolVersion: 5 };
  const base = {
    cmd: 'publish',
    topic: WITHOUT.topicName,
    payload: Buffer.from(PAYLOAD),
    qos: 0,
    retain: false,
    dup: false,
  };
  const properties = { userProperties: Object.fromEntries(USER_PROPERTIES) };
  const packets = [
    ['PUBLISH 256 B, no properties', base],
    ['PUBLISH 256 B, 5 user properties', { ...base, properties }],
    ['PUBACK', { cmd: 'puback', messageId: 7, reasonCode: 0 }],
  ] as const;
  return packets.flatMap(([group, packet]) => {
    const chunk = Buffer.concat(Array.from({ length: BATCH }, () => library.generate(packet, options)));
    const parser = library.parser(options);
    let count = 0;
    parser.on('packet', () => count++);
    const decode = (): number => {
      count = 0;
      parser.parse(chunk);
      return count;
    };
    return [
      { group, name: 'decode, mqtt-packet', run: decode },
      { group, name: 'encode, mqtt-packet', run: () => repeat(() => library.generate(packet, options).length) },
    ];
  });
}

function measure(all: readonly Case[]): number[] {
  const rounds = all.map((): number[] => []);
  for (let round = -2; round < ROUNDS; round++) {
    all.forEach(({ name, run }, index) => {
      const start = performance.now();
      let packets = 0;
      while (performance.now() - start < ROUND_MS) {
        if (run() !== BATCH) throw new Error(`${name}: packets went missing`);
        packets += BATCH;
      }
      if (round >= 0) rounds[index]?.push(((performance.now() - start) * 1e6) / packets);
    });
  }
  return rounds.map((values) => values.sort((a, b) => a - b)[ROUNDS >> 1] as number); // ROUNDS values each
}

function print(all: readonly Case[], medians: readonly number[]): void {
  say(`${process.version} ${process.platform} ${process.arch}`);
  for (const group of new Set(all.map((entry) => entry.group))) {
    say(group);
    for (const [index, entry] of all.entries()) {
      if (entry.group !== group) continue;
      const nanoseconds = medians[index] as number; // one per case
      const other = all.findIndex(
        (o) => o.group === group && o.name === `${entry.name.split(/[, ]/u)[0]}, mqtt-packet`,
      );
      const ratio = other >= 0 && other !== index ? `  ${((medians[other] as number) / nanoseconds).toFixed(1)} ×` : '';
      say(`  ${entry.name.padEnd(32)}${nanoseconds.toFixed(0).padStart(7)} ns${ratio}`);
    }
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
