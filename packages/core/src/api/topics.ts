// SPDX-License-Identifier: Apache-2.0

/** The names between braces in a pattern. */
export type ParameterNames<P extends string> = P extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParameterNames<Rest>
  : never;

/** The parameters of a pattern: from a literal its very names, from any other string whatever it turns out to have. */
export type TopicParameters<P extends string> = string extends P
  ? Record<string, string>
  : { readonly [K in ParameterNames<P>]: string };

/** What `topicTemplate` makes. It is a `TopicFilter`, so it stands wherever a filter does. */
export interface TopicTemplate<P extends string = string> {
  readonly pattern: P;
  /** The pattern with `+` for each parameter. */
  readonly filter: string;
  /** @throws MqttError `INVALID_TOPIC` for a value that does not fit one level, `INVALID_OPTION` for one that is missing */
  format(parameters: { readonly [K in keyof TopicParameters<P>]: string | number }): string;
  /** The parameters of a topic; undefined when it is none of this template. */
  match(topic: string): TopicParameters<P> | undefined;
}
