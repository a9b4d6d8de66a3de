// SPDX-License-Identifier: Apache-2.0

export type ParameterNames<P extends string> = P extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParameterNames<Rest>
  : never;

export type TopicParameters<P extends string> = string extends P
  ? Record<string, string>
  : { readonly [K in ParameterNames<P>]: string };

export interface TopicTemplate<P extends string = string> {
  readonly pattern: P;
  readonly filter: string;
  format(parameters: { readonly [K in keyof TopicParameters<P>]: string | number }): string;
  match(topic: string): TopicParameters<P> | undefined;
}
