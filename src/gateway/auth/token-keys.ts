import jwt from '@fastify/jwt'
import type { FastifyInstance } from 'fastify'
import type { TokenKey, Verified } from './tokens.ts'

declare module '@fastify/jwt' {
  interface FastifyJWT {
    user: Verified
    namespaces: string
  }
}

/** One namespace of the plugin for each secret: each has a verifier of its own, made once. */
export function registerKeys(app: FastifyInstance, secrets: readonly string[]): void {
  for (const [index, secret] of secrets.entries()) {
    app.register(jwt, {
      secret,
      namespace: namespaceOf(index),
      sign: { algorithm: 'HS256' },
      // `Tokens` checks the times itself, by the gateway's clock, also of tokens that it remembers.
      verify: { algorithms: ['HS256'], ignoreExpiration: true, ignoreNotBefore: true },
    })
  }
}

/** What `registerKeys` made, in the secrets' order. */
export function keysOf(
  app: FastifyInstance,
  secrets: readonly [string, ...string[]],
): [TokenKey, ...TokenKey[]] {
  const [first, ...others] = secrets.map((_secret, index): TokenKey => {
    const namespace = app.jwt[namespaceOf(index)]
    if (namespace === undefined) throw new Error('the keys are registered first')
    return { sign: (claims) => namespace.sign(claims), verify: (token) => namespace.verify(token) }
  })
  if (first === undefined) throw new Error('there is at least one secret')
  return [first, ...others]
}

function namespaceOf(index: number): string {
  return `key${index}`
}
