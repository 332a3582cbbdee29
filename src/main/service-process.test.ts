import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfig } from '../read-config.ts'
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
