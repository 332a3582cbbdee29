import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'

/** A program that says its arguments, then waits to be told to stop if it was asked to. */
const program = `
if (process.argv[2] === 'wait') {
  process.on('SIGTERM', () => process.exit(7))
  setInterval(() => {}, 1000)
} else process.exitCode = Number(process.argv[2])
console.log('ran with ' + process.argv.slice(2).join(' '))
`

/** Stands in for npm: notes where it was asked what, and installs a Node where one is asked for. */
const npm = `
import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
appendFileSync(join(import.meta.dirname, 'npm-calls'), basename(process.cwd()) + ': ' + process.argv.slice(2).join(' ') + '\\n')
mkdirSync('node_modules', { recursive: true })
if (basename(process.cwd()) === 'runtime') {
  const folder = 'node_modules/node-' + process.platform + '-' + process.arch + '/bin'
  mkdirSync(folder, { recursive: true })
  symlinkSync(${JSON.stringify(process.execPath)}, folder + '/node')
}
writeFileSync('node_modules/.package-lock.json', '')
`

/** The first Node on the PATH that is older than the one that the project runs on. */
const olderNode = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'node'))
  .find((path) => {
    const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
    return Number(/^v(\d+)/.exec(stdout ?? '')?.[1] ?? 24) < 24
  })

function freshClone(t: TestContext, node = process.execPath) {
  const folder = mkdtempSync(join(tmpdir(), 'enrollment-clone-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'src'))
  mkdirSync(join(folder, 'runtime'))
  copyFileSync(join(import.meta.dirname, '../src/bootstrap.mjs'), join(folder, 'src/bootstrap.mjs'))
  writeFileSync(join(folder, 'src/program.ts'), program)
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'package-lock.json'), '{}')
  writeFileSync(join(folder, 'runtime/package-lock.json'), '{}')
  writeFileSync(join(folder, 'npm.js'), npm)
  const begin = (...args: string[]) =>
    spawn(node, [join(folder, 'src/bootstrap.mjs'), 'src/program.ts', ...args], {
      cwd: tmpdir(),
      env: { PATH: process.env['PATH'], npm_execpath: join(folder, 'npm.js') },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  const run = async (...args: string[]) => {
    const child = begin(...args)
    const [[code], output, told] = await Promise.all([
      once(child, 'exit'),
      text(child.stdout),
      text(child.stderr),
    ])
    return { code, output, told }
  }
  return { folder, begin, run }
}

test('a fresh clone installs and runs; the next run only runs', async (t) => {
  const { run } = freshClone(t)
  assert.deepEqual(await run('3', '--flag'), {
    code: 3,
    output: 'ran with 3 --flag\n',
    told: 'Installing packages (npm ci)\n',
  })
  assert.deepEqual(await run('0'), { code: 0, output: 'ran with 0\n', told: '' })
})

test('an old Node brings the wanted one by npm and runs the program with it', async (t) => {
  if (olderNode === undefined) return t.skip('NOT RUN: no Node before 24 is on the PATH')
  const { folder, begin, run } = freshClone(t, olderNode)
  const first = await run('5')
  assert.deepEqual([first.code, first.output], [5, 'ran with 5\n'])
  assert.match(
    first.told,
    /^Installing Node 24 \(npm ci\)\nThis is Node [\d.]+: running with \S+\nInstalling packages \(npm ci\)\n$/,
  )
  const [runtime, packages, ...more] = readFileSync(join(folder, 'npm-calls'), 'utf8').trim().split('\n')
  assert.match(runtime ?? '', /^runtime: ci .*--ignore-scripts/)
  assert.match(packages ?? '', /: ci .*--include=dev/)
  assert.deepEqual(more, [])
  const second = await run('0')
  assert.match(second.told, /^This is Node [\d.]+: running with \S+\n$/)
  const waiting = begin('wait')
  await once(createInterface(waiting.stdout), 'line')
  waiting.kill('SIGTERM')
  assert.deepEqual(await once(waiting, 'exit'), [7, null])
})

test('packages whose lock file has changed are installed again', async (t) => {
  const { folder, run } = freshClone(t)
  await run('0')
  const later = new Date(Date.now() + 5000)
  utimesSync(join(folder, 'package-lock.json'), later, later)
  assert.match((await run('0')).told, /^package-lock\.json has changed: installing packages \(npm ci\)\n/)
})

test('an installation that fails stops it', async (t) => {
  const { folder, run } = freshClone(t)
  writeFileSync(join(folder, 'npm.js'), 'process.exitCode = 9')
  assert.deepEqual(await run('0'), {
    code: 1,
    output: '',
    told: 'Installing packages (npm ci)\nnpm ci failed with status 9: see above.\n',
  })
})

test('a signal reaches the program, and its exit code comes back', async (t) => {
  const { begin } = freshClone(t)
  const child = begin('wait')
  const [line] = await once(createInterface(child.stdout), 'line')
  assert.equal(line, 'ran with wait')
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [7, null])
})
