import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { eventually } from '../../kit/eventually.ts'
import { freePort } from '../../src/embedded/cluster.ts'
import { enrollment, processKeeper, ServerProcess } from '../../kit/command-line.ts'
import { HttpClient } from '../../kit/rest-client.ts'
import { hasCurl, typeInto } from '../../kit/shell-session.ts'
import { readText, root } from '../ops/repository.ts'
import { createDatabase, rabbitAddress } from '../../kit/servers/provide.ts'

const readme = readText('README.md')
const commandsShown = `${readme}\n${readText('docs/operating.md')}`

/** What stands in README as typed into a shell: indented by four, or fenced as `sh`, and beginning with a command. */
function shellBlocks(): readonly (readonly string[])[] {
  const fenced = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text)
  const indented = [...readme.matchAll(/(?:^ {4}\S.*\n(?:^ {4}.*\n)*)/gm)].map(([text]) =>
    text.replaceAll(/^ {4}/gm, ''),
  )
  return [...fenced, ...indented]
    .filter((text) => /^(?:(?:npm|node|curl|docker|export|enrollment) |[A-Z_]+=)/.test(text))
    .map((text) => text.trimEnd().split('\n'))
}

const blocks = shellBlocks()

function blocksWith(...parts: string[]): readonly (readonly string[])[] {
  const found = blocks.filter((lines) => parts.every((part) => lines.join('\n').includes(part)))
  assert.ok(found.length > 0, `README has no example with ${parts.join(' and ')}`)
  return found
}

test('README and docs/operating.md name no script and no option that there is not', async () => {
  const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> }
  for (const [text, name = ''] of commandsShown.matchAll(/\bnpm\s+(?:run\s+)?([a-z][\w:]*)/g)) {
    assert.ok(name === 'ci' || name === 'install' || name in scripts, text)
  }
  const typed = [
    ...commandsShown.matchAll(/(?:src\/cli\.ts|`enrollment|^ *enrollment) ([a-z]+)([^`\n|&#]*)/gm),
  ]
  assert.ok(typed.length > 5)
  const helps = new Map<string, string>()
  for (const [text, command = '', rest = ''] of typed) {
    const known = helps.get(command) ?? (await enrollment([command, '--help'])).stdout
    helps.set(command, known)
    const [, usage] = /^Usage: enrollment (.*)$/m.exec(known) ?? []
    assert.ok(usage !== undefined, `there is no command ${command}: ${text}`)
    for (const option of rest.match(/(?<=\s)--[a-z][\w-]*/g) ?? []) assert.ok(usage.includes(option), text)
  }
})

describe('README, typed as it stands', () => {
  test('the first session works after a first start', async (t) => {
    if (!(await hasCurl())) return t.skip('NOT RUN: there is no curl to type the session with')
    const session = blocksWith('http://127.0.0.1:8080').flat()
    const folder = join(processKeeper().directory, 'readme')
    mkdirSync(folder, { mode: 0o755 })
    const address = `127.0.0.1:${await freePort()}`
    const postmaster = join(folder, 'data/postgresql/cluster/postmaster.pid')
    processKeeper().atEnd('readme', `[ -f ${postmaster} ] && end QUIT $(head -n 1 ${postmaster})`)
    const environment = { LISTEN_ADDRESS: address, ENROLLMENT_DATA: join(folder, 'data') }
    const started = new ServerProcess(['start'], environment, `http://${address}`)
    t.after(() => started.stop())
    await started.untilSays(/Stop with Ctrl-C/)
    const printed = await typeInto(session.map((line) => line.replaceAll('127.0.0.1:8080', address)))
    assert.match(printed, /"course_id":3101/)
    assert.match(printed, /"place":"registered"/)
  })

  test('the production commands load a campus and serve it', async (t) => {
    const [lines = []] = blocksWith('cli.ts batcher', 'cli.ts server')
    const folder = checkout()
    const database = await createDatabase()
    t.after(() => database.drop())
    const port = await freePort()
    const typed = lines
      // What a registry gives is there already.
      .filter((line) => !/^npm (ci|install)\b/.test(line))
      .map((line) =>
        line
          .replaceAll(/postgres:\/\/\S+/g, database.url)
          .replaceAll(/amqp:\/\/\S+/g, rabbitAddress())
          .replaceAll(/\bJWT_SECRET=\S+/g, `JWT_SECRET=${'x'.repeat(40)}`)
          .replaceAll(/LISTEN_ADDRESS=:\d+/g, `LISTEN_ADDRESS=:${port}`),
      )
    runInShell(t, typed, folder)
    const client = new HttpClient(`http://127.0.0.1:${port}`)
    t.after(() => client.close())
    const readiness = () =>
      client.send('GET /readyz').then(
        ({ status }) => status,
        () => 0,
      )
    await eventually(async () => (await readiness()) === 200)
    const login = await client.send('POST /login', { body: { user: 7, password: 'secret-7' } })
    const { token } = login.body as { token: string }
    const body = { course_id: 401, group_id: 1 }
    assert.equal((await client.send('PUT /student/course', { token, body })).status, 204)
  })
})

/** A folder in which what README types finds the program, and a registrar's files under the names that it uses. */
function checkout(): string {
  const folder = join(processKeeper().directory, 'checkout')
  mkdirSync(folder)
  for (const name of ['actors', 'node_modules', 'package.json', 'schema', 'src']) {
    symlinkSync(join(root, name), join(folder, name))
  }
  const files = {
    D: 'id,name\n1,Mathematics\n',
    T: 'id,password_plain,department_id\n5,secret-5,1\n',
    S:
      'id,password_plain,enrollment_start_time,enrollment_end_time,max_units,remaining_actions,department_id,' +
      'entry_year,gender\n7,secret-7,2020-01-01T00:00Z,2099-01-01T00:00Z,20,12,1,1402,female\n',
    C:
      'course_id,group_id,for_department,name,lecturer,units,capacity,reserve_capacity,class_time\n' +
      '401,1,1,Optics,Ada,3,30,5,Sat 09:00-10:30\n',
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, `${name}.csv`), text)
  return folder
}

/** Runs lines in one shell, those that go on in the background too, until the test ends. */
function runInShell(t: TestContext, lines: readonly string[], cwd: string): void {
  const { PATH = '', HOME = '/' } = process.env
  const environment = { PATH, HOME, ENROLLMENT_QUEUE_SETTLE: '0s', ENROLLMENT_METRICS_ADDRESS: 'off' }
  const shell = spawn('sh', ['-c', ['set -eu', ...lines, 'wait'].join('\n')], {
    cwd,
    env: environment,
    stdio: ['ignore', 'ignore', 'inherit'],
    detached: true,
  })
  const { pid } = shell
  assert.ok(pid !== undefined)
  processKeeper().atEnd(String(pid), `kill -s KILL -- -${pid}`)
  const ended = new Promise<void>((resolve) => {
    shell.once('close', () => resolve())
  })
  t.after(async () => {
    process.kill(-pid, 'SIGTERM')
    await ended
    processKeeper().forget(pid)
  })
}
