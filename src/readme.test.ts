import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { settingsAsMarkdown } from './config/config-help.ts'

const root = join(import.meta.dirname, '..')
const settingsPage = readFileSync(join(root, 'docs/settings.md'), 'utf8')

test("the table of settings is the program's own", () => {
  const [, table] = /<!-- settings:[^\n]*-->\n([\s\S]*?)\n<!-- \/settings -->/.exec(settingsPage) ?? []
  assert.equal(table, settingsAsMarkdown())
})

test('every file that README and the docs point to is there', () => {
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  const pages = [
    'README.md',
    ...docs.filter((name) => name.endsWith('.md')).map((name) => join('docs', name)),
  ]
  assert.ok(pages.length > 20, 'the docs are found')
  const missing = pages.flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8')
    const linked = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path]) =>
      join(dirname(page), path ?? ''),
    )
    const named = [
      ...text.matchAll(/`((?:src|actors|test|docs|bench|ops|profiling|schema)\/[\w./-]+)`/g),
    ].map(([, path]) => path ?? '')
    return [...linked, ...named]
      .filter((path) => !existsSync(join(root, path)))
      .map((path) => `${page} points to ${path}`)
  })
  assert.deepEqual(missing, [])
})
