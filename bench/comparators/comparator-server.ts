import { fastify, type FastifyInstance } from 'fastify'
import { keysOf, registerKeys } from '../../src/gateway/auth/token-keys.ts'
import { Tokens } from '../../src/gateway/auth/tokens.ts'
import { compileValidator } from '../../src/gateway/replies/validation.ts'

/** A Fastify as a comparator has it: our schemas and their validator, nothing that logs, nothing that measures. */
export function buildComparator(): FastifyInstance {
  const app = fastify()
  app.setValidatorCompiler(compileValidator)
  app.get('/healthz', () => ({ status: 'live' }))
  return app
}

/** The tokens that our gateway has, its memory of checked ones included. */
export async function openTokens(app: FastifyInstance, secret: string): Promise<Tokens> {
  registerKeys(app, [secret])
  let tokens: Tokens | undefined
  // In a context of its own, as plugins are: there the keys are registered.
  await app.register((routes, _options, registered) => {
    tokens = new Tokens(keysOf(routes, [secret]))
    registered()
  })
  if (tokens === undefined) throw new Error('the keys are registered now')
  return tokens
}

/** Opens the door that LISTEN_ADDRESS names, and ends the process cleanly when it is told to. */
export async function listen(app: FastifyInstance): Promise<void> {
  const [host = '', port = ''] = (process.env['LISTEN_ADDRESS'] ?? '').split(':')
  process.once('SIGTERM', () => {
    app.server.closeAllConnections()
    void app.close().then(() => process.exit(0))
  })
  await app.listen({ host, port: Number(port) })
}
