// SPDX-License-Identifier: Apache-2.0
//
// SASLprep (RFC 4013): the form in which user names and passwords are compared.

import { invalidOption } from './options/check.ts';

/** RFC 3454 table C.1.2: spaces that become U+0020. */
const OTHER_SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu;

/** RFC 3454 table B.1: characters nobody sees, which become nothing. */
// oxlint-disable-next-line no-misleading-character-class -- single code points, joiners among them, not a sequence.
const MAPPED_TO_NOTHING = /[\u00ad\u034f\u1806\u180b-\u180d\u200c\u200d\u2060\ufe00-\ufe0f\ufeff]/gu;

/**
 * RFC 3454 tables C.1.2, C.2.1, C.2.2, C.3 to C.9: controls, private use, non-characters, surrogates, what is not plain text,
 * what changes how text is displayed, and tags.
 */
const PROHIBITED =
  // oxlint-disable-next-line no-control-regex, no-misleading-character-class -- a table of what must not occur.
  /[\u0000-\u001f\u007f-\u00a0\u0340\u0341\u06dd\u070f\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u2063\u206a-\u206f\u2ff0-\u2ffb\u3000\ud800-\uf8ff\ufdd0-\ufdef\ufeff\ufff9-\uffff\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}\u{f0000}-\u{10ffff}]|[\u{1fffe}\u{1ffff}\u{2fffe}\u{2ffff}\u{3fffe}\u{3ffff}\u{4fffe}\u{4ffff}\u{5fffe}\u{5ffff}\u{6fffe}\u{6ffff}\u{7fffe}\u{7ffff}\u{8fffe}\u{8ffff}\u{9fffe}\u{9ffff}\u{afffe}\u{affff}\u{bfffe}\u{bffff}\u{cfffe}\u{cffff}\u{dfffe}\u{dffff}\u{efffe}\u{effff}]/u;

// JavaScript knows scripts, not bidirectional classes. The letters of these scripts are the "RandALCat" of RFC 3454 table D.1.
const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}]/u;
const STARTS_AND_ENDS_RIGHT_TO_LEFT =
  /^[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}](?:.*[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}])?$/su;
const LEFT_TO_RIGHT =
  /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;

/**
 * The prepared form of `text`.
 *
 * Not handled: code points that Unicode 3.2 had not assigned, which RFC 4013 refuses in stored strings and lets pass in queries;
 * a client makes queries.
 *
 * @throws MqttError `INVALID_OPTION`, which names the field and never shows its value
 */
export function saslprep(text: string, name: string): string {
  const mapped = text.replace(OTHER_SPACES, ' ').replace(MAPPED_TO_NOTHING, '');
  const prepared = mapped.normalize('NFKC');
  if (PROHIBITED.test(prepared)) throw invalidOption(`${name} has a character that SASLprep (RFC 4013) prohibits`);
  // RFC 3454 §6: text of both directions cannot be told apart by how it looks.
  if (RIGHT_TO_LEFT.test(prepared) && (LEFT_TO_RIGHT.test(prepared) || !STARTS_AND_ENDS_RIGHT_TO_LEFT.test(prepared))) {
    throw invalidOption(`${name} mixes writing directions in a way that SASLprep (RFC 4013) prohibits`);
  }
  if (prepared === '') throw invalidOption(`${name} is empty`);
  return prepared;
}
