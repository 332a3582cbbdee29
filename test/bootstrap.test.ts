import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'

const repository = [join(import.meta.dirname, '../..'), process.cwd()].find((folder) =>
  existsSync(join(folder, 'src/bootstrap.mjs')),
)
assert.ok(repository !== undefined, 'the sources are found')
const modules = realpathSync(join(repository, 'node_modules'))

/** A program that says its arguments, then waits to be told to stop if it was asked to. */
const program = `
if (process.argv[2] === 'wait') {
  process.on('SIGTERM', () => process.exit(7))
  setInterval(() => {}, 1000)
} else process.exitCode = Number(process.argv[2])
console.log('ran with ' + process.argv.slice(2).join(' '))
`

/** Stands in for npm: notes what it was asked, and installs the compiler. */
const npm = `
import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
appendFileSync('npm-calls', process.argv.slice(2).join(' ') + '\\n')
mkdirSync('node_modules', { recursive: true })
try { for (const name of ['typescript', '@typescript']) symlinkSync(${JSON.stringify(modules)} + '/' + name, 'node_modules/' + name) } catch {}
writeFileSync('node_modules/.package-lock.json', '')
`

function freshClone(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'enrollment-clone-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'src'))
  copyFileSync(join(repository ?? '', 'src/bootstrap.mjs'), join(folder, 'src/bootstrap.mjs'))
  writeFileSync(join(folder, 'src/program.ts'), program)
  writeFileSync(join(folder, 'src/other.ts'), 'export const other = 1\n')
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'package-lock.json'), '{}')
  writeFileSync(join(folder, 'npm.js'), npm)
  const options = { module: 'nodenext', rootDir: '.', outDir: 'dist', types: [], noCheck: true }
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, include: ['src/**/*.ts'] }),
  )
  const begin = (...args: string[]) =>
    spawn(process.execPath, [join(folder, 'src/bootstrap.mjs'), 'src/program.ts', ...args], {
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

test('a fresh clone installs, compiles and runs; the next run only runs', async (t) => {
  const { run } = freshClone(t)
  assert.deepEqual(await run('3', '--flag'), {
    code: 3,
    output: 'ran with 3 --flag\n',
    told: 'Installing packages (npm ci)\nCompiling (tsc)\n',
  })
  assert.deepEqual(await run('0'), { code: 0, output: 'ran with 0\n', told: '' })
})

test('what has changed is installed and compiled again, and what is gone is not left behind', async (t) => {
  const { folder, run } = freshClone(t)
  await run('0')
  const later = new Date(Date.now() + 5000)
  writeFileSync(join(folder, 'src/program.ts'), "console.log('changed')\n")
  rmSync(join(folder, 'src/other.ts'))
  utimesSync(join(folder, 'src/program.ts'), later, later)
  assert.deepEqual(await run('0'), { code: 0, output: 'changed\n', told: 'Compiling (tsc)\n' })
  assert.equal(existsSync(join(folder, 'dist/src/other.js')), false)
  utimesSync(join(folder, 'package-lock.json'), later, later)
  assert.match((await run('0')).told, /^package-lock\.json has changed: installing packages \(npm ci\)\n/)
})

test('a source that does not compile stops it, and so does an installation that fails', async (t) => {
  const { folder, run } = freshClone(t)
  writeFileSync(join(folder, 'src/program.ts'), 'const = 1')
  const broken = await run('0')
  assert.equal(broken.code, 1)
  assert.match(
    broken.told,
    /program\.ts\(1,7\).+\nThe sources do not compile \(tsc, status \d+\): see above\.\n$/s,
  )
  rmSync(join(folder, 'node_modules'), { recursive: true })
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
