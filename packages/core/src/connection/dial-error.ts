// SPDX-License-Identifier: Apache-2.0
//
// Why a connection could not be opened, in words that name the remedy. The system's error stays in `cause`.

import { mqttError } from '../errors.ts';
import type { PlainMqttError } from '../errors.ts';

/** What a system or OpenSSL error code means to whoever configures a client. */
const EXPLANATIONS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'nothing listens there'],
  ['ENOTFOUND', 'the host name does not exist'],
  ['EAI_AGAIN', 'the name server does not answer'],
  ['ETIMEDOUT', 'the host does not answer'],
  ['EHOSTUNREACH', 'there is no way to the host'],
  ['ENETUNREACH', 'there is no way to the network'],
  ['ECONNRESET', 'the other side reset the connection'],
  ['ENOENT', 'the socket does not exist'],
  // Unix domain sockets: 107 bytes on Linux, 103 on macOS.
  ['EINVAL', 'the system takes no such address; the path of a socket may have about 100 bytes'],
  ['EACCES', 'access is denied'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'the certificate is for another host'],
  ['CERT_HAS_EXPIRED', 'the certificate has expired'],
  ['CERT_NOT_YET_VALID', 'the certificate is not valid yet'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'the certificate is self-signed and not in `tls.ca`'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'the certificate chain ends in a self-signed certificate that is not in `tls.ca`'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'the issuer of the certificate is not known; give it in `tls.ca`'],
  ['UNABLE_TO_GET_ISSUER_CERT', 'the issuer of the certificate is not known; give it in `tls.ca`'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'the issuer of the certificate is not known; give it in `tls.ca`'],
  ['CERT_REVOKED', 'the certificate has been revoked'],
  ['CERT_SIGNATURE_FAILURE', 'the signature of the certificate is wrong'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'the other side does not speak TLS'],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'the other side does not speak TLS'],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'the two sides have no TLS version in common'],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'the two sides have no TLS version in common'],
  [
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    'the broker asks for a client certificate; give `tls.cert` and `tls.key`',
  ],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'the broker does not know the issuer of the client certificate'],
  ['ERR_SSL_NO_APPLICATION_PROTOCOL', 'the broker accepts none of `tls.alpnProtocols`'],
  ['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', 'the broker accepts none of `tls.alpnProtocols`'],
]);

/** `DIAL_FAILED` for `address`, which carries no credentials. `error` undefined: closed without a word. @internal */
export function dialFailed(address: string, error: unknown): PlainMqttError {
  const reasons = [...new Set(causesOf(error).map(explainFailure))];
  const reason = reasons.length === 0 ? 'the connection was closed before it was ready' : reasons.join('; ');
  return mqttError(
    'DIAL_FAILED',
    `Cannot connect to ${address}: ${reason}`,
    error === undefined ? {} : { cause: error },
  );
}

/** A host with several addresses fails with one error each, in an `AggregateError` whose own message is empty. */
function causesOf(error: unknown): readonly unknown[] {
  if (error === undefined) return [];
  return error instanceof AggregateError && error.errors.length > 0 ? error.errors : [error];
}

/** What a transport's error says, with its meaning in front where one is known. @internal */
export function explainFailure(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  // OpenSSL ends some of its messages with a new line.
  const said = (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, ' ').trim();
  const explanation = typeof code === 'string' ? EXPLANATIONS.get(code) : undefined;
  return explanation === undefined ? said : `${explanation} (${said})`;
}
