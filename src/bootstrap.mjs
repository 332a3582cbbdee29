#!/usr/bin/env node
// From a fresh clone to a running program with nothing but Node: installs the packages if they are missing or older than
// package-lock.json, compiles if a source is newer than what was compiled, then becomes the program that is asked for:
//   node src/bootstrap.mjs src/cli.ts start
// No dependencies: there are none yet when it runs.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const sourceFolders = ['actors', 'bench', 'profiling', 'schema', 'src', 'test']
const wantedNode = [20, 11]

/** @param {string} line */
function say(line) {
  process.stderr.write(`${line}\n`)
}

/**
 * Ends with one line.
 * @param {string} line
 * @returns {never}
 */
function fail(line) {
  say(line)
  process.exit(1)
}

/** @param {string} file */
function changedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/**
 * Runs a program to its end; signals that ask us to stop are passed on to it.
 * @param {string} program
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<number>} its exit code
 */
function run(program, args, options) {
  return new Promise((resolve) => {
    // Standard output belongs to the program that is asked for.
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 2, 2], ...options })
    let received = ''
    /** @param {NodeJS.Signals} signal */
    const pass = (signal) => {
      received = signal
      child.kill(signal)
    }
    /** @type {NodeJS.Signals[]} */
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    for (const signal of signals) process.on(signal, pass)
    child.once('error', (error) => fail(`${program} cannot be started: ${error.message}`))
    child.once('exit', (code) => {
      for (const signal of signals) process.off(signal, pass)
      if (received !== '') process.kill(process.pid, received)
      else resolve(code ?? 1)
    })
  })
}

async function install() {
  // npm writes this file when an installation is complete.
  const installedAt = changedAt(join(root, 'node_modules/.package-lock.json'))
  if (installedAt >= changedAt(join(root, 'package-lock.json'))) return
  say(
    installedAt === 0
      ? 'Installing packages (npm ci)'
      : 'package-lock.json has changed: installing packages (npm ci)',
  )
  // The compiler is a development dependency, and PostgreSQL an optional one.
  const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error']
  const npm = process.env['npm_execpath']
  const code = npm?.endsWith('.js')
    ? await run(process.execPath, [npm, ...args])
    : await run('npm', args, { shell: process.platform === 'win32' })
  if (code !== 0) fail(`npm ci failed with status ${code}: see above.`)
}

/**
 * Every file below a folder, if it is there; installed packages left out.
 * @param {string} folder
 * @returns {string[]}
 */
function filesBelow(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (!entry.isDirectory()) return [path]
    return entry.name === 'node_modules' ? [] : filesBelow(path)
  })
}

/** Compiled files whose source is gone would still be found and run. */
function removeOrphans() {
  for (const folder of sourceFolders) {
    for (const file of filesBelow(join(root, 'dist', folder))) {
      const source = join(root, relative(join(root, 'dist'), file)).replace(/\.js(\.map)?$/, '.ts')
      if (source.endsWith('.ts') && !existsSync(source)) rmSync(file)
    }
  }
}

async function build() {
  const stamp = join(root, 'dist/.built')
  const sources = sourceFolders
    .flatMap((folder) => filesBelow(join(root, folder)))
    .filter((file) => file.endsWith('.ts'))
  const inputs = [...sources, join(root, 'tsconfig.json'), join(root, 'package-lock.json')]
  // Folders too: their time tells of files removed or renamed.
  const folders = new Set(sources.map((file) => dirname(file)))
  const newest = Math.max(...[...inputs, ...folders].map(changedAt))
  if (changedAt(stamp) >= newest) return
  say('Compiling (tsc)')
  removeOrphans()
  const code = await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc')])
  if (code !== 0) fail(`The sources do not compile (tsc, status ${code}): see above.`)
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, '')
  // A source that was saved while the compiler ran must count as newer.
  const seconds = Math.ceil(newest + 1) / 1000
  utimesSync(stamp, seconds, seconds)
}

/**
 * npm starts us through a shell. A signal to npm ends npm and that shell, but the shell tells us nothing: take its end
 * for the signal.
 */
function endWithShell() {
  const shell = process.ppid
  const watch = () => {
    if (process.ppid === shell) return
    clearInterval(timer)
    process.kill(process.pid, 'SIGTERM')
  }
  const timer = setInterval(watch, 300).unref()
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < wantedNode[0] || (major === wantedNode[0] && minor < wantedNode[1])) {
  fail(`Node ${wantedNode.join('.')} or newer is needed; this is Node ${process.versions.node}.`)
}
const [source, ...args] = process.argv.slice(2)
if (source !== undefined && !(source.endsWith('.ts') && existsSync(join(root, source)))) {
  fail('Usage: node src/bootstrap.mjs [source file to compile and run, for example src/cli.ts [arguments]]')
}
await install()
await build()
if (source !== undefined) {
  const program = join(root, 'dist', source.replace(/\.ts$/, '.js'))
  // In this very process: signals, standard input and the exit code need nobody to pass them on.
  if (process.env['npm_lifecycle_event'] !== undefined) endWithShell()
  process.argv = [process.execPath, program, ...args]
  await import(pathToFileURL(program).href)
}
