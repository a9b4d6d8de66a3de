// SPDX-License-Identifier: Apache-2.0

// Topic Names as they are sent. Publishers use few names many times: the checked bytes of the last name, and of the last
// thousands, are kept. (codec.bench.ts: encode PUBLISH)

import { checkTopicName } from './topics.ts';
import { decodeUtf8, measureString, scanUtf8, writeString } from './utf8.ts';

/** Longest name that is kept, in UTF-16 units. */
const LONGEST = 128;
/** Names kept, below 6 MiB. When they are that many all are let go: cheaper than choosing, and as bounded. */
const LIMIT = 16_384;

const known = new Map<string, Uint8Array>();
let lastName = '';
let lastBytes: Uint8Array = new Uint8Array(0);

/**
 * A Topic Name with its length prefix, as it stands in PUBLISH. Not to be changed by the caller.
 * @throws WireError 0x81 for what is no legal string, 0x82 for a wildcard or an empty name [MQTT-3.3.2-2] [MQTT-4.7.3-1]
 */
export function encodedTopicName(topicName: string): Uint8Array {
  if (topicName === lastName && topicName !== '') return lastBytes;
  let bytes = known.get(topicName);
  if (bytes === undefined) {
    bytes = new Uint8Array(2 + measureString(topicName, 'Topic Name'));
    checkTopicName(topicName, 'Topic Name');
    writeString(topicName, bytes, 0);
    if (topicName.length <= LONGEST) {
      if (known.size >= LIMIT) known.clear();
      known.set(ownText(bytes), bytes);
    }
  }
  lastName = topicName;
  lastBytes = bytes;
  return bytes;
}

/** The name in a string of its own: the caller's may be a slice of a large one, and keep all of it alive. */
function ownText(bytes: Uint8Array): string {
  return decodeUtf8(bytes, 2, bytes.length, scanUtf8(bytes, 2, bytes.length));
}
