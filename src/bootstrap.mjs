#!/usr/bin/env node
// From a fresh clone to a running program with nothing but Node and npm: brings the Node that the project runs on if this
// one is too old, installs the packages if they are missing or older than package-lock.json, then becomes the program
// that is asked for:
//   node src/bootstrap.mjs src/cli.ts start
// It has no dependencies, because there are none yet when it runs, and it runs on old versions of Node too.
import { spawn } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import module from 'node:module'
import { dirname, join } from 'node:path'
import { isatty } from 'node:tty'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const runtime = join(root, 'runtime')
const wantedNode = 24
/** @type {NodeJS.Signals[]} */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']

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
    for (const signal of signals) process.on(signal, pass)
    child.once('error', (error) => fail(`${program} cannot be started: ${error.message}`))
    child.once('exit', (code) => {
      for (const signal of signals) process.off(signal, pass)
      if (received !== '') process.kill(process.pid, received)
      else resolve(code ?? 1)
    })
  })
}

/**
 * Runs `npm ci` in a folder whose installation is missing or older than its lock file.
 * @param {string} folder
 * @param {string[]} args
 * @param {string} what
 */
async function install(folder, args, what) {
  // npm writes this file when an installation is complete.
  const installedAt = changedAt(join(folder, 'node_modules/.package-lock.json'))
  if (installedAt >= changedAt(join(folder, 'package-lock.json'))) return
  say(
    installedAt === 0
      ? `Installing ${what} (npm ci)`
      : `package-lock.json has changed: installing ${what} (npm ci)`,
  )
  const all = ['ci', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error', ...args]
  const npm = process.env['npm_execpath']
  const options = { cwd: folder, stdio: /** @type {const} */ (['ignore', 2, 2]) }
  const code = npm?.endsWith('.js')
    ? await run(process.execPath, [npm, ...all], options)
    : await run('npm', all, { ...options, shell: process.platform === 'win32' })
  if (code !== 0) fail(`npm ci failed with status ${code}: see above.`)
}

/** Runs this very command with the Node that the project is made for, and ends as that ends. */
async function runWithWantedNode() {
  const program = join(runtime, `node_modules/node-${process.platform}-${process.arch}/bin/node`)
  await install(runtime, ['--ignore-scripts'], `Node ${wantedNode}`)
  if (!existsSync(program)) {
    fail(
      `Node ${wantedNode} or newer is needed, and npm has none for this machine; this is Node ${process.versions.node}.`,
    )
  }
  say(`This is Node ${process.versions.node}: running with ${program}`)
  const child = spawn(program, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit',
    // What the program starts by the name of `node` or `npm` runs with the same Node.
    env: { ...process.env, PATH: `${dirname(program)}:${process.env['PATH'] ?? ''}` },
  })
  child.once('error', (error) => fail(`${program} cannot be started: ${error.message}`))
  child.once('exit', (code, signal) => {
    for (const name of signals) process.removeAllListeners(name)
    if (signal === null) process.exit(code ?? 1)
    else process.kill(process.pid, signal)
  })
  // A terminal sends its signals to both processes; any other sender knows this one only.
  const hasTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor))
  for (const name of signals) {
    process.on(name, () => {
      if (name === 'SIGTERM' || !hasTerminal) child.kill(name)
    })
  }
  await new Promise(() => {})
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

const [source, ...args] = process.argv.slice(2)
if (source !== undefined && !(source.endsWith('.ts') && existsSync(join(root, source)))) {
  fail('Usage: node src/bootstrap.mjs [source file to run, for example src/cli.ts [arguments]]')
}
if (process.env['npm_lifecycle_event'] !== undefined) endWithShell()
if (Number(process.versions.node.split('.')[0]) < wantedNode) await runWithWantedNode()
// The tools that check are development dependencies, and PostgreSQL an optional one.
await install(root, ['--include=dev'], 'packages')
if (source !== undefined) {
  // Types are stripped once, and code is compiled once, for all processes of this checkout.
  process.env['NODE_COMPILE_CACHE'] ??= join(root, 'node_modules/.cache/node')
  module.enableCompileCache(process.env['NODE_COMPILE_CACHE'])
  const program = join(root, source)
  // In this very process: signals, standard input and the exit code need nobody to pass them on.
  process.argv = [process.execPath, program, ...args]
  await import(pathToFileURL(program).href)
}
