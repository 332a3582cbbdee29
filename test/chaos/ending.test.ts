import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCli } from '../../kit/load/cli-process.ts'

test('a process that has done its work ends, whatever still keeps its event loop', {
  timeout: 120_000,
}, async () => {
  // As a connection does whose peer has gone without a word.
  const keepsLoop = '--import=data:text/javascript,setInterval(()=>{},1000000)'
  const done = await runCli(['--help'], { NODE_OPTIONS: keepsLoop })
  assert.equal(done.ending, 0)
  assert.match(done.output, /enrollment/)
  const failed = await runCli(['no-such-command'], { NODE_OPTIONS: keepsLoop })
  assert.equal(failed.ending, 1)
})
