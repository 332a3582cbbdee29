import { type Config, settings } from './config.ts'
import { findUnknownName } from './config-names.ts'
import { anything, MalformedValue, type Setting, setting, socketPath } from './config-values.ts'

/** The environment is not fit to start with. The message is one line: which variable, what is wrong, what it wants. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly variable: string

  constructor(variable: string, complaint: string) {
    super(`${variable} ${complaint}`)
    this.variable = variable
  }
}

/**
 * Reads the configuration. An empty value is refused rather than taken as absent: a DATABASE_URL that came
 * out empty must not start an embedded database in production.
 * @throws ConfigError for the first malformed value, or unknown name with our prefix
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  refuseUnknownName(env)
  const values: Record<string, unknown> = {}
  for (const [field, entry] of Object.entries(settings)) {
    const onSocket = field === 'listen' && values['listenProtocol'] === 'unix'
    values[field] = onSocket ? readSocketPath(env) : read(env, entry)
  }
  delete values['listenProtocol']
  delete values['ginMode']
  for (const value of Object.values(values)) freeze(value)
  // Every field of the table was set above, each by its own kind.
  const config = values as unknown as Config
  refuseContradictions(config)
  return Object.freeze(config)
}

function read(
  env: Readonly<Record<string, string | undefined>>,
  { variable, kind, fallback, secret }: Setting<unknown, string | undefined>,
): unknown {
  const text = env[variable] ?? fallback
  if (text === undefined) return undefined
  if (text === '' && kind !== anything)
    throw new ConfigError(variable, `is empty: unset it, or set it to ${kind.wants}`)
  try {
    return kind.parse(text)
  } catch (error) {
    if (!(error instanceof MalformedValue)) throw error
    const shown = secret ? '' : ` (${quote(text)})`
    throw new ConfigError(variable, `${error.message}${shown}: it wants ${kind.wants}`)
  }
}

function readSocketPath(env: Readonly<Record<string, string | undefined>>): unknown {
  const variable = settings.listen.variable
  if (env[variable] === undefined) throw new ConfigError(variable, `is not set: it wants ${socketPath.wants}`)
  return read(env, setting(variable, socketPath, undefined, ''))
}

function refuseUnknownName(env: Readonly<Record<string, string | undefined>>): void {
  const known = Object.values(settings).map((entry) => entry.variable)
  const unknown = findUnknownName(env, known)
  if (unknown !== undefined) throw new ConfigError(unknown.name, unknown.complaint)
}

function refuseContradictions(config: Config): void {
  const together = (one: keyof Config, other: keyof Config) => {
    if (config[one] !== undefined || config[other] === undefined) return
    throw new ConfigError(
      settings[one].variable,
      `is not set, and ${settings[other].variable} is: it wants ${settings[one].kind.wants}`,
    )
  }
  const atMost = (small: keyof Config, large: keyof Config) => {
    if (Number(config[small]) <= Number(config[large])) return
    throw new ConfigError(
      settings[small].variable,
      `is more than ${settings[large].variable}: it wants at most that`,
    )
  }
  together('listenCertificate', 'listenKey')
  together('listenKey', 'listenCertificate')
  atMost('batchRecordsMax', 'commitRecordsMax')
  atMost('batchBytesMax', 'commitBytesMax')
  atMost('commitBytesMax', 'backlogBytesMax')
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return
  Object.freeze(value)
  for (const item of Object.values(value)) freeze(item)
}
