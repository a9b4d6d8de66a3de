// SPDX-License-Identifier: Apache-2.0
//
// "Did you mean": what somebody who typed an unknown option probably wanted.

/** Our names, each with those that other MQTT clients have for it, above all MQTT.js. Looked up before the spelling is compared. */
const FOREIGN_NAMES: Readonly<Record<string, string>> = {
  cleanStart: 'clean',
  keepAlive: 'keepalive',
  brokers: 'servers broker url uri host hostname port protocol path',
  username: 'user',
  password: 'pass',
  reconnect: 'reconnectPeriod reconnectDelay backoff',
  shouldReconnect: 'reconnectOnConnackError',
  offlinePublish: 'queueQoSZero',
  store: 'incomingStore outgoingStore',
  logger: 'log',
  outboundTopicAliases: 'autoUseTopicAlias autoAssignTopicAlias',
  dial: 'transport createConnection',
  tls: 'ssl ca cert key rejectUnauthorized',
  sessionExpiryInterval: 'sessionExpiry',
  will: 'lastWill',
  noLocal: 'nl',
  retainAsPublished: 'rap',
  retainHandling: 'rh',
  retain: 'retained',
  messageExpiryInterval: 'messageExpiry expiry',
  willDelayInterval: 'delay delayInterval',
  payload: 'message',
  filter: 'topicFilter',
  topic: 'topicName',
  bufferSize: 'highWaterMark',
  ack: 'autoAck',
  signal: 'abortSignal',
  timeoutMs: 'timeout',
  alpnProtocols: 'ALPNProtocols',
  servername: 'serverName',
};

/** The known name that was probably meant, or undefined when nothing is near. */
export function suggestName(unknown: string, known: readonly string[]): string | undefined {
  const names = [...known];
  const foreign = names.find((name) => FOREIGN_NAMES[name]?.split(' ').includes(unknown));
  if (foreign !== undefined) return foreign;

  const wanted = fold(unknown);
  let best: string | undefined;
  // A third of the letters may be wrong, and never so many that two short names look alike.
  let bestDistance = Math.min(3, Math.floor(wanted.length / 3)) + 1;
  for (const name of names) {
    const folded = fold(name);
    const distance = folded === wanted ? 0 : editDistance(wanted, folded);
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

/** Case, separators and the unit are what people get wrong first: `connect_timeout` means `connectTimeoutMs`. */
function fold(name: string): string {
  return name.replace(/Ms$/, '').replace(/[-_]/g, '').toLowerCase();
}

/** Letters to insert, delete, replace or swap with their neighbour (optimal string alignment). */
function editDistance(a: string, b: string): number {
  // Option names are short, yet an unknown key may be anything: no table for what cannot be near.
  if (Math.abs(a.length - b.length) > 3) return Number.POSITIVE_INFINITY;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((row[j - 1] ?? 0) + 1, (last[j] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
