import assert from 'node:assert/strict'
import { ConfigError, readConfig } from '../config/read-config.ts'

/** Why this environment is refused, which takes one line; fails if it is not. */
export function complaintOf(env: Record<string, string | undefined>): ConfigError {
  try {
    readConfig(env)
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    assert.ok(!/[\n\r]/.test(error.message), `more than one line: ${error.message}`)
    return error
  }
  throw assert.fail(`was accepted: ${JSON.stringify(env)}`)
}
