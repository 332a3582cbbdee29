import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { settingsAsMarkdown } from './config-help.ts'

const root = findRoot(import.meta.dirname)
const readme = readFileSync(join(root, 'README.md'), 'utf8')

function findRoot(folder: string): string {
  return existsSync(join(folder, 'README.md')) ? folder : findRoot(join(folder, '..'))
}

test("README's table of the environment is the program's own", () => {
  const [, table] = /<!-- settings:[^\n]*-->\n([\s\S]*?)\n<!-- \/settings -->/.exec(readme) ?? []
  assert.equal(table, settingsAsMarkdown())
})

test('every file that README and the docs point to is there', () => {
  const linked = [...readme.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path]) => path ?? '')
  const named = [...readme.matchAll(/`((?:src|actors|test|docs|bench|schema)\/[\w./-]+)`/g)].map(
    ([, path]) => path ?? '',
  )
  for (const path of [...linked, ...named]) assert.ok(existsSync(join(root, path)), `${path} is not there`)
})
