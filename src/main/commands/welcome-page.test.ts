import assert from 'node:assert/strict'
import { test } from 'node:test'
import { welcomePage } from './welcome-page.ts'

const sample = { campus: 'sample', address: 'http://127.0.0.1:8080', isSample: true, dataFolder: 'data' }

test('a newcomer reads where it is, who can log in, what to type and how to stop, all on one screen', () => {
  const page = welcomePage(sample)
  assert.ok(page.length <= 24, `${page.length} lines`)
  const text = page.join('\n')
  for (const told of ['http://127.0.0.1:8080/docs', 'student-1000', 'staff-60', 'TOKEN=$(curl', 'Ctrl-C']) {
    assert.ok(text.includes(told), told)
  }
})

test('the last line names the page for students', () => {
  assert.equal(
    welcomePage(sample).at(-1),
    'Open http://127.0.0.1:8080/ in a browser and sign in as student 1 with student-1.',
  )
})

test('a campus that is not the sample is not told of sample accounts', () => {
  const text = welcomePage({ ...sample, campus: 'north', isSample: false, dataFolder: undefined }).join('\n')
  assert.match(text, /campus north/)
  assert.doesNotMatch(text, /student-1|kept when you stop/)
})

test('on a socket the lines to type go through the socket', () => {
  const lines = welcomePage({ ...sample, address: '/run/enrollment.sock' })
  const typed = lines.filter((line) => line.includes('curl'))
  assert.equal(typed.length, 4)
  for (const line of typed) {
    assert.match(line, /--unix-socket \/run\/enrollment\.sock .*http:\/\/localhost\//)
  }
})
