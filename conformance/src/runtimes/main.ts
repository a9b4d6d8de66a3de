// SPDX-License-Identifier: Apache-2.0
// The smoke suite as a program, on the built packages: runtime main.ts NAME=URL …. Prints "OK NAME" for each and ends by itself.
// SMOKE_CA is the PEM of whom to trust for mqtts.
import { webSocketDial } from '@mqttv5/transport-ws';
import { smoke } from './smoke.ts';

for (const argument of process.argv.slice(2)) {
  const at = argument.indexOf('=');
  const [name, url] = [argument.slice(0, at), argument.slice(at + 1)];
  const dial = url.startsWith('ws') ? webSocketDial() : undefined;
  const tls = url.startsWith('mqtts') ? { ca: process.env['SMOKE_CA'] } : undefined;
  await smoke({ name, url, dial, tls });
  console.log(`OK ${name}`);
}
