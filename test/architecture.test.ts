import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')

interface Source {
  /** From the repository's root, with slashes. */
  readonly path: string
  readonly text: string
  readonly imports: readonly string[]
}

const importClause =
  /^(?:import|export)\s[^'"=;()]*?\bfrom\s+['"]([^'"]+)['"]|^import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm

const folders = ['actors', 'bench', 'kit', 'schema', 'src', 'test']

const sources: Source[] = folders.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => {
      const path = posix.join(folder, name.replaceAll('\\', '/'))
      const text = readFileSync(join(root, path), 'utf8')
      const imports = [...text.matchAll(importClause)].map((match) => {
        const specifier = match[1] ?? match[2] ?? match[3] ?? ''
        return specifier.startsWith('.') ? posix.join(dirname(path), specifier) : specifier
      })
      return { path, text, imports }
    }),
)

/** What makes up the program; tests and what only tests use may reach anything. */
const program = sources.filter(
  ({ path }) =>
    /^(actors|schema|src)\//.test(path) && !/\.test\.tsx?$/.test(path) && !path.includes('/testing/'),
)

/** What hot paths count with and processes show; it knows nothing of ours. */
const counters = 'src/metrics/'

/** For other people's programs: it stands by itself. To a server, `enrollment sync` is such a program. */
const client = 'src/client/'

/** What runs in browsers, on the public API alone. */
const pages = 'src/pages/'

/** What the batcher asks of the journal and of the tables, who implement it. */
const batcherPorts = 'src/journal/batcher-ports.ts'

const neighbours = ['gateway', 'core-link', 'journal', 'store', 'embedded', 'registry', 'audit']

/** Who a file belongs to, and whom its owner may import besides itself. */
function reachOf(path: string): { owner: string; reach: readonly string[] } {
  if (path.startsWith('actors/')) return { owner: 'actors/', reach: [] }
  if (path.startsWith(counters)) return { owner: counters, reach: [] }
  if (path.startsWith('schema/')) return { owner: 'schema/', reach: [] }
  if (path.startsWith(client)) return { owner: client, reach: [] }
  if (path.startsWith(pages)) return { owner: pages, reach: [client] }
  if (path.startsWith('src/config/')) return { owner: 'src/config/', reach: ['schema/'] }
  if (path.startsWith('src/engine/')) return { owner: 'src/engine/', reach: ['actors/', 'schema/', counters] }
  const neighbour = neighbours.find((name) => path.startsWith(`src/${name}/`))
  if (neighbour) {
    return {
      owner: `src/${neighbour}/`,
      reach: ['actors/', 'schema/', 'src/engine/', batcherPorts, counters],
    }
  }
  return { owner: 'src/', reach: ['actors/', 'schema/'] }
}

test('imports point one way: main, then the neighbours, then the engine, then the actors', () => {
  const wrong = program.flatMap(({ path, imports }) => {
    const { owner, reach } = reachOf(path)
    const isAllowed = (target: string) =>
      [owner, ...reach].some((folder) => target.startsWith(folder)) &&
      (owner === client ||
        owner === pages ||
        path === 'src/main/commands/campus-client.ts' ||
        !target.startsWith(client))
    return imports
      .filter((target) => /^(actors|bench|kit|schema|src|test)\//.test(target) && !isAllowed(target))
      .map((target) => `${path} imports ${target}`)
  })
  assert.deepEqual(wrong, [])
})

test('tests and benchmarks share only the kit, which imports neither', () => {
  const apart: Record<string, RegExp> = { bench: /^test\//, test: /^bench\//, kit: /^(bench|test)\// }
  const wrong = sources.flatMap(({ path, imports }) => {
    const foreign = apart[path.split('/')[0] ?? '']
    return imports.filter((target) => foreign?.test(target)).map((target) => `${path} imports ${target}`)
  })
  assert.deepEqual(wrong, [])
})

test('no two files of the program have one name, but for the pages, which are a program of their own', () => {
  const seen = new Map<string, string>()
  const wrong = program.flatMap(({ path }) => {
    if (path.startsWith(pages)) return []
    const name = posix.basename(path)
    const other = seen.get(name)
    seen.set(name, path)
    return other === undefined ? [] : [`${other} and ${path}`]
  })
  assert.deepEqual(wrong, [])
})

test('each neighbour of the outside world is named in one place', () => {
  const places: Record<string, RegExp> = {
    fastify: /^src\/gateway\//,
    '@fastify/': /^src\/gateway\//,
    'prom-client': /^src\/metrics\//,
    'rabbitmq-client': /^src\/journal\//,
    pg: /^src\/(store|embedded)\//,
    'pg-copy-streams': /^src\/store\//,
    preact: /^src\/pages\//,
    '@preact/': /^src\/pages\//,
  }
  const wrong = program.flatMap(({ path, imports }) =>
    imports
      .filter((target) =>
        Object.entries(places).some(
          ([name, place]) =>
            (name.endsWith('/') ? target.startsWith(name) : target === name) && !place.test(path),
        ),
      )
      .map((target) => `${path} imports ${target}`),
  )
  assert.deepEqual(wrong, [])
})

test('the actors read no clock, no chance and no environment, and import nothing from outside', () => {
  const forbidden =
    /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bprocess\b\s*\.|\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bperformance\b\s*\.|\bcrypto\b\s*\.|\bglobalThis\b/
  const wrong = program
    .filter(({ path }) => path.startsWith('actors/'))
    .flatMap(({ path, text, imports }) => {
      const code = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
      const name = forbidden.exec(code)?.[0]
      const strangers = imports.filter((target) => !target.startsWith('actors/'))
      return [...(name === undefined ? [] : [name]), ...strangers].map((what) => `${path} uses ${what}`)
    })
  assert.deepEqual(wrong, [])
})

test('no file is too long to be read at one sitting', () => {
  const wrong = sources
    // Nobody reads what is generated.
    .filter(({ path }) => path !== 'src/client/api.ts')
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > 360)
    .map(({ path, lines }) => `${path} has ${lines} lines`)
  assert.deepEqual(wrong, [])
})

test('files are named in kebab-case for what they hold, and none only passes on what others hold', () => {
  const wrong = sources
    .filter(({ path, text }) => {
      const name = posix.basename(path).replace(/\.tsx?$/, '')
      const statements = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '').trim()
      const isBarrel =
        statements !== '' && statements.replaceAll(/export\s[^'"]*from\s*['"][^'"]+['"];?/g, '').trim() === ''
      return (
        isBarrel || /^(utils|types|helpers|index)$/.test(name) || !/^[a-z0-9]+([-.][a-z0-9]+)*$/.test(name)
      )
    })
    .map(({ path }) => path)
  assert.deepEqual(wrong, [])
})
