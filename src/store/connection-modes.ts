import { readFileSync } from 'node:fs'
import { Client as PgClient, type ClientConfig, TypeOverrides, types } from 'pg'

/** Whether connections to one address are encrypted, where both ways are allowed. */
interface Mode {
  readonly encrypted: NonNullable<ClientConfig['ssl']>
  isEncrypted: boolean
}

export interface ModalConfig extends ClientConfig {
  /** Only with `sslmode=prefer` or `allow`. */
  readonly mode?: Mode
}

/** By URL. A server keeps the way that worked last, until that one is refused. */
const modes = new Map<string, Mode>()

/**
 * What `sslmode` asks for, in the client library's words. `prefer` encrypts where the server can, `allow` only where it
 * insists, and neither asks for a certificate, as libpq has it; `require` and `verify-ca` mean `verify-full`.
 * @throws the system's error for a file that the URL names and that cannot be read
 */
export function modalConfig(url: string): ModalConfig {
  const [address = '', query = ''] = url.split('?', 2)
  const parameters = new URLSearchParams(query)
  const wanted = parameters.get('sslmode')
  if (wanted === 'require' || wanted === 'verify-ca') parameters.set('sslmode', 'verify-full')
  if (wanted !== 'prefer' && wanted !== 'allow') {
    const connectionString = parameters.size === 0 ? address : `${address}?${parameters.toString()}`
    return { connectionString, types: typeParsers }
  }
  parameters.delete('sslmode')
  const known = modes.get(url) ?? { encrypted: encryptedBy(parameters), isEncrypted: wanted === 'prefer' }
  modes.set(url, known)
  for (const file of fileParameters) parameters.delete(file)
  return { connectionString: `${address}?${parameters.toString()}`, types: typeParsers, mode: known }
}

const fileParameters = ['sslrootcert', 'sslcert', 'sslkey'] as const

function encryptedBy(parameters: URLSearchParams): Mode['encrypted'] {
  const [certificate, key] = [parameters.get('sslcert'), parameters.get('sslkey')]
  return {
    rejectUnauthorized: false,
    ...(certificate !== null && { cert: readFileSync(certificate) }),
    ...(key !== null && { key: readFileSync(key) }),
  }
}

/** A connection that is tried the other way next time, if the server refuses this one. */
export class ModalClient extends PgClient {
  readonly #mode: Mode | undefined
  readonly #isEncrypted: boolean

  constructor(config?: ModalConfig) {
    const { mode, ...rest } = config ?? {}
    const isEncrypted = mode?.isEncrypted ?? false
    super(mode === undefined ? rest : { ...rest, ssl: isEncrypted ? mode.encrypted : false })
    this.#mode = mode
    this.#isEncrypted = isEncrypted
  }

  override connect(): Promise<PgClient>
  override connect(callback: (error: Error | null) => void): void
  override connect(callback?: (error: Error | null) => void): Promise<PgClient> | undefined {
    const connected = super.connect().catch((error: unknown) => {
      if (this.#mode !== undefined && isRefusedWay(error)) this.#mode.isEncrypted = !this.#isEncrypted
      throw error
    })
    if (callback === undefined) return connected
    connected.then(() => callback(null), callback)
    return undefined
  }
}

/** Whether a connection to `url` that failed so may work now, the other way. */
export function mayWorkTheOtherWay(url: string, error: unknown): boolean {
  return modes.has(url) && isRefusedWay(error)
}

/** The server has no TLS, does not get through its handshake, or lets nobody in this way (pg_hba.conf). */
function isRefusedWay(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  return /does not support SSL/.test(error.message) || /^(28000|EPROTO|ERR_SSL_|ERR_TLS_)/.test(code)
}

/** BIGINT as a number: ours are counters, milliseconds and numbers of people, whose CHECK keeps them exact. */
const typeParsers = new TypeOverrides()
typeParsers.setTypeParser(types.builtins.INT8, parseBigint)
/** BIGINT[] */
const int8Array = 1016
typeParsers.setTypeParser(int8Array, (text: string) =>
  text.slice(1, -1).split(',').filter(Boolean).map(parseBigint),
)

function parseBigint(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`BIGINT ${text} does not fit a number exactly`)
  return value
}
