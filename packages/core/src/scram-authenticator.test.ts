// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';

import { createScramAuthenticator, scramAuthenticator } from './scram-authenticator.ts';

const signal = new AbortController().signal;
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array | undefined) => new TextDecoder().decode(data);

/** RFC 5802 §5, RFC 7677 §3. */
const EXAMPLES = [
  {
    hash: 'SHA-1',
    nonce: 'fyko+d2lbbFgONRv9qkxdawL',
    serverFirst: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
    clientFinal: 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    serverFinal: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  {
    hash: 'SHA-256',
    nonce: 'rOprNGfwEbeRWgbNEkqO',
    serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    clientFinal:
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
] as const;

function rfcExample(example: (typeof EXAMPLES)[number]) {
  return createScramAuthenticator({ username: 'user', password: 'pencil', hash: example.hash }, () => example.nonce);
}

describe('scramAuthenticator [MQTT-4.12.0-2]', () => {
  test.each(EXAMPLES)('says and accepts what the RFC shows for $hash (T-374)', async (example) => {
    const authenticator = rfcExample(example);
    expect(authenticator.method).toBe(`SCRAM-${example.hash}`);
    expect(text(await authenticator.begin({ signal }))).toBe(`n,,n=user,r=${example.nonce}`);
    expect(text(await authenticator.continue(bytes(example.serverFirst), { signal }))).toBe(example.clientFinal);
    expect(() => authenticator.verifyServerFinal?.(bytes(example.serverFinal))).not.toThrow();
  });

  test('SHA-512 completes with a server that computes the proofs by itself', async () => {
    const authenticator = scramAuthenticator({ username: 'a', password: 'b', hash: 'SHA-512' });
    const first = text(await authenticator.begin({ signal }));
    const server = await serverFirst('SHA-512', 'b', first);
    const final = text(await authenticator.continue(bytes(server.first), { signal }));
    const { valid, signature } = await server.finish(final);
    expect(valid).toBe(true);
    expect(() => authenticator.verifyServerFinal?.(bytes(`v=${signature}`))).not.toThrow();
  });

  test('a wrong, missing or failing proof of the broker is AUTH_FAILED (V-081)', async () => {
    const [example] = EXAMPLES;
    for (const final of ['v=AAAAAAAAAAAAAAAAAAAAAAAAAAA=', 'e=invalid-proof', 'nonsense', '', undefined]) {
      const authenticator = rfcExample(example);
      await authenticator.begin({ signal });
      await authenticator.continue(bytes(example.serverFirst), { signal });
      const data = final === undefined ? undefined : bytes(final);
      expect(() => authenticator.verifyServerFinal?.(data), final).toThrow(
        expect.objectContaining({ code: 'AUTH_FAILED' }),
      );
    }
  });

  test('the proof of one exchange is worth nothing in the next: begin starts afresh', async () => {
    const [example] = EXAMPLES;
    const authenticator = rfcExample(example);
    for (let round = 0; round < 2; round++) {
      await authenticator.begin({ signal });
      // Before the client has said what it has to be answered with, no signature counts.
      expect(() => authenticator.verifyServerFinal?.(bytes(example.serverFinal))).toThrow(/signature is wrong/);
      await authenticator.continue(bytes(example.serverFirst), { signal });
      await authenticator.verifyServerFinal?.(bytes(example.serverFinal));
    }
  });

  test('two connections that authenticate at once do not mix', async () => {
    const nonces = ['one', 'two'];
    const authenticator = createScramAuthenticator(
      { username: 'u', password: 'p', hash: 'SHA-256' },
      () => nonces.shift() ?? '',
    );
    const first = text(await authenticator.begin({ signal }));
    const second = text(await authenticator.begin({ signal }));
    const serverOne = await serverFirst('SHA-256', 'p', first);
    const serverTwo = await serverFirst('SHA-256', 'p', second);
    const [finalTwo, finalOne] = await Promise.all([
      authenticator.continue(bytes(serverTwo.first), { signal }),
      authenticator.continue(bytes(serverOne.first), { signal }),
    ]);
    const one = await serverOne.finish(text(finalOne));
    const two = await serverTwo.finish(text(finalTwo));
    expect([one.valid, two.valid]).toEqual([true, true]);
    await authenticator.verifyServerFinal?.(bytes(`v=${one.signature}`));
    await authenticator.verifyServerFinal?.(bytes(`v=${two.signature}`));
    // Each signature counts once.
    expect(() => authenticator.verifyServerFinal?.(bytes(`v=${two.signature}`))).toThrow(/signature is wrong/);
  });

  test.each([
    ['a nonce that is not ours', 'r=other,s=QSXCR+Q6sek8bf92,i=4096'],
    ['our nonce with nothing added', 'r=nonce,s=QSXCR+Q6sek8bf92,i=4096'],
    ['too few iterations', 'r=nonceX,s=QSXCR+Q6sek8bf92,i=4095'],
    ['iterations beyond the bound', 'r=nonceX,s=QSXCR+Q6sek8bf92,i=10000001'],
    ['iterations that are no number', 'r=nonceX,s=QSXCR+Q6sek8bf92,i=1e4'],
    ['no salt', 'r=nonceX,s=,i=4096'],
    ['a salt that is not base64', 'r=nonceX,s=QSX,i=4096'],
    ['a mandatory extension', 'm=x,r=nonceX,s=QSXCR+Q6sek8bf92,i=4096'],
    ['an error', 'e=unknown-user'],
    ['nothing', undefined],
  ])('%s in the first message of the broker is AUTH_FAILED', async (_name, message) => {
    const authenticator = createScramAuthenticator({ username: 'u', password: 'p', hash: 'SHA-1' }, () => 'nonce');
    await authenticator.begin({ signal });
    const data = message === undefined ? undefined : bytes(message);
    await expect(async () => authenticator.continue(data, { signal })).rejects.toMatchObject({ code: 'AUTH_FAILED' });
  });

  test('bytes that are not UTF-8 are AUTH_FAILED', async () => {
    const authenticator = createScramAuthenticator({ username: 'u', password: 'p', hash: 'SHA-1' }, () => 'nonce');
    await authenticator.begin({ signal });
    await expect(async () => authenticator.continue(Uint8Array.of(0xff), { signal })).rejects.toMatchObject({
      code: 'AUTH_FAILED',
    });
  });

  test('= and , in a user name are escaped (RFC 5802 §5.1)', async () => {
    const authenticator = createScramAuthenticator({ username: 'a=b,c', password: 'p', hash: 'SHA-1' }, () => 'N');
    expect(text(await authenticator.begin({ signal }))).toBe('n,,n=a=3Db=2Cc,r=N');
  });

  test('nonces differ and hold no comma', async () => {
    const authenticator = scramAuthenticator({ username: 'u', password: 'p', hash: 'SHA-256' });
    const nonces = Array.from({ length: 50 }, async () =>
      text(await authenticator.begin({ signal })).slice('n,,n=u,r='.length),
    );
    const made = await Promise.all(nonces);
    expect(new Set(made).size).toBe(50);
    expect(made.every((nonce) => /^[A-Za-z0-9+/]{24}$/.test(nonce))).toBe(true);
  });

  test('options are checked, and no message shows the password', () => {
    const options = { username: 'u', password: 'p', hash: 'SHA-256' } as const;
    const invalid = (given: object) => () => scramAuthenticator(given as typeof options);
    expect(invalid({ ...options, hash: 'MD5' })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    expect(invalid({ ...options, user: 'x' })).toThrow(/unknown option "user"; did you mean "username"/);
    expect(invalid({ ...options, password: undefined })).toThrow(/password must be a string/);
    expect(invalid({ ...options, password: 'secret\u0007' })).toThrow(/^((?!secret).)*$/);
  });
});

/** The other side, written from RFC 5802 §3 without looking at ours. */
async function serverFirst(hash: 'SHA-256' | 'SHA-512', password: string, clientFirst: string) {
  const { subtle } = globalThis.crypto;
  const salt = bytes('0123456789abcdef');
  const nonce = `${clientFirst.split('r=')[1]}server`;
  const first = `r=${nonce},s=${btoa('0123456789abcdef')},i=4096`;
  const key = await subtle.importKey('raw', bytes(password), 'PBKDF2', false, ['deriveBits']);
  const bits = hash === 'SHA-256' ? 256 : 512;
  const salted = await subtle.deriveBits({ name: 'PBKDF2', hash, salt, iterations: 4096 }, key, bits);
  const hmac = async (secret: ArrayBuffer | Uint8Array<ArrayBuffer>, message: string) => {
    const hmacKey = await subtle.importKey('raw', secret, { name: 'HMAC', hash }, false, ['sign']);
    return new Uint8Array(await subtle.sign('HMAC', hmacKey, bytes(message)));
  };
  return {
    first,
    async finish(clientFinal: string) {
      const [withoutProof = '', proof = ''] = clientFinal.split(',p=');
      const authMessage = `${clientFirst.slice(3)},${first},${withoutProof}`;
      const storedKey = await subtle.digest(hash, await hmac(salted, 'Client Key'));
      const clientSignature = await hmac(storedKey, authMessage);
      const clientKey = Uint8Array.from(
        atob(proof),
        (character, index) => character.charCodeAt(0) ^ (clientSignature[index] ?? 0),
      );
      const recovered = new Uint8Array(await subtle.digest(hash, clientKey));
      const signature = await hmac(await hmac(salted, 'Server Key'), authMessage);
      return {
        valid: String(recovered) === String(new Uint8Array(storedKey)),
        signature: btoa(String.fromCharCode(...signature)),
      };
    },
  };
}
