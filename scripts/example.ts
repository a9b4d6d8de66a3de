// SPDX-License-Identifier: Apache-2.0
// `pnpm example <name>`: builds what the example imports and runs it on the built packages, as an installed program would.
// MQTT_BROKER reaches it through the environment; its exit code is ours.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './lib/run.ts';

const examples = join(root, 'examples');
const names = readdirSync(examples).filter((name) => existsSync(join(examples, name, 'src', 'main.ts')));
const [name = '', ...rest] = process.argv.slice(2);

if (names.includes(name)) process.exitCode = await buildAndRun(name, rest);
else {
  console.error(`usage: pnpm example <name>, one of\n  ${names.sort().join('\n  ')}`);
  process.exitCode = 2;
}

async function buildAndRun(example: string, args: readonly string[]): Promise<number> {
  const filter = `--filter=@mqttv5/example-${example}^...`;
  const built = await run('turbo', ['run', 'build', filter, '--output-logs=errors-only']);
  if (built.code !== 0) return built.code;
  // The dashboard runs until it is stopped.
  return (await run('node', [join('examples', example, 'src', 'main.ts'), ...args], { timeoutMs: 2 ** 31 - 1 })).code;
}
