// SPDX-License-Identifier: Apache-2.0
//
// Topics with named levels: "sensors/{device}/{metric}" is the filter sensors/+/+, makes topics, and takes them apart.

import { isValidTopicFilter, isValidTopicName } from '@mqttv5/wire';

import type { TopicParameters, TopicTemplate } from './api/topics.ts';
import { mqttError } from './errors.ts';
import type { PlainMqttError } from './errors.ts';
import { invalidOption, shown } from './options/check.ts';

/** One level of a pattern: a name to fill in, or text that stands for itself. */
type Level = { readonly parameter: string } | { readonly text: string };

/**
 * Makes a template of a pattern in which `{name}` stands for one whole level.
 *
 * The result is usable wherever a filter is, also with options of its own: `{ ...template, qos: 1 }`. A pattern that begins with
 * `$share/name/` makes a shared subscription; its topics are those without that prefix (§4.8.2).
 *
 * `format` refuses values that would change the shape of the topic (`/`, `+`, `#`, U+0000) or leave a level empty. `match` gives
 * undefined for other topics, and an empty string for a level that is empty, since the filter matches such topics too.
 *
 * @example
 * ```ts
 * const reading = topicTemplate('sensors/{device}/{metric}');
 * reading.filter; // 'sensors/+/+'
 * reading.format({ device: 7, metric: 'temperature' }); // 'sensors/7/temperature'
 * reading.match('sensors/7/temperature'); // { device: '7', metric: 'temperature' }
 * ```
 * @throws MqttError `INVALID_TOPIC` for a pattern with wildcards, a `{name}` that is not a whole level, is empty or stands there
 * twice, and for whatever else is not a filter; from `format`, `INVALID_TOPIC` for a value that does not fit and
 * `INVALID_OPTION` for one that is missing or neither string nor number
 * @see MQTT v5.0 §4.7
 */
export function topicTemplate<const P extends string>(
  pattern: P extends `${string}${'+' | '#' | '{}'}${string}` ? never : P,
): TopicTemplate<P> {
  const given: unknown = pattern;
  if (typeof given !== 'string')
    throw mqttError('INVALID_TOPIC', `A topic pattern must be a string, not ${shown(given)}`);
  const levels = parsePattern(given);
  const filter = given.replaceAll(/\{[^{}]*\}/g, '+');
  if (!isValidTopicFilter(filter)) throw invalidPattern(given, 'it is not a Topic Filter');
  // A publish goes to the topic itself; only the subscription is shared.
  const topicLevels = given.startsWith('$share/') ? levels.slice(2) : levels;

  const template: TopicTemplate<P> = {
    pattern,
    filter,
    format: (parameters) => formatTopic(given, topicLevels, parameters),
    // The names are those of P, which the compiler read from the same text.
    match: (topic) => matchTopic(topicLevels, topic) as TopicParameters<P> | undefined,
  };
  return Object.freeze(template);
}

function parsePattern(pattern: string): readonly Level[] {
  if (/[+#]/.test(pattern)) throw invalidPattern(pattern, 'wildcards have no name; write {name} for a level');
  const names = new Set<string>();
  return pattern.split('/').map((text): Level => {
    if (!/[{}]/.test(text)) return { text };
    const name = /^\{([^{}]*)\}$/.exec(text)?.[1];
    if (name === undefined) throw invalidPattern(pattern, `{name} stands for a whole level, and "${text}" is more`);
    if (name === '') throw invalidPattern(pattern, '{} has no name');
    if (names.has(name)) throw invalidPattern(pattern, `{${name}} stands there twice`);
    names.add(name);
    return { parameter: name };
  });
}

function formatTopic(pattern: string, levels: readonly Level[], parameters: Readonly<Record<string, unknown>>): string {
  const given: unknown = parameters;
  if (typeof given !== 'object' || given === null)
    throw invalidOption(`format needs the values of ${pattern}, not ${shown(given)}`);
  const topic = levels
    .map((level) => ('text' in level ? level.text : formatValue(pattern, level.parameter, parameters[level.parameter])))
    .join('/');
  const [first] = levels;
  if (first !== undefined && 'parameter' in first && topic.startsWith('$')) {
    // [MQTT-4.7.2-1]: the template's own filter would not receive it.
    throw mqttError('INVALID_TOPIC', `{${first.parameter}} of "${pattern}" begins the topic and must not begin with $`);
  }
  if (!isValidTopicName(topic))
    throw mqttError('INVALID_TOPIC', `"${pattern}" with these values is not a Topic Name: ${shown(topic)}`);
  return topic;
}

function formatValue(pattern: string, name: string, value: unknown): string {
  const isNumber = typeof value === 'number' && Number.isFinite(value);
  if (typeof value !== 'string' && !isNumber) {
    throw invalidOption(`{${name}} of "${pattern}" must be a string or a finite number, not ${shown(value)}`);
  }
  const text = String(value);
  if (text === '') throw mqttError('INVALID_TOPIC', `{${name}} of "${pattern}" is empty`);
  // oxlint-disable-next-line no-control-regex -- U+0000 is what is looked for.
  if (/[/+#\u0000]/.test(text)) {
    throw mqttError('INVALID_TOPIC', `{${name}} of "${pattern}" is ${shown(text)}: a level holds none of / + # U+0000`);
  }
  return text;
}

function matchTopic(levels: readonly Level[], topic: string): Record<string, string> | undefined {
  const values = topic.split('/');
  const [first] = levels;
  if (values.length !== levels.length || first === undefined) return undefined;
  // [MQTT-4.7.2-1]: a wildcard in the first level does not match a topic that begins with $.
  if ('parameter' in first && topic.startsWith('$')) return undefined;
  if (!isValidTopicName(topic)) return undefined;

  const entries: [name: string, value: string][] = [];
  for (const [index, level] of levels.entries()) {
    const value = values[index] ?? '';
    if ('parameter' in level) entries.push([level.parameter, value]);
    else if (level.text !== value) return undefined;
  }
  // Not by assignment: a parameter may be called __proto__.
  return Object.fromEntries(entries);
}

function invalidPattern(pattern: string, why: string): PlainMqttError {
  return mqttError('INVALID_TOPIC', `Topic pattern ${shown(pattern)}: ${why}`);
}
