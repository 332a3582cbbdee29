import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readConfig } from '../config/read-config.ts'
import { ServiceProcess } from './service-process.ts'

const levelOf = (kind: 'service' | 'tool', env: Record<string, string> = {}) =>
  new ServiceProcess('test', readConfig(env), kind).log.level

test('a service logs what it does and a tool trouble alone, unless the operator says what to log', () => {
  assert.equal(levelOf('service'), 'info')
  assert.equal(levelOf('tool'), 'warn')
  for (const level of ['info', 'debug', 'error']) {
    assert.equal(levelOf('service', { ENROLLMENT_LOG_LEVEL: level }), level)
    assert.equal(levelOf('tool', { ENROLLMENT_LOG_LEVEL: level }), level)
  }
})

test('a log whose disk is full ends nobody', () => {
  const program = `
    import { ServiceProcess } from ${JSON.stringify(join(import.meta.dirname, 'service-process.ts'))}
    const host = new ServiceProcess('test', { shutdownMs: 1000 }, 'service')
    for (let line = 0; line < 1000; line++) host.log.info('x'.repeat(100))
    process.exitCode = 7`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
  })
  assert.deepEqual({ status, stderr: stderr.toString() }, { status: 7, stderr: '' })
})
