// SPDX-License-Identifier: Apache-2.0

export type { WebSocketDialOptions } from './options.ts';
export { webSocketDial } from './ws-dial.ts';
