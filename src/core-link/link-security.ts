import { createHmac } from 'node:crypto'
import type { ConnectionOptions, TlsOptions } from 'node:tls'

/**
 * Over TCP the link is TLS with a key that both sides derive from the secret of the tokens: neither side talks
 * to one that does not know it, and nobody between them reads or changes anything. TLS 1.2, because Node has no
 * pre-shared keys in 1.3; this cipher has forward secrecy.
 */
const cipher = {
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
} as const

const handshakeTimeoutMs = 5000

function derive(secret: string, use: string): Buffer {
  return createHmac('sha256', secret).update(`enrollment core link, ${use}`).digest()
}

/** Names a secret without telling it, so that several can be in use while they are exchanged. */
function nameOf(secret: string): string {
  return derive(secret, 'name').toString('hex').slice(0, 16)
}

/** For the engine's side: any of the secrets will do. */
export function tlsOfEngine(secrets: readonly string[]): TlsOptions {
  const keys = new Map(secrets.map((secret) => [nameOf(secret), derive(secret, 'key')]))
  return {
    ...cipher,
    handshakeTimeout: handshakeTimeoutMs,
    pskCallback: (_socket, name) => keys.get(name) ?? null,
  }
}

/** For the gateway's side. */
export function tlsOfGateway(secret: string): ConnectionOptions {
  const answer = { psk: derive(secret, 'key'), identity: nameOf(secret) }
  return {
    ...cipher,
    pskCallback: () => answer,
    // There are no certificates: who knows the key is who we want.
    checkServerIdentity: () => undefined,
  }
}

/** Whether a connection failed because the two sides do not know the same secret. */
export function isWrongSecret(error: Error): boolean {
  return /PSK|BAD_RECORD_MAC|DECRYPT/i.test((error as NodeJS.ErrnoException).code ?? '')
}

/** Whether a gateway's connection failed because the other side speaks something else, or TLS with certificates. */
export function isNoCoreLink(error: Error): boolean {
  return /WRONG_VERSION_NUMBER|HANDSHAKE_FAILURE/.test((error as NodeJS.ErrnoException).code ?? '')
}
