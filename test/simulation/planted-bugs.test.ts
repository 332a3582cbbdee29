import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { plantedBugs } from './planted-bugs.ts'

test('the place of each bug to be planted stands exactly once in its file', () => {
  const root = join(import.meta.dirname, '../..')
  const wrong = plantedBugs
    .map(({ does, file, find }) => ({
      does,
      file,
      places: readFileSync(join(root, file), 'utf8').split(find).length - 1,
    }))
    .filter(({ places }) => places !== 1)
  assert.deepEqual(wrong, [])
})
