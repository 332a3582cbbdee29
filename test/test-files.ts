import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'

/** What a test file needs beyond itself, found by following its imports. */
export interface TestFile {
  readonly path: string
  readonly needsPostgres: boolean
  readonly needsRabbit: boolean
  /** It starts a RabbitMQ of its own, to stop and kill. */
  readonly startsRabbit: boolean
  /** It starts processes, serves requests, reaches a server, or tries very much. All others are quick and need nothing. */
  readonly isIntegration: boolean
}

/** Tests that need nothing and yet take their time: thousands of requests, millions of steps. */
const slowPaths = ['test/security/', 'test/simulation/', 'actors/rules/properties.test.ts']
/** Whoever imports this serves requests over HTTP: a service whole, several times in a file. */
const wholeService = /\/testing\/gateway-fixture\.ts$/

const importClause =
  /^(?:import|export)\s([^'"=;()]*?)\bfrom\s+['"]([^'"]+)['"]|^import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm

interface Imports {
  /** Names taken from kit/servers/. */
  readonly servers: Set<string>
  readonly modules: Set<string>
}

function collectImports(file: string, found: Imports, seen: Set<string>): void {
  if (seen.has(file)) return
  seen.add(file)
  for (const [, names = '', ...specifiers] of readFileSync(file, 'utf8').matchAll(importClause)) {
    const specifier = specifiers.find((one) => one !== undefined) ?? ''
    found.modules.add(specifier)
    if (!specifier.startsWith('.')) continue
    const target = resolve(dirname(file), specifier)
    if (basename(dirname(target)) === 'servers') {
      for (const name of names.match(/\w+/g) ?? []) found.servers.add(name)
    } else if (target.endsWith('.ts') && existsSync(target)) {
      collectImports(target, found, seen)
    }
  }
}

function describeFile(root: string, path: string): TestFile {
  const found: Imports = { servers: new Set(), modules: new Set() }
  collectImports(path, found, new Set())
  const needsPostgres = found.servers.has('createDatabase')
  const needsRabbit = found.servers.has('rabbitAddress')
  const startsRabbit = found.servers.has('startRabbit')
  const startsProcesses = found.servers.size > 0 || found.modules.has('node:child_process')
  const isSlow =
    slowPaths.some((slow) => path.startsWith(join(root, slow))) ||
    [...found.modules].some((module) => wholeService.test(module))
  return { path, needsPostgres, needsRabbit, startsRabbit, isIntegration: startsProcesses || isSlow }
}

/**
 * Test files whose path contains one of `narrowing` (all, if there is none), in order of their paths.
 * @param root the checkout
 */
export function testFiles(root: string, narrowing: readonly string[]): TestFile[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts') && !path.includes('node_modules'))
    .filter((path) => narrowing.length === 0 || narrowing.some((part) => path.includes(part)))
    .toSorted()
    .map((path) => describeFile(root, join(root, path)))
}

/** As a person names it: from the repository's root, in TypeScript. */
export function sourceName(root: string, file: TestFile): string {
  return relative(root, file.path)
}
