import assert from 'node:assert/strict'
import { test } from 'node:test'
import { orderOfSystemCalls } from './system-calls.ts'

const hex = (text: string) => [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16)}`).join('')
const log = hex('/data/0001.wal')
const received = `11 recvfrom(9, "${hex('mark-1-')}", 99, 0, NULL, NULL) = 7`
const written = `12 writev(7<${log}>, [{iov_base="${hex('mark-1-')}", iov_len=7}], 1) = 7`
const syncBegins = `12 fdatasync(7<${log}> <unfinished ...>`
const syncEnds = '12 <... fdatasync resumed>) = 0'
const confirmed = String.raw`13 writev(9, [{iov_base="\x01\x00\x01\x00\x00\x00\x0d\x00\x3c\x00\x50\x00\x00\x00\x00\x00\x00\x00\x01\x00\xce", iov_len=21}], 1) = 21`

function callsOf(...lines: string[]): string | undefined {
  return orderOfSystemCalls(lines.join('\n'), (seq) => `mark-${seq}-`, 1)[0]?.calls
}

test('a confirm that leaves once the log is synced is told as such', () => {
  assert.equal(
    callsOf(received, written, syncBegins, syncEnds, confirmed),
    'received, written, synced, confirmed',
  )
})

test('a confirm that leaves while the sync is under way is not behind it', () => {
  assert.equal(callsOf(received, written, syncBegins, confirmed, syncEnds), 'received, written, confirmed')
})

test('a sync before the message is written, or of another file, does not count', () => {
  const other = `12 fdatasync(8<${hex('/data/other')}>) = 0`
  assert.equal(
    callsOf(received, syncBegins, syncEnds, written, other, confirmed),
    'received, written, confirmed',
  )
})
